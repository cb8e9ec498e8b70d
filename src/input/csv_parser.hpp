#pragma once
// libcsv, line by line: records per RFC 4180, in strict mode, with nothing trimmed.

#include <csv.h>

#include <cardvoid/base/error.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::input {

class CsvParser {
 public:
  explicit CsvParser(char delimiter = ',');
  CsvParser(const CsvParser&) = delete;  // libcsv's callbacks hold its address
  CsvParser& operator=(const CsvParser&) = delete;
  ~CsvParser() { csv_free(&parser_); }

  // From now on, quotation marks inside a field that does not begin with one are plain text, as for
  // spreadsheets and most readers. Not for a header: there they would hide which delimiter is right.
  void take_literal_marks() { takes_literal_marks_ = true; }

  enum class Fed {
    unfinished,  // a quoted field goes on in the next line, or the last line has no line feed
    blank,       // only a line end
    record,      // fields() holds it
  };

  // Takes one line with its line feed; only the last may lack one. The error says what is wrong, not where.
  Result<Fed> feed(std::string_view line);

  // At the end of the file.
  Result<Fed> finish();

  // The fields of the finished record, valid until the next line is fed.
  const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  Result<void> parse(std::string_view bytes);
  void begin_record();
  void split(std::string_view line);
  void note_fields();
  std::string_view with_literal_marks_quoted(std::string_view line, bool is_in_quotes);
  static void take_field(void* bytes, std::size_t size, void* self);
  static void take_row(int terminator, void* self);

  csv_parser parser_{};
  char delimiter_;
  bool takes_literal_marks_ = false;
  std::string rewritten_;
  std::string text_;               // the record's fields, one behind the other
  std::vector<std::size_t> ends_;  // where each of them ends in text_
  std::vector<std::string_view> fields_;
  bool complete_ = false, is_open_ = false;
  int terminators_ = 0;  // line ends outside quotes that libcsv has seen
};

}  // namespace cardvoid::input
