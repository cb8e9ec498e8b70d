#pragma once
// Lines of an input that wait until it has ended: in a temporary table, temp.line, which SQLite keeps in a
// file. One at a time for each connection.

#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

// The columns of temp.line, of which row_of_line() reads those of the row.
inline constexpr std::string_view k_row_of_line = "brand_id, card_id, code, openid, reason, source_line";
model::InputRow row_of_line(const sqlite::Statement& statement, int first_column);

class WaitingLines {
 public:
  explicit WaitingLines(sqlite::Connection& db);
  // `number`: greater than those before. `text`: of the line in the input.
  void put_aside(std::int64_t number, const model::InputRow& row, std::string_view text);

  struct Line {
    std::int64_t number = 0;
    model::InputRow row;
    std::string text;
  };
  // The line with this number or the next one behind it; nullopt: there is none. Nothing is open afterwards,
  // so the caller may commit.
  std::optional<Line> from(std::int64_t number);

  // The disk that they take is given back. Called last.
  void drop();

 private:
  sqlite::Connection& db_;
  sqlite::Statement put_aside_, from_;
};

}  // namespace cardvoid::ledger
