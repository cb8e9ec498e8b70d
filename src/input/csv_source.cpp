#include <fmt/format.h>

#include <cardvoid/base/text.hpp>

#include "csv_parser.hpp"
#include "line_reader.hpp"
#include "row_maker.hpp"

namespace cardvoid::input {

namespace {

class CsvSource final : public Source {
 public:
  CsvSource(ReadBytes read, std::string name) : lines_{std::move(read), std::move(name)} {}

  Result<void> read_header(const Settings& settings) {
    const auto found = next_record();
    if (!found) return found.error();
    if (!*found)
      return Error{Errc::bad_input,
                   lines_.name() + ": empty; a header with the names of the columns is needed"};
    std::vector<std::string> names;
    for (const auto field : parser_.fields()) {
      if (field.find('\0') != std::string_view::npos)
        return Error{
            Errc::bad_input,
            where() +
                ": a zero byte in the header; UTF-16 perhaps, or no text at all? Save it as CSV in UTF-8"};
      names.emplace_back(field);
    }
    auto rows = RowMaker::create(names, settings, where());
    if (!rows) return rows.error();
    rows_ = std::move(*rows);
    return {};
  }

  Result<std::optional<Record>> next() override {
    const auto found = next_record();
    if (!found) return found.error();
    if (!*found) {
      if (const auto judged = rows_.judge_damage(); !judged)
        return with_context(judged.error(), lines_.name());
      return std::nullopt;
    }
    return rows_.make(parser_.fields(), start_line_, [&] { return raw(); });
  }

  std::string description() const override {
    return fmt::format("CSV, UTF-8{}, comma, {}", lines_.had_byte_order_mark() ? " with BOM" : "",
                       rows_.description());
  }

 private:
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
        const auto fed = parser_.finish();
        if (!fed) return end_with(with_context(fed.error(), where()));
        last_line_ = {};
        return *fed == CsvParser::Fed::record;
      }
      if (!is_open) start_line_ = (*line)->number;
      last_line_ = (*line)->bytes;
      if (pieces_.size() + last_line_.size() > k_longest_record_bytes)
        return end_with(
            {Errc::bad_input, where() + ": the record that starts here is longer than 64 KiB; is a closing "
                                        "quotation mark missing?"});
      const auto fed = parser_.feed(last_line_);
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
  CsvParser parser_;
  RowMaker rows_;
  std::int64_t start_line_ = 1;
  std::string_view last_line_;  // of the record; earlier ones are in pieces_
  std::string pieces_;
  bool is_done_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const model::Input& input,
                                         const model::Defaults& defaults, model::Api api,
                                         const std::string& brand_of_merchant) {
  auto source = std::make_unique<CsvSource>(std::move(read), std::move(name));
  if (const auto ready = source->read_header({input, defaults, api, brand_of_merchant}); !ready)
    return ready.error();
  return std::unique_ptr<Source>{std::move(source)};
}

}  // namespace cardvoid::input
