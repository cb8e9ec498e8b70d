#include "sorted_lines.hpp"

#include <fmt/format.h>

#include "state.hpp"

namespace cardvoid::ledger {

SortedLines::SortedLines(sqlite::Connection& db) : db_{db}, waiting_{db} {
  db.execute("DROP TABLE IF EXISTS temp.sorted_line");
}

void SortedLines::put_aside(const model::InputRow& row, std::string_view text) {
  waiting_.put_aside(++last_, row, text);
}

void SortedLines::finish(const Take& take) {
  hand_over_known(take);
  others_.each([&](std::int64_t number) { take.other(waiting_.from(number).value().row, number); });
  waiting_.drop();
}

void SortedLines::hand_over_known(const Take& take) {
  const SortingSettings sorting{db_};
  // In a table of its own: SQLite leaves the order of a subquery out, which the index needs.
  db_.execute(fmt::format(
      "CREATE TEMP TABLE sorted_line AS SELECT line, {} FROM temp.line ORDER BY brand_id, card_id, code",
      k_row_of_line));
  {
    sqlite::Statement lines{
        db_,
        "SELECT row.id, line, s.brand_id, s.card_id, s.code, s.openid, s.reason, s.source_line FROM "
        "temp.sorted_line AS s LEFT JOIN main.row ON row.brand_id = s.brand_id AND row.card_id = s.card_id "
        "AND row.code = s.code ORDER BY row.id, line"};
    for (lines.bind(); lines.step();) {
      const auto line = lines.int64(1);
      if (lines.is_null(0))
        others_.add(line);
      else
        take.known(lines.int64(0), row_of_line(lines, 2), line);
    }
  }
  db_.execute("DROP TABLE temp.sorted_line");
}

}  // namespace cardvoid::ledger
