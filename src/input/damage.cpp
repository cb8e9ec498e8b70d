#include "damage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cmath>
#include <vector>

namespace cardvoid::input {

namespace {

constexpr std::size_t k_digits_kept = 15;  // of a number in a spreadsheet (an IEEE double); the rest become 0

// Zeros after the 15th digit. One code in ten of 16 digits ends so by chance, one in a thousand million of
// 24: only what is beyond chance (its mean and four standard deviations) says anything. A range of round
// numbers may be issued in earnest, so a few in a long list are shown and not refused.
constexpr double k_zeroed_share = 0.02;

// Lost leading zeros. Of random digits one code in ten begins with 0, so that a damaged list keeps its length
// in nine codes of ten; 0.8 leaves room for the scatter of short lists. Two lengths in earnest are seldom so
// uneven, but for serial numbers from 1 on, which have few digits. One or two short codes in a long list are
// typing errors rather than a spreadsheet's work.
constexpr double k_dominant_share = 0.8;
constexpr std::size_t k_least_dominant_length = 6;
constexpr std::int64_t k_least_shorter = 3;
constexpr double k_shorter_share = 0.01;  // of a list too short for three

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

std::optional<Wrapper> find_wrapper(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.back() == '\t') return Wrapper::tabs;
  if (text.size() >= 3 && text.starts_with("=\"") && text.back() == '"') return Wrapper::formula;
  if ((text.front() == '\'' || text.front() == '`') && is_all_digits(text.substr(1))) return Wrapper::mark;
  return std::nullopt;
}

std::string_view unwrap(std::string_view text, std::array<std::int64_t, k_wrappers>& undone) {
  while (const auto wrapper = find_wrapper(text)) {
    switch (*wrapper) {
      case Wrapper::formula: {
        const auto inside = text.substr(2, text.size() - 3);
        if (inside.find('"') != std::string_view::npos) return text;  // more than a wrapper
        text = inside;
        break;
      }
      case Wrapper::mark: text.remove_prefix(1); break;
      case Wrapper::tabs: text = text.substr(0, text.find_last_not_of('\t') + 1); break;
    }
    ++undone[static_cast<std::size_t>(*wrapper)];
  }
  return text;
}

bool is_scientific(std::string_view text) {
  if (text.size() < 4 || !is_digit(text[0])) return false;
  text.remove_prefix(1);
  if (text[0] == '.' || text[0] == ',') {
    const auto fraction = std::min(text.find_first_not_of("0123456789", 1), text.size());
    if (fraction == 1) return false;
    text.remove_prefix(fraction);
  }
  return (text.starts_with("E+") || text.starts_with("e+")) && is_all_digits(text.substr(2));
}

void Damage::Tally::add(std::string_view identifier, std::int64_t line) {
  if (count < static_cast<std::int64_t>(first.size()))
    first[static_cast<std::size_t>(count)] = {line, mask(identifier)};
  ++count;
}

void Damage::Tally::add(const Tally& other) {
  std::vector<Example> all;
  for (const auto* tally : {static_cast<const Tally*>(this), &other})
    for (const auto& example : tally->first)
      if (example.line > 0) all.push_back(example);
  std::stable_sort(all.begin(), all.end(),
                   [](const Example& a, const Example& b) { return a.line < b.line; });
  std::copy_n(all.begin(), std::min(all.size(), first.size()), first.begin());
  count += other.count;
}

std::string Damage::Tally::examples() const {
  std::string text;
  for (const auto& example : first)
    if (example.line > 0)
      text += fmt::format("{}line {} {}", text.empty() ? "" : ", ", example.line, example.masked);
  return fmt::format(" ({}{})", text, count > static_cast<std::int64_t>(first.size()) ? ", …" : "");
}

void Damage::note_code(std::string_view code, std::int64_t line) {
  note(code, line);
  if (code.size() > k_longest_code || !is_all_digits(code)) return;
  by_length_[code.size()].add(code, line);
  if (code.size() <= k_digits_kept) return;
  static const auto chances = [] {
    std::array<double, k_longest_code + 1> of_length{};
    for (std::size_t length = k_digits_kept + 1; length < of_length.size(); ++length)
      of_length[length] = std::pow(10.0, -static_cast<double>(length - k_digits_kept));
    return of_length;
  }();
  ++long_codes_;
  zeroed_by_chance_ += chances[code.size()];
  if (code.find_first_not_of('0', k_digits_kept) == std::string_view::npos) zeroed_.add(code, line);
}

Damage::Degree Damage::degree_of_zeroed() const {
  const auto count = static_cast<double>(zeroed_.count);
  const auto by_chance = zeroed_by_chance_ + 4 * std::sqrt(zeroed_by_chance_);
  if (count <= by_chance) return Degree::none;
  return count > by_chance + k_zeroed_share * static_cast<double>(long_codes_) ? Degree::certain
                                                                               : Degree::doubtful;
}

std::string Damage::zeroed_text() const {
  return fmt::format("{} of {} card codes longer than 15 digits have nothing but zeros after the 15th{}",
                     zeroed_.count, long_codes_, zeroed_.examples());
}

struct Damage::Shorter {
  Degree degree = Degree::none;
  std::string text;
};

Damage::Shorter Damage::find_shorter() const {
  std::int64_t all = 0;
  std::size_t usual = 0;
  for (std::size_t length = 1; length < by_length_.size(); ++length) {
    all += by_length_[length].count;
    if (by_length_[length].count >= by_length_[usual].count) usual = length;
  }
  Tally shorter;
  for (std::size_t length = 1; length < usual; ++length) shorter.add(by_length_[length]);
  const auto total = static_cast<double>(all);
  if (shorter.count == 0 || usual < k_least_dominant_length ||
      static_cast<double>(by_length_[usual].count) < k_dominant_share * total)
    return {};
  const bool is_enough =
      shorter.count >= k_least_shorter || static_cast<double>(shorter.count) >= k_shorter_share * total;
  return {
      is_enough ? Degree::certain : Degree::doubtful,
      fmt::format("{} of {} card codes made of digits are shorter than the usual {}, as where leading zeros "
                  "are lost{}",
                  shorter.count, all, usual, shorter.examples())};
}

std::string Damage::text_of(Degree wanted) const {
  std::string text;
  const auto add = [&](Degree degree, const std::string& words) {
    if (degree == wanted) text += (text.empty() ? "" : "; ") + words;
  };
  if (scientific_.count > 0)
    add(Degree::certain,
        fmt::format("{} in scientific notation{}", scientific_.count, scientific_.examples()));
  if (const auto degree = degree_of_zeroed(); degree != Degree::none) add(degree, zeroed_text());
  if (const auto shorter = find_shorter(); shorter.degree != Degree::none) add(shorter.degree, shorter.text);
  return text;
}

std::string Damage::destroyed() const { return text_of(Degree::certain); }
std::string Damage::doubtful() const { return text_of(Degree::doubtful); }

}  // namespace cardvoid::input
