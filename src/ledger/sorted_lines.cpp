#include "sorted_lines.hpp"

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

const sqlite::Connection& with_room_for_lines(sqlite::Connection& db) {
  db.execute(
      "DROP TABLE IF EXISTS temp.line; DROP TABLE IF EXISTS temp.other_line; DROP TABLE IF EXISTS "
      "temp.sorted_line; CREATE TEMP TABLE line (line "
      "INTEGER PRIMARY KEY, brand_id TEXT, card_id TEXT, code TEXT, openid TEXT, reason TEXT, source_line "
      "INTEGER, text TEXT); CREATE TEMP TABLE other_line (line INTEGER PRIMARY KEY)");
  return db;
}

// Of columns in the order of temp.line.
model::InputRow row_in(const sqlite::Statement& s, int first_column) {
  const auto text = [&](int at) { return std::string{s.text(first_column + at)}; };
  return {{text(0), text(1), text(2), text(3), text(4)}, s.int64(first_column + 5)};
}

}  // namespace

SortedLines::SortedLines(sqlite::Connection& db)
    : db_{db},
      put_aside_{with_room_for_lines(db),
                 "INSERT INTO temp.line (brand_id, card_id, code, openid, reason, source_line, text) VALUES "
                 "(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
      put_among_others_{db, "INSERT INTO temp.other_line VALUES (?1)"},
      text_of_{db, "SELECT text FROM temp.line WHERE line = ?1"} {}

void SortedLines::put_aside(const model::InputRow& row, std::string_view text) {
  const auto& card = row.card;
  put_aside_.bind(card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line, text)
      .run();
}

std::string SortedLines::text_of(std::int64_t line) {
  std::string text;
  if (text_of_.bind(line).step()) text = text_of_.text(0);
  text_of_.reset();
  return text;
}

void SortedLines::finish(const Take& take) {
  hand_over_known(take);
  hand_over_others(take);
  db_.execute("DROP TABLE temp.line; DROP TABLE temp.other_line; DROP TABLE temp.sorted_line");
}

void SortedLines::hand_over_known(const Take& take) {
  const SortingSettings sorting{db_};
  // In a table of its own: SQLite leaves the order of a subquery out, which the index needs.
  db_.execute(
      "CREATE TEMP TABLE sorted_line AS SELECT line, brand_id, card_id, code, openid, reason, source_line "
      "FROM "
      "temp.line ORDER BY brand_id, card_id, code");
  sqlite::Statement lines{
      db_,
      "SELECT row.id, line, s.brand_id, s.card_id, s.code, s.openid, s.reason, s.source_line FROM "
      "temp.sorted_line AS s LEFT JOIN main.row ON row.brand_id = s.brand_id AND row.card_id = s.card_id AND "
      "row.code = s.code ORDER BY row.id, line"};
  for (lines.bind(); lines.step();) {
    const auto line = lines.int64(1);
    if (lines.is_null(0))
      put_among_others_.bind(line).run();
    else
      take.known(lines.int64(0), row_in(lines, 2), line);
  }
}

void SortedLines::hand_over_others(const Take& take) {
  sqlite::Statement next{db_,
                         "SELECT line, brand_id, card_id, code, openid, reason, source_line FROM "
                         "temp.other_line CROSS JOIN temp.line USING (line) WHERE line > ?1 ORDER BY line "
                         "LIMIT 1"};
  std::int64_t line = 0;
  for (next.bind(line); next.step(); next.bind(line)) {
    line = next.int64(0);
    const auto row = row_in(next, 1);
    next.reset();  // `take` may commit
    take.other(row, line);
  }
}

}  // namespace cardvoid::ledger
