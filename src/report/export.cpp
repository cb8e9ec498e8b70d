#include <boost/json.hpp>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/report/export.hpp>
#include <charconv>
#include <set>

namespace cardvoid::report {

namespace {

const std::set<std::string, std::less<>> k_numbers{"http_status", "attempts", "source_line", "answer_signed"};

// A spreadsheet cuts digits after the 15th and runs what begins with = + - @.
std::string for_excel(std::string_view text) {
  if (text.empty()) return {};
  std::string doubled;
  for (const char c : text) {
    if (c == '"') doubled += '"';
    doubled += c;
  }
  return "=\"" + doubled + "\"";
}

}  // namespace

std::string csv_header(bool excel) {
  std::string line = excel ? "\xEF\xBB\xBF" : "";
  for (const auto& column : ledger::result_columns())
    line += (line.empty() || line.back() == '\xBF' ? "" : ",") + column;
  return line + "\r\n";
}

std::string csv_line(const ledger::ResultRow& row, bool excel) {
  const auto& columns = ledger::result_columns();
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ',';
    if (!row[i]) continue;
    line += csv_field(excel && !k_numbers.contains(columns[i]) ? for_excel(*row[i]) : *row[i]);
  }
  return line + "\r\n";
}

std::string json_line(const ledger::ResultRow& row) {
  const auto& columns = ledger::result_columns();
  boost::json::object object;
  for (std::size_t i = 0; i < row.size(); ++i) {
    auto& value = object[columns[i]];
    if (!row[i]) continue;
    if (!k_numbers.contains(columns[i])) {
      value = *row[i];
      continue;
    }
    std::int64_t number = 0;
    std::from_chars(row[i]->data(), row[i]->data() + row[i]->size(), number);
    value = number;
  }
  return to_json_line(object);
}

}  // namespace cardvoid::report
