#include <boost/json.hpp>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/report/export.hpp>
#include <charconv>
#include <set>

namespace cardvoid::report {

namespace {

const std::set<std::string, std::less<>> k_numbers{"http_status", "attempts", "source_line", "answer_signed"};
constexpr std::string_view k_truth = "answer_signed";  // 1 or 0, and in JSON true or false

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

namespace {

void append_csv_line(std::string& line, const ledger::ResultRow& row, bool excel) {
  const auto& columns = ledger::result_columns();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ',';
    if (!row[i]) continue;
    if (excel && !k_numbers.contains(columns[i]))
      append_csv_field(line, for_excel(*row[i]));
    else
      append_csv_field(line, *row[i]);
  }
  line += "\r\n";
}

}  // namespace

std::string csv_line(const ledger::ResultRow& row, bool excel) {
  std::string line;
  append_csv_line(line, row, excel);
  return line;
}

Result<ExportDigest> export_digest(ledger::Ledger& ledger) {
  ExportDigest digest;
  Sha256 hash;
  constexpr std::size_t k_block = 65'536;
  auto block = csv_header(false);
  const auto pass_on = [&] {
    hash.add(block);
    digest.bytes += static_cast<std::int64_t>(block.size());
    block.clear();
  };
  const auto rows = ledger::each_result(ledger, {}, [&](const ledger::ResultRow& row) {
    append_csv_line(block, row, false);
    if (block.size() >= k_block) pass_on();
  });
  if (!rows) return rows.error();
  pass_on();
  digest.rows = *rows;
  digest.sha256 = hash.finish_hex();
  return digest;
}

std::string json_line(const ledger::ResultRow& row) {
  const auto& columns = ledger::result_columns();
  boost::json::object object;
  for (std::size_t i = 0; i < row.size(); ++i) {
    auto& value = object[columns[i]];
    if (!row[i]) continue;
    if (!k_numbers.contains(columns[i])) {
      value.emplace_string().assign(row[i]->data(), row[i]->size());
      continue;
    }
    std::int64_t number = 0;
    std::from_chars(row[i]->data(), row[i]->data() + row[i]->size(), number);
    if (columns[i] == k_truth)
      value = number != 0;
    else
      value = number;
  }
  return to_json_line(object);
}

}  // namespace cardvoid::report
