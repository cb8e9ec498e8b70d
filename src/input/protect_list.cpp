#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cardvoid/model/cause_words.hpp>
#include <utility>

#include "damage.hpp"
#include "record_reader.hpp"

namespace cardvoid::input {

namespace {

constexpr std::array k_columns = [] {  // a protection has no reason
  std::array<std::string_view, 4> columns{};
  std::copy_n(k_column_names.begin(), columns.size(), columns.begin());
  return columns;
}();
constexpr const char* k_wanted =
    translatable("expected a header with at least one of code, card_id, openid and brand_id");

// "Open ID" and "openId" mean our column "openid".
std::string as_meant(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != ' ' && c != '_' && c != '-') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

using Indices = std::array<std::optional<std::size_t>, k_columns.size()>;

}  // namespace

class ProtectList::State {
 public:
  State(ReadBytes read, std::string name, const model::Input& input)
      : records_{LineReader{std::move(read), std::move(name)}, 0},
        unwraps_{input.unwrap},
        accepts_damage_{input.accept_damage} {}

  Result<void> read_header(const model::Input& input) {
    const auto found = records_.next();
    if (!found) return found.error();
    if (!*found) return Error{Errc::bad_input, tr("{}: empty; {}", records_.lines().name(), tr(k_wanted))};
    const Delimiter* chosen = nullptr;
    for (const auto& delimiter : k_delimiters) {
      const auto* fields = records_.fields_by(delimiter.mark);
      if (!fields) continue;
      const auto indices = find_columns(*fields, input);
      if (!indices) return with_context(indices.error(), records_.where());
      const auto is_there = [](const auto& index) { return index.has_value(); };
      if (std::none_of(indices->begin(), indices->end(), is_there)) continue;
      // A single column looks the same with every delimiter.
      if (chosen && fields->size() > 1 && names_ > 1) return ambiguous(*chosen, delimiter);
      if (chosen && fields->size() <= names_) continue;
      chosen = &delimiter;
      indices_ = *indices;
      names_ = fields->size();
    }
    if (!chosen) return Error{Errc::bad_input, fmt::format("{}: {}", records_.where(), tr(k_wanted))};
    records_.keep(chosen->mark);
    return {};
  }

  Result<std::optional<model::Protection>> next() {
    const auto found = records_.next();
    if (!found) return found.error();
    if (!*found) return at_the_end();
    has_lines_ = true;
    const auto& fields = records_.fields();
    if (fields.size() != names_)
      return wrong(fields.size() == 1 ? tr("1 field, the header has {}", names_)
                                      : tr("{} fields, the header has {}", fields.size(), names_));
    model::Protection protection;
    protection.source_line = records_.line();
    std::string* const parts[] = {&protection.code, &protection.openid, &protection.card_id,
                                  &protection.brand_id};
    for (std::size_t column = 0; column < k_columns.size(); ++column) {
      if (!indices_[column]) continue;
      auto field = fields[*indices_[column]];
      field = unwraps_ ? unwrap(field, unwrapped_) : without_formula(field);
      damage_.note(Column{column}, field, records_.line());
      *parts[column] = field;
    }
    if (const auto fault = fault_of(protection); !fault.empty()) return wrong(fault);
    return std::optional{std::move(protection)};
  }

  std::string doubtful() const { return damage_.doubtful(); }

 private:
  static Result<Indices> find_columns(const std::vector<std::string_view>& names, const model::Input& input) {
    Indices indices;
    for (std::size_t column = 0; column < k_columns.size(); ++column) {
      const auto mapped = input.columns.find(std::string{k_columns[column]});
      for (std::size_t at = 0; at < names.size(); ++at) {
        if (names[at] != k_columns[column] && (mapped == input.columns.end() || names[at] != mapped->second))
          continue;
        if (indices[column])
          return Error{Errc::bad_input, tr("the column {} appears twice", k_columns[column])};
        indices[column] = at;
      }
    }
    // Other columns are ignored. But a misspelt column of ours would protect no one.
    for (std::size_t at = 0; at < names.size(); ++at)
      for (const auto column : k_columns)
        if (as_meant(names[at]) == as_meant(column) &&
            std::find(indices.begin(), indices.end(), std::optional{at}) == indices.end())
          return Error{Errc::bad_input,
                       tr("the column \"{}\" would be ignored; did you mean {}?", names[at], column)};
    return indices;
  }

  // The rules for rows of the input, for the filled fields.
  static std::string fault_of(const model::Protection& line) {
    if (line.code.empty() && line.card_id.empty() && line.openid.empty() && line.brand_id.empty())
      return tr("fills none of the columns, so it would protect nothing");
    const auto filled = [](const std::string& text) { return text.empty() ? std::string{"x"} : text; };
    auto fault = model::find_fault(
        {filled(line.brand_id), filled(line.card_id), filled(line.code), filled(line.openid), {}});
    if (spoken_language() == Language::chinese)
      if (const auto chinese = model::cause_in_chinese(fault)) return *chinese;
    return fault;
  }

  Error wrong(const std::string& what) const {
    return {Errc::bad_input, tr("{}: {}; correct the line or take it out", records_.where(), what)};
  }

  Error ambiguous(const Delimiter& one, const Delimiter& other) const {
    return {Errc::bad_input, tr("{}: the columns may be separated by {} or by {}; write the header "
                                "with one of them",
                                records_.where(), tr(one.plural), tr(other.plural))};
  }

  Result<std::optional<model::Protection>> at_the_end() const {
    const auto destroyed = accepts_damage_ ? std::string{} : damage_.destroyed();
    if (!has_lines_)  // perhaps it was cut off, and then everyone would be sent
      return Error{Errc::bad_input, tr("{}: has a header and no lines, so it would protect nothing; "
                                       "leave safety.protect out if that is meant",
                                       records_.lines().name())};
    if (destroyed.empty()) return std::optional<model::Protection>{};
    return Error{
        Errc::bad_input,
        tr("{}: a spreadsheet has destroyed digits: {}. These lines would protect nothing; "
           "format the columns as text before pasting, or give --accept-damage if the values are real",
           records_.lines().name(), destroyed)};
  }

  RecordReader records_;
  bool unwraps_, accepts_damage_, has_lines_ = false;
  Indices indices_;
  std::size_t names_ = 0;
  std::array<std::int64_t, k_wrappers> unwrapped_{};
  Damage damage_;
};

ProtectList::ProtectList(std::unique_ptr<State> state) : state_{std::move(state)} {}
ProtectList::ProtectList(ProtectList&&) noexcept = default;
ProtectList& ProtectList::operator=(ProtectList&&) noexcept = default;
ProtectList::~ProtectList() = default;

Result<ProtectList> ProtectList::read(ReadBytes read, std::string name, const model::Input& input) {
  auto state = std::make_unique<State>(std::move(read), std::move(name), input);
  if (const auto ready = state->read_header(input); !ready) return ready.error();
  return ProtectList{std::move(state)};
}

Result<std::optional<model::Protection>> ProtectList::next() { return state_->next(); }

std::string ProtectList::doubtful() const { return state_->doubtful(); }

}  // namespace cardvoid::input
