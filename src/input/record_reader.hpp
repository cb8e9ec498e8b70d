#pragma once
// Lines → records of CSV, with the line where each begins, at constant memory.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csv_parser.hpp"
#include "line_reader.hpp"

namespace cardvoid::input {

struct Delimiter {
  char mark;
  std::string_view name, value;  // in words; as the job file has it
};

inline constexpr std::array k_delimiters{Delimiter{',', "comma", "\",\""},
                                         Delimiter{';', "semicolon", "\";\""},
                                         Delimiter{'\t', "tab", "\"tab\""}};

class RecordReader {
 public:
  // Fields are separated by `delimiter`; 0: by any of k_delimiters, and records are read in every way until
  // keep() says which is right.
  RecordReader(LineReader lines, char delimiter);

  // True when there is a next record; false at the end of the file and ever after. Errors name file and line:
  // what LineReader says, bad_input when it is no CSV in any of the ways.
  Result<bool> next();

  // The record's fields, valid until the next call; nullptr: with this delimiter it is no CSV.
  const std::vector<std::string_view>* fields_by(char delimiter);
  // From here on by this one, of those that it has, and taking quotation marks inside plain fields literally.
  void keep(char delimiter);

  const std::vector<std::string_view>& fields() { return ways_.front().parser->fields(); }

  std::int64_t line() const { return start_line_; }  // where the record begins
  bool spans_lines() const { return !pieces_.empty(); }
  std::string where() const;  // "members.csv:7"
  std::string_view raw();     // the record as it stands, without its line end

  // The line by line reader underneath, as long as next() was not called.
  LineReader& lines() { return lines_; }
  const LineReader& lines() const { return lines_; }

 private:
  struct Way {
    char delimiter;
    std::unique_ptr<CsvParser> parser;
    std::optional<Error> fault;
  };

  template <class Feed>
  Result<CsvParser::Fed> feed_all(Feed feed);
  Error end_with(Error error);
  Error fault_in(Error error, std::int64_t line) const;

  LineReader lines_;
  std::vector<Way> ways_;  // at least one
  std::int64_t start_line_ = 1;
  std::string_view last_line_;  // of the record; earlier ones are in pieces_
  std::string pieces_;
  bool is_done_ = false;
};

}  // namespace cardvoid::input
