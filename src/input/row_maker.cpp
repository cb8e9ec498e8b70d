#include "row_maker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/columns.hpp>
#include <cardvoid/model/cause_words.hpp>

#include "record_reader.hpp"

namespace cardvoid::input {

namespace {

// Where the index of each column stands.
enum : std::size_t {
  code = static_cast<std::size_t>(Column::code),
  openid = static_cast<std::size_t>(Column::openid),
  card_id = static_cast<std::size_t>(Column::card_id),
  brand_id = static_cast<std::size_t>(Column::brand_id),
  reason = static_cast<std::size_t>(Column::reason)
};

constexpr std::size_t k_most_causes = 1000;
constexpr std::size_t k_most_names_shown = 20;
constexpr std::string_view k_full_width_comma{"，"};

std::string in_quotes(std::string_view name) {
  return '"' + fit_to_width(escape_for_terminal(name), 40) + '"';
}

// A file without a header has its first member where names should be: not for messages or logs.
bool looks_like_data(std::string_view name) {
  std::size_t digits = 0;
  for (const char c : name) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits >= 4) return true;
  }
  return name.size() > 24 && name.find(' ') == std::string_view::npos &&
         static_cast<unsigned char>(name[0]) < 0x80;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), k_most_names_shown); ++i)
    text += (i ? ", " : "") + in_quotes(looks_like_data(names[i]) ? mask(names[i]) : names[i]);
  if (names.size() > k_most_names_shown) text += tr(" and {} more", names.size() - k_most_names_shown);
  return text;
}

// A header with a single column usually means another delimiter.
std::string hint_at_delimiter(const std::vector<std::string>& names) {
  if (!names.empty() && names[0].starts_with("sep=")) return tr("; remove Excel's line sep=");
  if (names.size() != 1) return "";
  if (names[0].find(k_full_width_comma) != std::string::npos)
    return tr("; the columns seem to be separated by full-width commas: half-width ones are needed");
  if (names[0].find('|') != std::string::npos)
    return tr("; the columns seem to be separated by |: commas, semicolons or tabs are needed");
  for (const auto& delimiter : k_delimiters)
    if (names[0].find(delimiter.mark) != std::string::npos)
      return tr("; the columns seem to be separated by {}: set input.delimiter = {}", tr(delimiter.plural),
                delimiter.value);
  return "";
}

struct Lacking {
  std::string ours, wanted;  // wanted: the name that input.columns gives it, else ours
};

// The list's name for a column that is lacking; empty: none comes near. A name that stands for another of our
// columns is not offered.
std::string likely_name(const Lacking& column, const Columns& guessed,
                        const std::vector<std::string>& names) {
  if (const auto found = guessed.find(column.ours); found != guessed.end()) return found->second;
  const std::size_t most_typing_errors = column.wanted.size() < 6 ? 1 : 2;
  for (const auto& name : names) {
    const bool is_taken =
        std::any_of(guessed.begin(), guessed.end(), [&](const auto& other) { return other.second == name; });
    if (!is_taken && edit_distance(column.wanted, name) <= most_typing_errors) return name;
  }
  return "";
}

// What to write into the job file.
std::string remedy(const std::vector<Lacking>& lacking, const std::vector<std::string>& names,
                   const Settings& settings) {
  const auto guessed = guess_columns(names);
  Columns columns = settings.input.columns;
  bool is_known = true;
  std::string defaults;
  for (const auto& column : lacking) {
    auto name = likely_name(column, guessed, names);
    is_known = is_known && !name.empty();
    const bool has_default =
        column.ours == k_column_names[card_id] || column.ours == k_column_names[brand_id];
    if (has_default && name.empty())
      defaults += tr("; or set defaults.{0}, where it is the same for all rows", column.ours);
    columns[column.ours] = name.empty() ? tr("ITS NAME IN THE LIST") : std::move(name);
  }
  // What the list has as well: without it, defaults would take the place of its own values.
  const auto is_named = [&](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(), [&](const auto& each) { return each.second == name; });
  };
  for (const auto& [ours, theirs] : guessed)
    if (ours != theirs && !is_named(theirs)) columns.emplace(ours, theirs);
  const auto line = columns_line(columns) + defaults;
  return is_known ? tr("; write in [input]: {}", line) : tr("; say in [input] which they are: {}", line);
}

// What is wrong with a line that should hold names; empty: nothing that is known.
std::string hint_at_header(const std::vector<std::string>& names) {
  auto hint = hint_at_delimiter(names);
  if (hint.empty() && std::any_of(names.begin(), names.end(), looks_like_data))
    hint = tr("; is the line with the names missing?");
  return hint;
}

Error missing(const std::vector<Lacking>& lacking, const std::vector<std::string>& names,
              const Settings& settings, const std::string& where) {
  std::string which;
  for (const auto& [ours, wanted] : lacking)
    which += (which.empty() ? "" : ", ") + in_quotes(wanted) +
             (wanted == ours ? "" : fmt::format(" (input.columns.{})", ours));
  auto what = lacking.size() == 1 ? tr("{}: no column {}; there are {}", where, which, list(names))
                                  : tr("{}: no columns {}; there are {}", where, which, list(names));
  const auto hint = hint_at_header(names);
  what += hint.empty() ? remedy(lacking, names, settings) : hint;
  return {Errc::bad_input, what};
}

// The first characters of valid UTF-8, ending in "…" if there are more.
std::string fit_to_characters(std::string_view text, std::size_t most) {
  std::size_t at = 0;
  for (; most > 0 && at < text.size(); --most) next_code_point(text, at);
  return std::string{text.substr(0, at)} + (at < text.size() ? "…" : "");
}

// Valid UTF-8 without zero bytes.
std::string as_text(std::string_view raw) {
  std::string text;
  const auto escape = [&](char byte) { text += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte)); };
  for (std::size_t at = 0; at < raw.size(); ++at) {
    const auto end =
        std::min(raw.find('\0', at), raw.size());  // found first, or many of them would take quadratic time
    auto piece = raw.substr(at, end - at);
    while (const auto invalid = find_invalid_utf8(piece)) {
      text += piece.substr(0, *invalid);
      escape(piece[*invalid]);
      piece.remove_prefix(*invalid + 1);
    }
    text += piece;
    at = end;
    if (at < raw.size()) escape(raw[at]);
  }
  return text;
}

}  // namespace

Result<void> check_names(const std::vector<std::string>& names, const std::string& where) {
  const auto hint = hint_at_header(names);
  if (hint.empty()) return {};
  return Error{Errc::bad_input,
               tr("{}: no column {}; there are {}", where, in_quotes("code"), list(names)) + hint};
}

Result<RowMaker> RowMaker::create(const std::vector<std::string>& names, const Settings& settings,
                                  const std::string& where) {
  RowMaker maker;
  maker.names_ = names;
  maker.brand_is_fixed_ = settings.api == model::Api::brand;
  maker.unwraps_ = settings.input.unwrap;
  maker.accepts_damage_ = settings.input.accept_damage;
  maker.defaults_[card_id] = settings.defaults.card_id;
  maker.defaults_[brand_id] = maker.brand_is_fixed_ ? settings.brand_of_merchant : settings.defaults.brand_id;
  maker.defaults_[reason] = settings.defaults.reason;

  std::vector<Lacking> lacking;
  std::vector<bool> is_used(names.size());
  for (std::size_t column = 0; column < k_column_names.size(); ++column) {
    const auto mapped = settings.input.columns.find(std::string{k_column_names[column]});
    const bool is_mapped = mapped != settings.input.columns.end();
    const std::string wanted = is_mapped ? mapped->second : std::string{k_column_names[column]};
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found == names.end()) {
      if (is_mapped || (column != reason && maker.defaults_[column].empty()))
        lacking.push_back({std::string{k_column_names[column]}, wanted});
      continue;
    }
    if (std::find(found + 1, names.end(), wanted) != names.end())
      return Error{Errc::bad_input, tr("{}: the column {} appears twice", where, in_quotes(wanted))};
    maker.indices_[column] = static_cast<std::size_t>(found - names.begin());
    is_used[*maker.indices_[column]] = true;
  }

  if (!lacking.empty()) return missing(lacking, names, settings, where);

  std::vector<std::string> used, ignored;
  for (std::size_t i = 0; i < names.size(); ++i) (is_used[i] ? used : ignored).push_back(names[i]);
  maker.used_ = list(used), maker.ignored_ = list(ignored);
  return maker;
}

Result<void> RowMaker::judge() {
  is_at_end_ = true;
  if (const auto destroyed = accepts_damage_ ? std::string{} : damage_.destroyed(); !destroyed.empty())
    return Error{
        Errc::bad_input,
        tr("a spreadsheet has destroyed digits: {}. They cannot be recovered from here: the person "
           "who made the list has to format the column as text before pasting the codes into it, and "
           "save it again. If the values are real, --accept-damage accepts them as they are and "
           "records that. Nothing of this input is kept",
           destroyed)};
  if (usable_ > 0 || refused_ == 0) return {};
  const auto most = std::max_element(causes_.begin(), causes_.end(), [](const auto& one, const auto& other) {
    return one.second.count() < other.second.count();
  });
  auto cause = most->first;
  if (spoken_language() == Language::chinese)
    if (const auto chinese = model::cause_in_chinese(cause)) cause = *chinese;
  return Error{Errc::bad_input,
               tr("no line can be used: {} refused, {} of them for this cause: {}{}. Correct the list "
                  "and plan it again. Nothing of this input is kept",
                  tr_n(refused_, "{} line", "{} lines"),
                  most->second.count() == refused_ ? tr("all") : grouped(most->second.count()), cause,
                  most->second.examples())};
}

std::vector<std::string> RowMaker::remarks() const {
  std::vector<std::string> remarks;
  if (is_at_end_ && usable_ + refused_ == 0) remarks.emplace_back(tr("it has no lines, so no card is in it"));
  if (const auto doubtful = damage_.doubtful(); !doubtful.empty())
    remarks.push_back(tr("please look at these: {}", doubtful));
  return remarks;
}

std::string RowMaker::description() const {
  auto text = ignored_.empty() ? tr("columns {}", used_) : tr("columns {}; ignored: {}", used_, ignored_);
  if (unwraps_ && unwrapped_ != decltype(unwrapped_){})
    text += tr("; unwrapped: {} =\"…\", {} leading ' or `, {} trailing tabs",
               unwrapped_[static_cast<std::size_t>(Wrapper::formula)],
               unwrapped_[static_cast<std::size_t>(Wrapper::mark)],
               unwrapped_[static_cast<std::size_t>(Wrapper::tabs)]);
  if (accepts_damage_) {
    const auto destroyed = damage_.destroyed();
    text += "; --accept-damage: " + (destroyed.empty() ? tr("nothing to accept") : destroyed);
  }
  return text;
}

std::string RowMaker::fault_of(std::span<const std::string_view> fields, std::int64_t line,
                               model::Card& card) {
  // Strict even about extra fields at the end: an unquoted comma in the code pushes an empty last field out
  // there.
  if (fields.size() != names_.size()) {
    const bool has_full_width = std::any_of(fields.begin(), fields.end(), [](std::string_view field) {
      return field.find(k_full_width_comma) != std::string_view::npos;
    });
    return fmt::format("{} field{}, the header has {}{}", fields.size(), fields.size() == 1 ? "" : "s",
                       names_.size(), has_full_width ? "; a full-width comma separates no fields" : "");
  }
  const auto fill = [&](std::string& into, std::size_t column) {
    const auto& index = indices_[column];
    auto field = index ? fields[*index] : std::string_view{};
    if (unwraps_ && column != reason) field = unwrap(field, unwrapped_);
    damage_.note(Column{column}, field, line);
    into = field.empty() ? std::string_view{defaults_[column]} : field;
  };
  const auto is_name = [&](std::size_t column) {
    auto field = fields[*indices_[column]];
    if (field.starts_with(k_utf8_mark)) field.remove_prefix(k_utf8_mark.size());
    return field == names_[*indices_[column]];
  };
  if (is_name(code) && is_name(openid)) return "the header again, as in files that were joined";
  fill(card.code, code);
  fill(card.openid, openid);
  fill(card.card_id, card_id);
  fill(card.brand_id, brand_id);
  fill(card.reason, reason);
  if (brand_is_fixed_ && card.brand_id != defaults_[brand_id])
    return "brand_id: not the merchant's own, and the brand API reaches no other brand's cards";
  return model::find_fault(card);
}

std::string RowMaker::sample(std::span<const std::string_view> fields, std::int64_t line) const {
  const auto is_plain = [](std::string_view field) { return is_ascii(field); };
  if (fields.size() != names_.size() || std::all_of(fields.begin(), fields.end(), is_plain)) return {};
  std::string text;
  const auto add = [&](const std::string& name, std::string_view value) {
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", fit_to_width(escape_for_terminal(name), 40), value);
  };
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto column = std::find(indices_.begin(), indices_.end(), i);
    if (column == indices_.end()) {
      if (!is_plain(fields[i])) add(names_[i], in_quotes(fit_to_characters(fields[i], 1)));
      continue;
    }
    const auto which = static_cast<std::size_t>(column - indices_.begin());
    const bool is_personal = which == code || which == openid;
    add(names_[i], is_personal && is_plain(fields[i]) ? mask(fields[i])
                   : is_personal                      ? in_quotes(fit_to_characters(fields[i], 1))
                                                      : in_quotes(fields[i]));
  }
  return tr("line {}: {}", line, text);
}

bool RowMaker::is_empty(std::span<const std::string_view> fields) const {
  return fields.size() == names_.size() &&
         std::all_of(fields.begin(), fields.end(), [](std::string_view field) { return field.empty(); });
}

Refused RowMaker::refuse(std::int64_t line, std::string cause, std::string_view raw, char delimiter,
                         bool is_exact) {
  ++refused_;
  if (causes_.size() < k_most_causes || causes_.contains(cause)) causes_[cause].add({}, line);
  return {line, std::move(cause), as_kept(raw, delimiter, is_exact)};
}

// Many readers stop at a zero byte. A line that had to be changed gets one field more than the header has.
std::string RowMaker::as_kept(std::string_view raw, char delimiter, bool is_exact) {
  auto text = as_text(raw);
  if (!is_exact || text != raw) (text += delimiter) += "(not as it stood)";
  return text;
}

std::string RowMaker::line_of(const model::Card& card, char delimiter) const {
  const std::array<const std::string*, 5> values{&card.code, &card.openid, &card.card_id, &card.brand_id,
                                                 &card.reason};
  std::string line;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i > 0) line += delimiter;
    const auto column = std::find(indices_.begin(), indices_.end(), i);
    if (column != indices_.end())
      line += csv_field(*values[static_cast<std::size_t>(column - indices_.begin())], delimiter);
  }
  return line;
}

}  // namespace cardvoid::input
