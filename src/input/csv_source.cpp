#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>

#include "csv_parser.hpp"
#include "csv_source.hpp"
#include "decoder.hpp"
#include "delimiter.hpp"
#include "line_reader.hpp"

namespace cardvoid::input {

namespace {

constexpr std::size_t k_most_samples = 3;

class CsvSource final : public Source {
 public:
  CsvSource(Decoded decoded, std::string name, const Settings& settings)
      : lines_{decoded.read, std::move(name),
               "save the file as UTF-8, or set input.encoding to what it is, \"gbk\" or \"gb18030\""},
        decoded_{std::move(decoded)},
        encoding_is_assumed_{settings.encoding_is_assumed} {}

  // With the delimiter by which our columns are found, where the job names none.
  Result<void> read_header(const Settings& settings) {
    std::vector<Dialect> dialects;
    for (const auto& delimiter : k_delimiters)
      if (settings.input.delimiter == 0 || settings.input.delimiter == delimiter.mark)
        dialects.emplace_back(delimiter);
    if (const auto read = read_header_in(dialects); !read) return read.error();

    Dialect* right = nullptr;
    const Dialect* nearest = nullptr;  // it splits the header into the most columns
    for (auto& dialect : dialects) {
      if (!dialect.has_header) continue;
      std::vector<std::string> names{dialect.parser->fields().begin(), dialect.parser->fields().end()};
      auto rows = RowMaker::create(names, settings, where());
      if (rows && right) return ambiguous(*right->delimiter, *dialect.delimiter);
      if (rows) {
        rows_ = std::move(*rows);
        right = &dialect;
      } else {
        dialect.fault = rows.error();
        if (!nearest || names.size() > nearest->parser->fields().size()) nearest = &dialect;
      }
    }
    if (!right) return *(nearest ? nearest : dialects.data())->fault;
    delimiter_ = right->delimiter;
    parser_ = std::move(right->parser);
    return {};
  }

  Result<std::optional<Record>> next() override {
    const auto found = next_record();
    if (!found) return found.error();
    if (!*found) return std::nullopt;
    if (samples_.size() < k_most_samples && is_chinese())
      if (auto sample = rows_.sample(parser_->fields(), start_line_); !sample.empty())
        samples_.push_back(std::move(sample));
    return rows_.make(parser_->fields(), start_line_, [&] { return raw(); });
  }

  std::string description() const override {
    return fmt::format("CSV, {}{}{}, {}, {}", decoded_.from.empty() ? "UTF-8" : decoded_.from,
                       lines_.had_byte_order_mark() ? " with BOM" : "",
                       encoding_is_assumed_ ? " (assumed: no UTF-8, and all of it decodes)" : "",
                       delimiter_->name, rows_.description());
  }

  std::vector<std::string> remarks() const override {
    std::vector<std::string> remarks;
    if (lines_.ended_in_a_line())
      remarks.emplace_back("the last line has no line end: is the file complete?");
    if (is_chinese() && decoded_.was_utf8_as_well())
      remarks.push_back(fmt::format(
          "decoded as {}, as input.encoding says, but it is valid UTF-8, too: which of them is it?",
          decoded_.from));
    return remarks;
  }

  std::vector<std::string> samples() const override { return samples_; }

 private:
  // One way to read the header.
  struct Dialect {
    explicit Dialect(const Delimiter& d) : delimiter{&d}, parser{std::make_unique<CsvParser>(d.mark)} {}
    const Delimiter* delimiter;
    std::unique_ptr<CsvParser> parser;
    bool has_header = false;
    std::optional<Error> fault;
  };

  // The first record that is not blank, in every dialect that can read it. Those end in the same line, for
  // where a record ends depends on the number of quotation marks alone.
  Result<void> read_header_in(std::vector<Dialect>& dialects) {
    std::size_t size = 0;
    for (;;) {
      const auto line = lines_.next();
      if (!line) return line.error();
      if (*line && size == 0) start_line_ = (*line)->number;
      if (*line && (*line)->bytes.find('\0') != std::string_view::npos)
        return Error{
            Errc::bad_input,
            where() +
                ": a zero byte in the header; UTF-16 perhaps, or no text at all? Save it as CSV in UTF-8"};
      if (*line) size += (*line)->bytes.size();
      if (size > k_longest_record_bytes) return too_long();

      bool is_unfinished = false, is_read = false;
      for (auto& [delimiter, parser, has_header, fault] : dialects) {
        if (fault) continue;
        const auto fed = *line ? parser->feed((*line)->bytes) : parser->finish();
        if (!fed) fault = *line ? fault_in(fed.error(), (*line)->number) : with_context(fed.error(), where());
        if (fed && *fed == CsvParser::Fed::record) has_header = is_read = true;
        if (fed && *fed == CsvParser::Fed::unfinished) is_unfinished = true;
      }
      const bool all_fail =
          std::all_of(dialects.begin(), dialects.end(), [](const Dialect& d) { return d.fault.has_value(); });
      if (is_read || all_fail) return {};
      if (!*line)
        return Error{Errc::bad_input,
                     lines_.name() + ": empty; a header with the names of the columns is needed"};
      if (!is_unfinished) size = 0;  // a blank line
    }
  }

  Error ambiguous(const Delimiter& one, const Delimiter& other) const {
    return {Errc::bad_input,
            fmt::format("{}: the columns may be separated by {}s or by {}s; set input.delimiter = {} or {}",
                        where(), one.name, other.name, one.value, other.value)};
  }

  Error too_long() const {
    return {Errc::bad_input, where() +
                                 ": the record that starts here is longer than 64 KiB; is a closing "
                                 "quotation mark missing?"};
  }

  bool is_chinese() const { return decoded_.from.starts_with("GB"); }

  // True when parser_ holds the next record; false at the end of the file.
  Result<bool> next_record() {
    if (is_done_) return false;
    pieces_.clear();
    bool is_open = false;
    for (;;) {
      const auto line = lines_.next();
      if (!line) return end_with(line.error());
      if (!*line) {
        is_done_ = true;
        const auto fed = parser_->finish();
        if (!fed) return end_with(with_context(fed.error(), where()));
        last_line_ = {};
        return *fed == CsvParser::Fed::record;
      }
      if (!is_open) start_line_ = (*line)->number;
      last_line_ = (*line)->bytes;
      if (pieces_.size() + last_line_.size() > k_longest_record_bytes) return end_with(too_long());
      const auto fed = parser_->feed(last_line_);
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

  Error end_with(Error error) {
    is_done_ = true;
    return error;
  }

  // Names the line where the record starts: with a quotation mark missing there, the fault shows up lines
  // later.
  Error fault_in(Error error, std::int64_t line) const {
    if (line != start_line_)
      error.what += fmt::format(" (found in line {}; the record starts in line {})", line, start_line_);
    return with_context(std::move(error), where());
  }

  std::string where() const { return fmt::format("{}:{}", lines_.name(), start_line_); }

  std::string_view raw() {
    if (!pieces_.empty()) pieces_ += last_line_;
    std::string_view text = pieces_.empty() ? last_line_ : std::string_view{pieces_};
    text.remove_suffix(text.size() - (text.find_last_not_of("\r\n") + 1));
    return text;
  }

  LineReader lines_;
  Decoded decoded_;
  bool encoding_is_assumed_;
  const Delimiter* delimiter_ = nullptr;
  std::unique_ptr<CsvParser> parser_;
  RowMaker rows_;
  std::int64_t start_line_ = 1;
  std::string_view last_line_;  // of the record; earlier ones are in pieces_
  std::string pieces_;
  std::vector<std::string> samples_;
  bool is_done_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const Settings& settings) {
  auto decoded = decode(std::move(read), name, settings.input.encoding);
  if (!decoded) return decoded.error();
  auto source = std::make_unique<CsvSource>(std::move(*decoded), std::move(name), settings);
  if (const auto ready = source->read_header(settings); !ready) return ready.error();
  return std::unique_ptr<Source>{std::move(source)};
}

Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const model::Input& input,
                                         const model::Defaults& defaults, model::Api api,
                                         const std::string& brand_of_merchant) {
  return open_csv(std::move(read), std::move(name), {input, defaults, api, brand_of_merchant});
}

}  // namespace cardvoid::input
