#include "waiting_lines.hpp"

#include <fmt/format.h>

namespace cardvoid::ledger {

namespace {

const sqlite::Connection& with_room(sqlite::Connection& db) {
  db.execute(
      "DROP TABLE IF EXISTS temp.line; CREATE TEMP TABLE line (line INTEGER PRIMARY KEY, brand_id TEXT, "
      "card_id TEXT, code TEXT, openid TEXT, reason TEXT, source_line INTEGER, text TEXT)");
  return db;
}

}  // namespace

model::InputRow row_of_line(const sqlite::Statement& statement, int first_column) {
  const auto text = [&](int at) { return std::string{statement.text(first_column + at)}; };
  return {{text(0), text(1), text(2), text(3), text(4)}, statement.int64(first_column + 5)};
}

WaitingLines::WaitingLines(sqlite::Connection& db)
    : db_{db},
      put_aside_{with_room(db), "INSERT INTO temp.line VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      from_{db, fmt::format("SELECT line, text, {} FROM temp.line WHERE line >= ?1 ORDER BY line LIMIT 1",
                            k_row_of_line)} {}

void WaitingLines::put_aside(std::int64_t number, const model::InputRow& row, std::string_view text) {
  const auto& card = row.card;
  put_aside_
      .bind(number, card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line, text)
      .run();
}

std::optional<WaitingLines::Line> WaitingLines::from(std::int64_t number) {
  if (!from_.bind(number).step()) return std::nullopt;
  Line line{from_.int64(0), row_of_line(from_, 2), std::string{from_.text(1)}};
  from_.reset();
  return line;
}

void WaitingLines::drop() { db_.execute("DROP TABLE temp.line"); }

}  // namespace cardvoid::ledger
