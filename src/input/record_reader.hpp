#pragma once
// Lines → CSV records, with the line where each begins, at constant memory.

#include <array>
#include <cardvoid/base/translate.hpp>
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
  const char *name, *plural;  // in words
  std::string_view value;     // as the job file has it
};

inline constexpr std::array k_delimiters{
    Delimiter{',', translatable("comma"), translatable("commas"), "\",\""},
    Delimiter{';', translatable("semicolon"), translatable("semicolons"), "\";\""},
    Delimiter{'\t', translatable("tab"), translatable("tabs"), "\"tab\""}};

class RecordReader {
 public:
  // Fields are separated by `delimiter`; 0: any of k_delimiters. Then records are read with each of them
  // until keep() chooses one.
  RecordReader(LineReader lines, char delimiter);

  // False at the end of the file, and at every call after. Errors name file and line: those of LineReader,
  // and bad_input if it is not CSV with any delimiter.
  Result<bool> next();

  // The record's fields, valid until the next call; nullptr: not CSV with this delimiter.
  const std::vector<std::string_view>* fields_by(char delimiter);
  // From here on uses this one only, and takes quotation marks inside unquoted fields literally.
  void keep(char delimiter);

  const std::vector<std::string_view>& fields() { return ways_.front().parser->fields(); }

  std::int64_t line() const { return start_line_; }  // where the record begins
  bool spans_lines() const { return !pieces_.empty(); }
  std::string where() const;  // "members.csv:7"
  std::string_view raw();     // the record unchanged, without its line end

  // The reader of lines underneath, for use before the first next().
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
