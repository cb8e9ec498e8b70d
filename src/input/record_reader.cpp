#include "record_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/translate.hpp>
#include <utility>

namespace cardvoid::input {

RecordReader::RecordReader(LineReader lines, char delimiter) : lines_{std::move(lines)} {
  for (const auto& each : k_delimiters)
    if (delimiter == 0 || delimiter == each.mark)
      ways_.push_back({each.mark, std::make_unique<CsvParser>(each.mark), {}});
}

// A record ends at the same place for every delimiter that can read it: only quotation marks decide.
template <class Feed>
Result<CsvParser::Fed> RecordReader::feed_all(Feed feed) {
  std::optional<CsvParser::Fed> fed_last;
  for (auto& [delimiter, parser, fault] : ways_) {
    if (fault) continue;
    if (const auto fed = feed(*parser))
      fed_last = *fed;
    else
      fault = fed.error();
  }
  if (fed_last) return *fed_last;
  return *ways_.front().fault;
}

Result<bool> RecordReader::next() {
  if (is_done_) return false;
  pieces_.clear();
  bool is_open = false;
  for (;;) {
    const auto line = lines_.next();
    if (!line) return end_with(line.error());
    if (!*line) {
      is_done_ = true;
      const auto fed = feed_all([](CsvParser& parser) { return parser.finish(); });
      if (!fed) return end_with(with_context(fed.error(), where()));
      last_line_ = {};
      return *fed == CsvParser::Fed::record;
    }
    if (!is_open) start_line_ = (*line)->number;
    last_line_ = (*line)->bytes;
    if (pieces_.size() + last_line_.size() > k_longest_record_bytes)
      return end_with(
          {Errc::bad_input,
           tr("{}: the record that starts here is longer than 64 KiB; is a closing quotation mark missing?",
              where())});
    const auto fed = feed_all([&](CsvParser& parser) { return parser.feed(last_line_); });
    if (!fed) return end_with(fault_in(fed.error(), (*line)->number));
    switch (*fed) {
      case CsvParser::Fed::record: return true;
      case CsvParser::Fed::blank: is_open = false; continue;
      case CsvParser::Fed::unfinished:
        is_open = true;
        pieces_ += last_line_;
        continue;
    }
  }
}

const std::vector<std::string_view>* RecordReader::fields_by(char delimiter) {
  const auto way =
      std::find_if(ways_.begin(), ways_.end(), [&](const Way& each) { return each.delimiter == delimiter; });
  return way == ways_.end() || way->fault ? nullptr : &way->parser->fields();
}

void RecordReader::keep(char delimiter) {
  std::erase_if(ways_, [&](const Way& way) { return way.delimiter != delimiter; });
  ways_.front().parser->take_literal_marks();
}

Error RecordReader::end_with(Error error) {
  is_done_ = true;
  return error;
}

// Names the line where the record starts: a quotation mark missing there shows up lines later.
Error RecordReader::fault_in(Error error, std::int64_t line) const {
  if (line != start_line_)
    error.what += tr(" (found in line {}; the record starts in line {})", line, start_line_);
  return with_context(std::move(error), where());
}

std::string RecordReader::where() const { return fmt::format("{}:{}", lines_.name(), start_line_); }

std::string_view RecordReader::raw() {
  if (!pieces_.empty()) pieces_ += std::exchange(last_line_, {});
  std::string_view text = pieces_.empty() ? last_line_ : std::string_view{pieces_};
  text.remove_suffix(text.size() - (text.find_last_not_of("\r\n") + 1));
  return text;
}

}  // namespace cardvoid::input
