#pragma once
// Lines → records of CSV, with the line where each begins, at constant memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "csv_parser.hpp"
#include "line_reader.hpp"

namespace cardvoid::input {

class RecordReader {
 public:
  RecordReader(ReadBytes read, std::string name) : lines_{std::move(read), std::move(name)} {}

  // True when fields() holds the next record; false at the end of the file and ever after. Errors name file
  // and line: what LineReader says, bad_input when it is no CSV.
  Result<bool> next();
  const std::vector<std::string_view>& fields() { return parser_.fields(); }

  std::int64_t line() const { return start_line_; }  // where the record begins
  std::string where() const;                         // "members.csv:7"
  std::string_view raw();                            // the record as it stands, without its line end

  // The line by line reader underneath, as long as next() was not called.
  LineReader& lines() { return lines_; }
  const LineReader& lines() const { return lines_; }

 private:
  Error end_with(Error error);
  Error fault_in(Error error, std::int64_t line) const;

  LineReader lines_;
  CsvParser parser_;
  std::int64_t start_line_ = 1;
  std::string_view last_line_;  // of the record; earlier ones are in pieces_
  std::string pieces_;
  bool is_done_ = false;
};

}  // namespace cardvoid::input
