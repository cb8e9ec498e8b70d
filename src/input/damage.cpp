#include "damage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/mask.hpp>
#include <cmath>
#include <vector>

namespace cardvoid::input {

namespace {

constexpr std::size_t k_digits_kept = 15;  // of a number in a spreadsheet (an IEEE double); the rest become 0

// Zeros after the 15th digit. By chance one code of 16 digits in ten ends so, and one of 24 digits in a
// thousand million: only more than chance (mean plus four standard deviations) counts. Where chance plays a
// part, round numbers may be real codes, so a few more are shown and not refused.
constexpr std::size_t k_longest_by_chance = 17;
constexpr double k_zeroed_share = 0.02;

// Lost leading zeros. One random code in ten begins with 0, so in a damaged list nine codes in ten keep their
// length; 0.8 leaves room for short lists. Real lists with two lengths are seldom so uneven, except serial
// numbers from 1 on, which have few digits. One or two short codes in a long list are typing errors, not a
// spreadsheet's work.
constexpr double k_dominant_share = 0.8;
constexpr double k_doubtful_share = 0.5;
constexpr std::size_t k_least_dominant_length = 6;
constexpr std::int64_t k_least_shorter = 3;
constexpr double k_shorter_share = 0.01;  // of a list too short for three

bool is_alphanumeric(char c) { return is_digit(c) || is_letter(c); }

bool is_all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

std::string_view unwrap(std::string_view text, std::array<std::int64_t, k_wrappers>& undone) {
  while (const auto wrapper = model::find_wrapper(text)) {
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
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.size() < 3 || !is_digit(text[0])) return false;
  text.remove_prefix(1);
  const bool has_fraction = text[0] == '.' || text[0] == ',';
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
  return is_all_digits(text);
}

std::string_view without_wrappers(std::string_view text) {
  if (text.empty() || (is_alphanumeric(text.front()) && is_alphanumeric(text.back()))) return text;
  std::array<std::int64_t, k_wrappers> ignored{};
  for (std::size_t size = 0; size != text.size();) {
    size = text.size();
    text = unwrap(text, ignored);
    text.remove_prefix(std::min(text.find_first_not_of(" \t'`"), text.size()));
    text = text.substr(0, text.find_last_not_of(" \t") + 1);
  }
  return text;
}

void Damage::Tally::add(std::string_view identifier, std::int64_t line) {
  if (count < static_cast<std::int64_t>(first.size())) {
    auto masked = mask(identifier);
    if (masked == k_masked) masked.clear();
    first[static_cast<std::size_t>(count)] = {line, std::move(masked)};
  }
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
      text += fmt::format("{}line {}{}{}", text.empty() ? "" : ", ", example.line,
                          example.masked.empty() ? "" : " ", example.masked);
  return fmt::format(" ({}{})", text, count > static_cast<std::int64_t>(first.size()) ? ", …" : "");
}

void Damage::note(std::string_view identifier, std::int64_t line) {
  const auto bare = without_wrappers(identifier);
  if (is_scientific(bare)) scientific_.add(identifier, line);
  if (bare.size() <= k_digits_kept || bare.size() > k_longest_code || !is_all_digits(bare)) return;
  auto& long_ones = long_ones_[bare.size() - k_digits_kept - 1];
  ++long_ones.count;
  if (bare.find_first_not_of('0', k_digits_kept) == std::string_view::npos) long_ones.zeroed.add(bare, line);
}

void Damage::note_code(std::string_view code, std::int64_t line) {
  note(code, line);
  if (code.size() <= k_longest_code && is_all_digits(code)) by_length_[code.size()].add(code, line);
}

// Each length by itself: many short codes must not hide that all long ones are destroyed.
std::string Damage::zeroed_text(Degree wanted) const {
  Tally found;
  std::int64_t among = 0;
  for (std::size_t i = 0; i < long_ones_.size(); ++i) {
    const auto& [count, zeroed] = long_ones_[i];
    const auto length = k_digits_kept + 1 + i;
    const auto all = static_cast<double>(count);
    const auto mean = all * std::pow(10.0, -static_cast<double>(i + 1));
    const auto by_chance = mean + 4 * std::sqrt(mean);
    const auto margin = length <= k_longest_by_chance ? k_zeroed_share * all : 0;
    const auto degree = static_cast<double>(zeroed.count) <= by_chance            ? Degree::none
                        : static_cast<double>(zeroed.count) <= by_chance + margin ? Degree::doubtful
                                                                                  : Degree::certain;
    if (degree != wanted) continue;
    found.add(zeroed);
    among += count;
  }
  if (found.count == 0) return {};
  return fmt::format("{} of {} identifiers longer than 15 digits have nothing but zeros after the 15th{}",
                     found.count, among, found.examples());
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
  const auto dominant = static_cast<double>(by_length_[usual].count);
  if (shorter.count == 0 || usual < k_least_dominant_length || dominant < k_doubtful_share * total) return {};
  const bool is_enough =
      dominant >= k_dominant_share * total &&
      (shorter.count >= k_least_shorter || static_cast<double>(shorter.count) >= k_shorter_share * total);
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
  if (const auto zeroed = zeroed_text(wanted); !zeroed.empty()) add(wanted, zeroed);
  if (const auto shorter = find_shorter(); shorter.degree != Degree::none) add(shorter.degree, shorter.text);
  return text;
}

std::string Damage::destroyed() const { return text_of(Degree::certain); }
std::string Damage::doubtful() const { return text_of(Degree::doubtful); }

}  // namespace cardvoid::input
