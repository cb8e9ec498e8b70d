#include "csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/csv.hpp>

namespace cardvoid::sandbox {

void append_csv_row(std::string& out, std::initializer_list<std::string_view> cells) {
  bool first = true;
  for (const auto cell : cells) {
    if (!first) out += ',';
    first = false;
    out += csv_field(cell);
  }
  out += '\n';
}

CsvReader::CsvReader(std::string_view text) : text_{text} {
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
}

Result<bool> CsvReader::next(std::vector<std::string>& cells) {
  cells.clear();
  while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r'))
    if (text_[at_++] == '\n') ++line_;
  if (at_ >= text_.size()) return false;
  record_line_ = line_;
  for (;;) {
    if (at_ < text_.size() && text_[at_] == '"') {
      auto cell = quoted_cell();
      if (!cell) return cell.error();
      cells.push_back(std::move(*cell));
    } else {
      cells.push_back(plain_cell());
    }
    if (at_ < text_.size() && text_[at_] == ',') {
      ++at_;
      continue;
    }
    if (end_of_record()) return true;
    return Error{Errc::bad_input, fmt::format("line {}: text after a closing quote", line_)};
  }
}

Result<std::string> CsvReader::quoted_cell() {
  std::string cell;
  const auto opened = line_;
  for (++at_; at_ < text_.size(); ++at_) {
    if (text_[at_] == '"') {
      ++at_;
      if (at_ >= text_.size() || text_[at_] != '"') return cell;
    }
    if (text_[at_] == '\n') ++line_;
    cell += text_[at_];
  }
  return Error{Errc::bad_input, fmt::format("line {}: a quote is never closed", opened)};
}

std::string CsvReader::plain_cell() {
  const auto end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
  std::string cell{text_.substr(at_, end - at_)};
  at_ = end;
  return cell;
}

bool CsvReader::end_of_record() {
  if (at_ >= text_.size()) return true;
  if (text_[at_] == '\r') ++at_;
  if (at_ >= text_.size()) return true;
  if (text_[at_] != '\n') return text_[at_ - 1] == '\r';  // a lone CR ends a record too
  ++at_, ++line_;
  return true;
}

std::vector<int> find_columns(const std::vector<std::string>& header,
                              std::initializer_list<std::string_view> names) {
  std::vector<int> columns;
  for (const auto name : names) {
    const auto found = std::find(header.begin(), header.end(), name);
    columns.push_back(found == header.end() ? -1 : static_cast<int>(found - header.begin()));
  }
  return columns;
}

}  // namespace cardvoid::sandbox
