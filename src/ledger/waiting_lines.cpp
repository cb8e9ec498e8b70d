#include "waiting_lines.hpp"

#include <fmt/format.h>

#include "row_set.hpp"
#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr std::string_view k_row_columns = "brand_id, card_id, code, openid, reason, source_line";

model::InputRow row_in(const sqlite::Statement& statement, int first_column) {
  const auto text = [&](int at) { return std::string{statement.text(first_column + at)}; };
  return {{text(0), text(1), text(2), text(3), text(4)}, statement.int64(first_column + 5)};
}

const sqlite::Connection& with_room(sqlite::Connection& db) {
  db.execute(
      "DROP TABLE IF EXISTS temp.line; DROP TABLE IF EXISTS temp.sorted_line; CREATE TEMP TABLE line (line "
      "INTEGER PRIMARY KEY, brand_id TEXT, card_id TEXT, code TEXT, openid TEXT, reason TEXT, source_line "
      "INTEGER, text TEXT)");
  return db;
}

}  // namespace

WaitingLines::WaitingLines(sqlite::Connection& db)
    : db_{db},
      put_aside_{with_room(db), "INSERT INTO temp.line VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      next_{db, fmt::format("SELECT line, text, {} FROM temp.line WHERE line >= ?1 ORDER BY line LIMIT 1",
                            k_row_columns)} {}

void WaitingLines::put_aside(std::int64_t number, const model::InputRow& row, std::string_view text) {
  const auto& card = row.card;
  put_aside_
      .bind(number, card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line, text)
      .run();
  ++count_;
}

std::string WaitingLines::text_of(std::int64_t number) {
  next_.bind(number).step();
  std::string text{next_.text(1)};
  next_.reset();
  return text;
}

// Nothing is open when `line` is called.
void WaitingLines::each(const Line& line) {
  for (std::int64_t number = 1; next_.bind(number).step(); ++number) {
    number = next_.int64(0);
    const auto row = row_in(next_, 2);
    next_.reset();
    line(number, row);
  }
}

void WaitingLines::each_sorted(const Known& known, const Line& other) {
  RowSet others;
  {
    const SortingSettings sorting{db_};
    // In a table of its own: SQLite leaves the order of a subquery out, which the index needs.
    db_.execute(fmt::format(
        "CREATE TEMP TABLE sorted_line AS SELECT line, {} FROM temp.line ORDER BY brand_id, card_id, code",
        k_row_columns));
    sqlite::Statement lines{
        db_,
        "SELECT row.id, line, s.brand_id, s.card_id, s.code, s.openid, s.reason, s.source_line FROM "
        "temp.sorted_line AS s LEFT JOIN main.row ON row.brand_id = s.brand_id AND row.card_id = s.card_id "
        "AND row.code = s.code ORDER BY row.id, line"};
    for (lines.bind(); lines.step();) {
      const auto number = lines.int64(1);
      if (lines.is_null(0))
        others.add(number);
      else
        known(lines.int64(0), number, row_in(lines, 2));
    }
  }
  db_.execute("DROP TABLE temp.sorted_line");
  others.each([&](std::int64_t number) {
    next_.bind(number).step();
    const auto row = row_in(next_, 2);
    next_.reset();
    other(number, row);
  });
}

void WaitingLines::drop() { db_.execute("DROP TABLE temp.line"); }

}  // namespace cardvoid::ledger
