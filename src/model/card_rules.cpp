#include <algorithm>
#include <array>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/model/card_rules.hpp>

namespace cardvoid::model {

namespace {

enum class Spaces { none, inside };

// SQL, spreadsheets (English ones), Python with pandas, R, JavaScript, Go, and people. In lower case.
constexpr std::array<std::string_view, 36> k_nothing{
    "null",      "\\n",     "(null)",  "<null>",    "[null]",    "#n/a",      "n/a",           "na",
    "<na>",      "nan",     "-nan",    "nat",       "none",      "(none)",    "nil",           "<nil>",
    "undefined", "#ref!",   "#value!", "#name?",    "#div/0!",   "#num!",     "#null!",        "#spill!",
    "#calc!",    "#field!", "#error!", "#blocked!", "#unknown!", "#connect!", "#getting_data", "#n/a n/a",
    "1.#ind",    "-1.#ind", "1.#qnan", "-1.#qnan",
};

// As our own messages show codes and openids (base/mask.hpp), and other programs too.
bool is_masked(std::string_view text) { return text.find("**") != std::string_view::npos; }

// A comma in German or French programs.
bool is_decimal_mark(char c) { return c == '.' || c == ','; }

// Full-width forms of ASCII, the ideographic space, and the punctuation that Chinese input methods put in its
// place.
bool is_full_width(char32_t c) {
  return (c >= 0xFF01 && c <= 0xFF5E) || (c >= 0x3000 && c <= 0x3002) || (c >= 0x2018 && c <= 0x201D) ||
         c == 0xFFE5;
}

bool is_invisible(char32_t c) {
  return c == 0xA0 || (c >= 0x200B && c <= 0x200F) || c == 0x2060 || c == 0xFEFF;
}

// Of ASCII and of Latin-1.
bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

std::string_view fault_beyond_ascii(std::string_view text) {
  if (find_invalid_utf8(text)) return "not valid UTF-8";
  std::string_view fault = "characters other than half-width letters, digits and punctuation";
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_code_point(text, at);
    if (is_invisible(c)) return "invisible character (no-break or zero-width space)";
    if (is_full_width(c)) fault = "full-width characters; half-width ones are needed";
  }
  return fault;
}

std::string_view fault_of_wrapper(Wrapper wrapper) {
  switch (wrapper) {
    case Wrapper::formula: return "wrapped as =\"…\" for a spreadsheet; input.unwrap = true undoes that";
    case Wrapper::mark:
      return "an apostrophe or backtick before digits, for a spreadsheet; input.unwrap = true undoes that";
    case Wrapper::tabs: return "trailing tab, for a spreadsheet; input.unwrap = true undoes that";
  }
  return {};
}

// Which character is not allowed, and why.
std::string_view fault_of_characters(std::string_view text, Spaces spaces) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (is_blank(text.front()) || is_blank(text.back())) return "leading or trailing space";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return "control character, such as a tab or a line break";
    if (byte >= 0x80) return fault_beyond_ascii(text);
    if (c == ' ' && spaces == Spaces::none) return "space inside";
  }
  return {};
}

std::string_view fault_of_identifier(std::string_view text, std::size_t longest, Spaces spaces) {
  if (text.empty()) return "empty";
  if (const auto wrapper = find_wrapper(text)) return fault_of_wrapper(*wrapper);
  if (is_masked(text)) return "masked with **, so not whole; `cardvoid export` has codes in full";
  if (means_nothing(text)) return "a word that programs write for no value, such as NULL or #N/A";
  if (has_fraction_of_zeros(text)) return "digits with .0 at the end: a program took them for a number";
  if (is_grouped(text)) return "digits in groups of three: a program took them for a number";
  for (const char c : text) {
    if (is_visible(c)) continue;
    if (const auto fault = fault_of_characters(text, spaces); !fault.empty()) return fault;
    break;
  }
  if (text.size() > longest)
    return longest == 128 ? "longer than 128 characters" : "longer than 32 characters";
  return {};
}

std::string_view fault_of_code(std::string_view code) {
  if (code == "." || code == "..") return "\".\" and \"..\" cannot be sent in a URL";
  return fault_of_identifier(code, 32, Spaces::inside);
}

}  // namespace

std::optional<Wrapper> find_wrapper(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.back() == '\t') return Wrapper::tabs;
  if (text.size() >= 3 && text.starts_with("=\"") && text.back() == '"') return Wrapper::formula;
  const bool is_marked = text.size() >= 2 && (text.front() == '\'' || text.front() == '`');
  if (is_marked && has_only_digits(text.substr(1))) return Wrapper::mark;
  return std::nullopt;
}

bool means_nothing(std::string_view text) {
  constexpr std::size_t k_longest = 13;
  if (text.empty()) return false;
  const auto is_all = [&](char c) { return text.find_first_not_of(c) == std::string_view::npos; };
  // A spreadsheet's number in too narrow a column; letters that a conversion lost; a line drawn by hand.
  if ((text.size() > 2 && is_all('#')) || (text.size() > 1 && is_all('?')) || is_all('-')) return true;
  if (text.size() > k_longest) return false;
  std::string lower{text};
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::find(k_nothing.begin(), k_nothing.end(), lower) != k_nothing.end();
}

bool has_fraction_of_zeros(std::string_view text) {
  const auto mark = std::find_if_not(text.begin(), text.end(), is_digit);
  return mark != text.begin() && mark != text.end() && is_decimal_mark(*mark) && mark + 1 != text.end() &&
         std::all_of(mark + 1, text.end(), [](char c) { return c == '0'; });
}

bool is_grouped(std::string_view text) {
  constexpr std::size_t k_group = 3, k_least = 11;  // 123,456 may be a code
  if (text.size() < k_least) return false;
  const auto first = text.find(',');
  if (first == 0 || first > k_group || (text.size() - first) % (k_group + 1) != 0) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i >= first && (i - first) % (k_group + 1) == 0 ? text[i] != ',' : !is_digit(text[i])) return false;
  return true;
}

bool is_scientific(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.size() < 3 || !is_digit(text[0])) return false;
  text.remove_prefix(1);
  const bool has_fraction = is_decimal_mark(text[0]);
  if (has_fraction) {
    const auto fraction = std::min(text.find_first_not_of("0123456789", 1), text.size());
    if (fraction == 1) return false;
    text.remove_prefix(fraction);
  }
  if (text.empty() || (text[0] != 'E' && text[0] != 'e')) return false;
  text.remove_prefix(1);
  // 4E23 may be a real code.
  if (!has_fraction && !text.starts_with('+')) return false;
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && has_only_digits(text);
}

std::string_view fault_of_identifier(std::string_view text) {
  return fault_of_identifier(text, 32, Spaces::none);
}

std::string_view fault_of_reason(std::string_view reason) {
  if (find_invalid_utf8(reason)) return "not valid UTF-8";
  std::size_t characters = 0;
  for (std::size_t at = 0; at < reason.size(); ++characters) {
    const auto c = next_code_point(reason, at);
    if (is_control(c)) return "control character, such as a tab or a line break";
    if (c > 0xFFFF) return "emoji or another character of four bytes";
    if (c == 0xFFFD) return "a replacement character (U+FFFD): an earlier conversion has lost the text";
  }
  if (!reason.empty() && reason.find_first_not_of(' ') == std::string_view::npos) return "nothing but spaces";
  return characters > 32 ? "longer than 32 characters" : std::string_view{};
}

bool is_text(std::string_view part) {
  if (find_invalid_utf8(part)) return false;
  for (std::size_t at = 0; at < part.size();)
    if (is_control(next_code_point(part, at))) return false;
  return true;
}

std::string find_fault(const Card& card) {
  const auto named = [](std::string_view column, std::string_view fault) {
    return std::string{column} + ": " + std::string{fault};
  };
  if (const auto fault = fault_of_code(card.code); !fault.empty()) return named("code", fault);
  if (const auto fault = fault_of_identifier(card.brand_id); !fault.empty()) return named("brand_id", fault);
  if (const auto fault = fault_of_identifier(card.card_id); !fault.empty()) return named("card_id", fault);
  if (const auto fault = fault_of_identifier(card.openid, 128, Spaces::none); !fault.empty())
    return named("openid", fault);
  if (const auto fault = fault_of_reason(card.reason); !fault.empty()) return named("reason", fault);
  return {};
}

}  // namespace cardvoid::model
