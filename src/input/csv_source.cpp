#include "csv_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>

#include "record_reader.hpp"

namespace cardvoid::input {

namespace {

constexpr std::size_t k_most_samples = 3;

class CsvSource final : public Source {
 public:
  CsvSource(Decoded decoded, std::string name, const Settings& settings)
      : records_{LineReader{decoded.read, std::move(name),
                            tr("save the file as UTF-8, or set input.encoding to what it is, \"gbk\" or "
                               "\"gb18030\"")},
                 settings.input.delimiter},
        decoded_{std::move(decoded)} {}

  // Finds the delimiter by our columns, if the job names none.
  Result<void> read_header(const Settings& settings) {
    const auto found = records_.next();
    if (!found) return found.error();
    if (!*found)
      return Error{Errc::bad_input, tr("{}: empty; a header with the names of the columns is needed",
                                       records_.lines().name())};

    std::optional<Error> fault;  // with the delimiter that gives the most columns
    std::size_t most_columns = 0;
    for (const auto& delimiter : k_delimiters) {
      const auto* fields = records_.fields_by(delimiter.mark);
      if (!fields) continue;
      const std::vector<std::string> names{fields->begin(), fields->end()};
      if (const auto text = check_text(names); !text) return text.error();
      auto rows = RowMaker::create(names, settings, records_.where());
      if (rows && delimiter_) return ambiguous(*delimiter_, delimiter);
      if (rows) {
        rows_ = std::move(*rows);
        delimiter_ = &delimiter;
      } else if (names.size() > most_columns) {
        fault = rows.error();
        most_columns = names.size();
      }
    }
    if (!delimiter_) return *fault;
    header_ = records_.raw();
    records_.keep(delimiter_->mark);
    return {};
  }

  Result<std::optional<Record>> next() override {
    for (;;) {
      const auto found = records_.next();
      if (!found) return found.error();
      if (!*found) {
        if (const auto judged = rows_.judge(); !judged)
          return with_context(judged.error(), records_.lines().name());
        return std::nullopt;
      }
      const auto& fields = records_.fields();
      if (rows_.is_empty(fields)) {
        if (empty_rows_++ == 0) first_empty_row_ = records_.line();
        continue;
      }
      if (const auto cause = fault_of_line(); !cause.empty())
        return rows_.refuse(records_.line(), std::string{cause}, records_.raw(), delimiter_->mark);
      if (is_chinese() && samples_.size() < k_most_samples)
        if (auto sample = rows_.sample(fields, records_.line()); !sample.empty())
          samples_.push_back(std::move(sample));
      return rows_.make(fields, records_.line(), delimiter_->mark, [&] { return records_.raw(); });
    }
  }

  std::string_view raw() override { return records_.raw(); }
  bool has_raw_at_hand() const override { return true; }

  std::string line_of(const model::Card& card) const override {
    return rows_.line_of(card, delimiter_->mark);
  }

  Dialect dialect() const override {
    return {header_, delimiter_->mark, std::string{decoded_.from}, records_.lines().byte_order_marks() > 0};
  }

  std::string description() const override {
    const auto encoding = decoded_.from.empty() ? std::string{"UTF-8"} : std::string{decoded_.from};
    const auto mark = records_.lines().byte_order_marks() > 0 ? tr(" with BOM") : "";
    const auto assumed = decoded_.is_assumed ? tr(" (assumed: it is not UTF-8, and all of it decodes)") : "";
    return tr("CSV, {}{}{}, {}, {}", encoding, mark, assumed, tr(delimiter_->name), rows_.description());
  }

  model::ListFile file() const override {
    return decoded_.file ? decoded_.file() : model::ListFile{records_.lines().name(), {}, {}};
  }

  std::vector<std::string> remarks() const override {
    std::vector<std::string> remarks;
    if (const auto marks = records_.lines().byte_order_marks(); marks > 1)
      remarks.push_back(
          tr("it begins with {} byte order marks, as where programs add one each; all of "
             "them are skipped",
             marks));
    if (records_.lines().ended_in_a_line())
      remarks.emplace_back(tr("the last line has no line end: is the file complete?"));
    if (decoded_.is_assumed)
      remarks.push_back(
          tr("taken for {}, since it is not UTF-8: look at the samples of `cardvoid plan`, then set "
             "input.encoding",
             decoded_.from));
    else if (is_chinese() && decoded_.was_utf8_as_well())
      remarks.push_back(
          tr("decoded as {}, as input.encoding says, but it is also valid UTF-8: which one is it?",
             decoded_.from));
    if (empty_rows_ > 0)
      remarks.push_back(
          empty_rows_ == 1
              ? tr("1 line with nothing but delimiters is skipped (the first is line {})", first_empty_row_)
              : tr("{} lines with nothing but delimiters are skipped (the first is line {})", empty_rows_,
                   first_empty_row_));
    for (auto& remark : rows_.remarks()) remarks.push_back(std::move(remark));
    return remarks;
  }

  std::vector<std::string> samples() const override { return samples_; }

 private:
  // What is wrong with a record as a whole. A missing quotation mark turns several lines into one record,
  // with the code of one card beside the openid of another.
  std::string_view fault_of_line() {
    if (records_.raw().find('\0') != std::string_view::npos) return "a zero byte in the line";
    if (records_.spans_lines())
      for (const auto field : records_.fields())
        if (field.find('\n') != std::string_view::npos &&
            std::count(field.begin(), field.end(), delimiter_->mark) + 1 >=
                static_cast<std::ptrdiff_t>(records_.fields().size()))
          return "a field over several lines that holds what looks like another row; is a quotation mark "
                 "missing?";
    return {};
  }

  Result<void> check_text(const std::vector<std::string>& names) const {
    for (const auto& name : names)
      if (name.find('\0') != std::string::npos)
        return Error{
            Errc::bad_input,
            tr("{}: a zero byte in the header; UTF-16 perhaps, or no text at all? Save it as CSV in UTF-8",
               records_.where())};
    return {};
  }

  Error ambiguous(const Delimiter& one, const Delimiter& other) const {
    return {Errc::bad_input,
            tr("{}: the columns may be separated by {} or by {}; set input.delimiter = {} or {}",
               records_.where(), tr(one.plural), tr(other.plural), one.value, other.value)};
  }

  bool is_chinese() const { return decoded_.from.starts_with("GB"); }

  RecordReader records_;
  Decoded decoded_;
  const Delimiter* delimiter_ = nullptr;
  RowMaker rows_;
  std::string header_;
  std::vector<std::string> samples_;
  std::int64_t empty_rows_ = 0, first_empty_row_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_csv(Decoded text, std::string name, const Settings& settings) {
  auto source = std::make_unique<CsvSource>(std::move(text), std::move(name), settings);
  if (const auto ready = source->read_header(settings); !ready) return ready.error();
  return std::unique_ptr<Source>{std::move(source)};
}

}  // namespace cardvoid::input
