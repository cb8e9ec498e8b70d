#pragma once
// RFC 4180 text, as far as the sandbox's own files need it: commas, UTF-8, LF or CRLF. Pure.

#include <cardvoid/base/error.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::sandbox {

// Appends one record and a LF; cells are quoted where they have to be.
void append_csv_row(std::string& out, std::initializer_list<std::string_view> cells);

class CsvReader {
 public:
  // A byte order mark is skipped. The text must outlive the reader.
  explicit CsvReader(std::string_view text);

  // The next record, into `cells`; false at the end. Blank lines are skipped. Errors (bad_input) name the
  // line.
  Result<bool> next(std::vector<std::string>& cells);

  std::int64_t line() const { return record_line_; }  // where the last record starts, 1-based

 private:
  Result<std::string> quoted_cell();
  std::string plain_cell();
  bool end_of_record();

  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1, record_line_ = 0;
};

// Column numbers of `names` in a header record; -1 for the absent ones.
std::vector<int> find_columns(const std::vector<std::string>& header,
                              std::initializer_list<std::string_view> names);

}  // namespace cardvoid::sandbox
