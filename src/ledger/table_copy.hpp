#pragma once
// Lines of a table of ours, from one results database to another: all columns, some with other values.

#include <cardvoid/sqlite/connection.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cardvoid::ledger {

class TableCopy {
 public:
  // `which`: SQL behind the name of the table, such as "WHERE … ORDER BY id".
  TableCopy(const sqlite::Connection& from, const sqlite::Connection& to, const std::string& table,
            std::string_view which);

  bool step() { return from_.step(); }  // throws sqlite::Failure
  const sqlite::Statement& line() const { return from_; }
  int column(std::string_view name) const;
  // The line as it is, but for these columns.
  using Changed = std::initializer_list<std::pair<int, std::int64_t>>;
  void write(Changed changed);
  // The same with a number of its own, and one text changed.
  void write_numbered(Changed changed, int text_column, std::string_view text);

 private:
  void bind_all(Changed changed);
  std::vector<std::string> columns_;
  sqlite::Statement from_, to_;
};

}  // namespace cardvoid::ledger
