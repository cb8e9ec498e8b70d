#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/code_list.hpp>
#include <utility>

#include "damage.hpp"
#include "record_reader.hpp"

namespace cardvoid::input {

namespace {

std::string_view without_line_end(std::string_view line) {
  return line.substr(0, line.find_last_not_of("\r\n") + 1);
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

class CodeList::State {
 public:
  State(ReadBytes read, std::string name) : records_{LineReader{std::move(read), std::move(name)}, 0} {}

  // Finds out what it is by its first line that is not blank.
  Result<void> begin(const std::string& code_column) {
    for (;;) {
      const auto line = records_.lines().next();
      if (!line) return line.error();
      if (!*line) return {};
      if (is_blank((*line)->bytes)) continue;
      for (const auto& delimiter : k_delimiters) {
        column_ = find_column((*line)->bytes, delimiter.mark, code_column);
        if (!column_) continue;
        records_.keep(delimiter.mark);
        return {};
      }
      first_ = std::string{without_line_end((*line)->bytes)}, first_line_ = (*line)->number;
      return {};
    }
  }

  Result<std::optional<Code>> next() { return column_ ? next_of_column() : next_line(); }

 private:
  static std::optional<std::size_t> find_column(std::string_view header, char delimiter,
                                                const std::string& code_column) {
    CsvParser parser{delimiter};
    auto fed = parser.feed(header);
    if (fed && *fed == CsvParser::Fed::unfinished) fed = parser.finish();  // no line feed
    if (!fed || *fed != CsvParser::Fed::record) return std::nullopt;
    const auto& fields = parser.fields();
    for (const auto& name : {std::string{"code"}, code_column})
      if (const auto found = std::find(fields.begin(), fields.end(), name); found != fields.end())
        return static_cast<std::size_t>(found - fields.begin());
    return std::nullopt;
  }

  Result<std::optional<Code>> next_line() {
    if (first_line_ > 0) return Code{first_, std::exchange(first_line_, 0)};
    for (;;) {
      const auto line = records_.lines().next();
      if (!line) return line.error();
      if (!*line) return std::nullopt;
      if (!is_blank((*line)->bytes)) return Code{without_line_end((*line)->bytes), (*line)->number};
    }
  }

  Result<std::optional<Code>> next_of_column() {
    for (;;) {
      const auto found = records_.next();
      if (!found) return found.error();
      if (!*found) return std::nullopt;
      if (records_.fields().size() <= *column_)
        return Error{Errc::bad_input,
                     tr("{}: has no field code; the header has {} before it", records_.where(), *column_)};
      if (const auto code = records_.fields()[*column_]; !code.empty()) return Code{code, records_.line()};
    }
  }

  RecordReader records_;
  std::optional<std::size_t> column_;  // of a CSV file
  std::string first_;                  // line, which turned out to be a code
  std::int64_t first_line_ = 0;
};

CodeList::CodeList(std::unique_ptr<State> state) : state_{std::move(state)} {}
CodeList::CodeList(CodeList&&) noexcept = default;
CodeList& CodeList::operator=(CodeList&&) noexcept = default;
CodeList::~CodeList() = default;

Result<CodeList> CodeList::read(ReadBytes read, std::string name, const std::string& code_column) {
  auto state = std::make_unique<State>(std::move(read), std::move(name));
  if (const auto begun = state->begin(code_column); !begun) return begun.error();
  return CodeList{std::move(state)};
}

Result<std::optional<CodeList::Code>> CodeList::next() {
  auto code = state_->next();
  if (code && *code) (*code)->text = without_formula((*code)->text);
  return code;
}

}  // namespace cardvoid::input
