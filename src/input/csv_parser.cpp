#include "csv_parser.hpp"

#include <algorithm>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/translate.hpp>
#include <new>

namespace cardvoid::input {

namespace {

// Told that no character is a blank, libcsv does not trim unquoted fields. An identifier is never changed
// silently.
int is_never_space(unsigned char) { return 0; }

}  // namespace

CsvParser::CsvParser(char delimiter) : delimiter_{delimiter} {
  // Reports every line end outside quotes, which shows blank lines and lone carriage returns.
  if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) throw std::bad_alloc{};
  csv_set_space_func(&parser_, is_never_space);
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
  csv_set_blk_size(&parser_, 4096);
}

void CsvParser::take_field(void* bytes, std::size_t size, void* self) {
  auto& parser = *static_cast<CsvParser*>(self);
  parser.text_.append(static_cast<const char*>(bytes), size);
  parser.ends_.push_back(parser.text_.size());
}

void CsvParser::take_row(int, void* self) {
  auto& parser = *static_cast<CsvParser*>(self);
  ++parser.terminators_;
  if (!parser.ends_.empty()) parser.complete_ = true;
}

void CsvParser::begin_record() {
  text_.clear();
  ends_.clear();
  complete_ = false;
  is_open_ = true;
}

Result<void> CsvParser::parse(std::string_view bytes) {
  const auto done = csv_parse(&parser_, bytes.data(), bytes.size(), take_field, take_row, this);
  if (done == bytes.size()) return {};
  if (csv_error(&parser_) != CSV_EPARSE) throw std::bad_alloc{};
  if (bytes[done] == '"')
    return Error{
        Errc::bad_input,
        tr("a quotation mark inside a field that is not in quotes; quote the field and double the mark")};
  return Error{Errc::bad_input,
               tr("text after a closing quotation mark; a quotation mark inside a field must be doubled")};
}

std::string_view CsvParser::with_literal_marks_quoted(std::string_view line, bool is_in_quotes) {
  if (line.find('"') == std::string_view::npos) return line;
  std::size_t at = 0, copied = 0;
  const auto skip_quoted = [&] {  // from behind the opening mark to behind the closing one
    for (;;) {
      at = line.find('"', at);
      if (at == std::string_view::npos || ++at == line.size() || line[at] != '"') break;
      ++at;  // a doubled one
    }
    at = std::min(at, line.size());
  };
  const auto skip_to_end_of_field = [&] {
    while (at < line.size() && line[at] != delimiter_ && line[at] != '\n' && line[at] != '\r') ++at;
  };
  rewritten_.clear();
  if (is_in_quotes) {
    skip_quoted();
    skip_to_end_of_field();
    at += at < line.size() && line[at] == delimiter_;
  }
  while (at < line.size()) {
    const auto begin = at;
    if (line[at] == '"') ++at, skip_quoted();
    skip_to_end_of_field();
    const auto field = line.substr(begin, at - begin);
    if (!field.starts_with('"') && field.find('"') != std::string_view::npos) {
      rewritten_.append(line, copied, begin - copied).append(csv_field(field));
      copied = at;
    }
    if (at < line.size() && line[at] != delimiter_) break;
    ++at;
  }
  return copied == 0 ? line : rewritten_.append(line, copied);
}

// A line without quotation marks needs no parser: every delimiter separates two fields.
void CsvParser::split(std::string_view line) {
  text_ = line;
  fields_.clear();
  for (std::size_t begin = 0, end = 0; begin <= text_.size(); begin = end + 1) {
    end = std::min(text_.find(delimiter_, begin), text_.size());
    fields_.emplace_back(text_.data() + begin, end - begin);
  }
}

Result<CsvParser::Fed> CsvParser::feed(std::string_view line) {
  if (!is_open_ && line.ends_with('\n') && line.find('"') == std::string_view::npos) {
    const auto body = line.substr(0, line.find_last_not_of("\r\n") + 1);
    if (!body.empty() && body.find('\r') == std::string_view::npos) {
      split(body);
      return Fed::record;
    }
  }
  if (takes_literal_marks_) line = with_literal_marks_quoted(line, is_open_);
  if (!is_open_) begin_record();

  // libcsv ends a row at a carriage return too, so a lone one would silently split a row. Inside quotes it is
  // part of the field, and find_fault refuses it.
  const auto body = line.find_last_not_of("\r\n") + 1;
  std::size_t fed = 0;
  for (auto at = line.find('\r'); at < body; at = line.find('\r', at + 1)) {
    if (const auto parsed = parse(line.substr(fed, at - fed)); !parsed) return parsed.error();
    terminators_ = 0;
    if (const auto parsed = parse(line.substr(at, 1)); !parsed) return parsed.error();
    if (terminators_ > 0)
      return Error{Errc::bad_input,
                   tr("a carriage return without a line feed; save the file with CRLF or LF line ends")};
    fed = at + 1;
  }
  terminators_ = 0;
  if (const auto parsed = parse(line.substr(fed)); !parsed) return parsed.error();

  if (complete_) {
    is_open_ = false;
    note_fields();
    return Fed::record;
  }
  if (terminators_ > 0) {  // a line end outside quotes, and no field before it
    is_open_ = false;
    return Fed::blank;
  }
  return Fed::unfinished;
}

Result<CsvParser::Fed> CsvParser::finish() {
  if (!is_open_) return Fed::blank;
  if (csv_fini(&parser_, take_field, take_row, this) != 0)
    return Error{Errc::bad_input,
                 tr("a quotation mark opens here and none closes before the end of the file")};
  is_open_ = false;
  note_fields();
  return complete_ ? Fed::record : Fed::blank;
}

void CsvParser::note_fields() {
  fields_.clear();
  std::size_t begin = 0;
  for (const auto end : ends_) {
    fields_.emplace_back(text_.data() + begin, end - begin);
    begin = end;
  }
}

}  // namespace cardvoid::input
