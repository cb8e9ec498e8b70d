#include "lost_zeros.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cmath>
#include <numeric>
#include <vector>

namespace cardvoid::input {

namespace {

// What a length must have to count. Of 30 random codes none begins with 0 in one list of 25 (0.9 to the power
// of 30).
constexpr std::int64_t k_least_codes = 30;
constexpr std::int64_t k_least_shorter = 3;
// And for certainty, all such lengths together. Fewer shorter ones may be typing errors.
constexpr std::int64_t k_certain_codes = 90;
constexpr std::int64_t k_certain_shorter = 10;

// Below certainty: what is worth a look.
constexpr std::size_t k_shortest_doubtful = 6;
constexpr std::int64_t k_dominance = 4;  // codes of a length for each shorter one
constexpr std::size_t k_few_digits = 3;  // so many fewer, and no more

double margin(double expected, double deviations) {
  constexpr double k_uneven = 0.02;  // no real list is quite random
  return deviations * std::sqrt(expected) + k_uneven * expected;
}

std::int64_t median_of_others(const std::array<std::int64_t, 10>& digits) {
  std::array<std::int64_t, 9> others{};
  std::copy(digits.begin() + 1, digits.end(), others.begin());
  std::nth_element(others.begin(), others.begin() + 4, others.end());
  return others[4];
}

// Whether as many codes have 0 at a place as have each other digit. The median, since another part of the
// list may all begin with the same prefix. Mistyped codes are fewer, so that side is the stricter one.
bool is_as_many(std::int64_t zeros, const std::array<std::int64_t, 10>& digits) {
  if (std::find(digits.begin() + 1, digits.end(), 0) != digits.end()) return false;
  const auto usual = median_of_others(digits);
  const auto sum = static_cast<double>(zeros + usual);
  return static_cast<double>(zeros - usual) <= margin(sum, 2.6) &&
         static_cast<double>(usual - zeros) <= margin(sum, 2.2);
}

// A number behind the digit of a branch has no 0 there: 3 and 417 make 3417.
bool has_zeros(const std::array<std::int64_t, 10>& digits) {
  const auto usual = median_of_others(digits);
  return static_cast<double>(usual - digits[0]) <= margin(static_cast<double>(usual + digits[0]), 3);
}

// Whether each digit is there as often as the others.
bool is_even(std::int64_t zeros, const std::array<std::int64_t, 10>& digits) {
  const auto sum = std::accumulate(digits.begin() + 1, digits.end(), zeros);
  const auto mean = static_cast<double>(sum) / 10;
  const auto fits = [mean](std::int64_t count) {
    return std::abs(static_cast<double>(count) - mean) <= margin(mean, 4) + 1;
  };
  return fits(zeros) && std::all_of(digits.begin() + 1, digits.end(), fits);
}

}  // namespace

void LostZeros::note(std::string_view code, std::int64_t line) {
  if (code.empty() || code.size() > k_longest_code || !has_only_digits(code)) return;
  auto& length = lengths_[code.size()];
  length.codes.add(code, line);
  ++length.first[static_cast<std::size_t>(code[0] - '0')];
  if (code.size() > 1) ++length.second[static_cast<std::size_t>(code[1] - '0')];
}

// Codes that may have lost so many zeros. Those of a length that has kept some are none.
std::int64_t LostZeros::shorter(std::size_t digits, std::size_t by) const {
  return digits > by && !lengths_[digits - by].is_text() ? lengths_[digits - by].count() : 0;
}

// Two zeros are lost a ninth as often as one. More codes of that length than chance allows are others.
bool LostZeros::has_others(std::size_t digits) const {
  const auto expected = static_cast<double>(shorter(digits, 1)) / 9;
  return static_cast<double>(shorter(digits, 2)) > expected + margin(expected, 4) + 1;
}

bool LostZeros::has_lost_zeros(std::size_t digits) const {
  const auto& length = lengths_[digits];
  if (digits < k_shortest_doubtful || length.is_text() || length.count() < k_least_codes) return false;
  const auto by_one = shorter(digits, 1);
  const auto by_two = has_others(digits) ? by_one / 9 : shorter(digits, 2);
  return by_one + by_two >= k_least_shorter && is_as_many(by_one + by_two, length.first) &&
         has_zeros(length.second) && is_even(by_two, lengths_[digits - 1].first);
}

// A few among many: mistyped, perhaps, or put together from two lists of which one is damaged.
bool LostZeros::has_few_shorter(std::size_t digits) const {
  if (digits < k_shortest_doubtful) return false;
  std::int64_t few = 0;
  for (std::size_t by = 1; by <= k_few_digits; ++by) few += shorter(digits, by);
  // Serial numbers from 1 on: nearly all numbers of one digit less are there.
  const auto all_numbers = 9 * std::pow(10.0, static_cast<double>(digits) - 2);
  return few > 0 && few * k_dominance <= lengths_[digits].count() &&
         static_cast<double>(shorter(digits, 1)) < all_numbers / 2;
}

Tally LostZeros::shortened(std::size_t digits) const {
  auto found = lengths_[digits - 1].codes;
  if (!has_others(digits)) found.add(lengths_[digits - 2].codes);
  return found;
}

std::string LostZeros::likely_words(std::size_t digits) const {
  const auto found = shortened(digits);
  return tr(
      "none of the {} card codes of {} digits begins with 0, about {} begin with each other digit, and {} "
      "are one or two digits shorter, as where leading zeros are lost{}",
      lengths_[digits].count(), digits, median_of_others(lengths_[digits].first), found.count(),
      found.examples());
}

std::string LostZeros::few_words(std::size_t digits) const {
  Tally found;
  for (std::size_t by = 1; by <= k_few_digits; ++by)
    if (shorter(digits, by) > 0) found.add(lengths_[digits - by].codes);
  return tr_n(
      found.count(),
      "{} card code has up to {} digits fewer than the {} of {} digits: mistyped, or leading zeros lost?{}",
      "{} card codes have up to {} digits fewer than the {} of {} digits: mistyped, or leading zeros lost?{}",
      k_few_digits, lengths_[digits].count(), digits, found.examples());
}

std::string LostZeros::text_of(Degree wanted) const {
  std::string text;
  const auto add = [&](Degree degree, const std::string& words) {
    if (degree == wanted) text += (text.empty() ? "" : "; ") + words;
  };
  // From the longest on: codes that are explained as shortened ones are no length of their own.
  std::vector<std::size_t> likely;
  std::int64_t codes = 0, all_shortened = 0;
  for (auto digits = k_longest_code; digits >= k_shortest_doubtful; --digits) {
    if (!has_lost_zeros(digits)) continue;
    likely.push_back(digits);
    if (digits >= k_shortest_certain) {
      codes += lengths_[digits].count();
      all_shortened += shortened(digits).count();
    }
    digits -= 2;
  }
  const bool is_certain = codes >= k_certain_codes && all_shortened >= k_certain_shorter;
  for (const auto digits : likely)
    add(is_certain && digits >= k_shortest_certain ? Degree::certain : Degree::doubtful,
        likely_words(digits));

  auto explained = lengths_.size();  // from this length on
  for (auto digits = k_longest_code; digits >= k_shortest_doubtful; --digits) {
    if (std::find(likely.begin(), likely.end(), digits) != likely.end()) {
      explained = digits - 2;
    } else if (digits < explained && has_few_shorter(digits)) {
      add(Degree::doubtful, few_words(digits));
      explained = digits - k_few_digits;
    }
  }
  return text;
}

}  // namespace cardvoid::input
