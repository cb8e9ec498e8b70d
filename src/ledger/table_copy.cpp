#include "table_copy.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cardvoid::ledger {

namespace {

std::vector<std::string> columns_of(const sqlite::Connection& db, const std::string& table) {
  sqlite::Statement s{db, "SELECT name FROM pragma_table_info(?1, 'main')"};
  std::vector<std::string> columns;
  for (s.bind(table); s.step();) columns.emplace_back(s.text(0));
  return columns;
}

std::string insert_sql(const std::string& table, const std::vector<std::string>& columns) {
  std::string values;
  for (std::size_t i = 1; i <= columns.size(); ++i) values += fmt::format("{}?{}", i == 1 ? "" : ", ", i);
  return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, fmt::join(columns, ", "), values);
}

}  // namespace

TableCopy::TableCopy(const sqlite::Connection& from, const sqlite::Connection& to, const std::string& table,
                     std::string_view which)
    : columns_{columns_of(to, table)},
      from_{from, fmt::format("SELECT {} FROM {} {}", fmt::join(columns_, ", "), table, which)},
      to_{to, insert_sql(table, columns_)} {
  from_.bind();
}

int TableCopy::column(std::string_view name) const {
  return static_cast<int>(std::find(columns_.begin(), columns_.end(), name) - columns_.begin());
}

void TableCopy::bind_all(Changed changed) {
  to_.reset();
  for (int i = 0; i < static_cast<int>(columns_.size()); ++i) to_.bind_column(i + 1, from_, i);
  for (const auto& each : changed) to_.bind_number(each.first + 1, each.second);
}

void TableCopy::write(Changed changed) {
  bind_all(changed);
  to_.run();
}

void TableCopy::write_numbered(Changed changed, int text_column, std::string_view text) {
  bind_all(changed);
  to_.bind_text(text_column + 1, text);
  to_.run();
}

}  // namespace cardvoid::ledger
