#include "damage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cmath>

namespace cardvoid::input {

namespace {

constexpr std::size_t k_digits_kept = 15;  // of a number in a spreadsheet (an IEEE double); the rest become 0

// Zeros after the 15th digit. By chance one code of 16 digits in ten ends so, and one of 24 digits in a
// thousand million: what counts is how unlikely so many are. Where chance plays a part, round numbers may be
// real codes, so a few more are shown and not refused.
constexpr std::size_t k_longest_by_chance = 17;
constexpr double k_zeroed_share = 0.02;
constexpr double k_doubtful = 1e-2, k_certain = 2e-4;

// That so many of `all` or more are found where each is with probability `each`.
double chance_of(std::int64_t found, std::int64_t all, double each) {
  const auto k = static_cast<double>(found), n = static_cast<double>(all);
  if (k <= n * each) return 1;
  auto term = std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(each) +
                       (n - k) * std::log1p(-each));
  double sum = 0;
  for (auto next = found; term > sum * 1e-6; ++next) {  // above the mean each is smaller than the one before
    sum += term;
    term *= static_cast<double>(all - next) / static_cast<double>(next + 1) * each / (1 - each);
  }
  return sum;
}

bool is_alphanumeric(char c) { return is_digit(c) || is_letter(c); }

}  // namespace

std::string_view without_formula(std::string_view text) {
  if (model::find_wrapper(text) != Wrapper::formula) return text;
  const auto inside = text.substr(2, text.size() - 3);
  return inside.find('"') == std::string_view::npos ? inside : text;  // else more than a wrapper
}

std::string_view unwrap(std::string_view text, std::array<std::int64_t, k_wrappers>& undone) {
  while (const auto wrapper = model::find_wrapper(text)) {
    switch (*wrapper) {
      case Wrapper::formula: {
        const auto inside = without_formula(text);
        if (inside == text) return text;
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

// A serial number may end in zeros: then the one beside it has the same first 15 digits and other last ones.
void Damage::LongOnes::note(std::string_view digits, std::int64_t line) {
  const bool ends_in_zeros = digits.find_first_not_of('0', k_digits_kept) == std::string_view::npos;
  const bool is_beside = digits.substr(0, k_digits_kept) == kept;
  if (is_beside && is_zeroed && !ends_in_zeros) zeroed.take_back();
  const bool counts = ends_in_zeros && !(is_beside && count > 0 && !is_zeroed);
  if (counts) zeroed.add(digits, line);
  ++count;
  kept = digits.substr(0, k_digits_kept);
  is_zeroed = counts;
}

void Damage::Odd::note(Column column, std::int64_t line) {
  ++columns[static_cast<std::size_t>(column)];
  all.add({}, line);
}

std::string Damage::Odd::words() const {
  std::string text;
  for (std::size_t column = 0; column < columns.size(); ++column)
    if (columns[column] > 0)
      text += (text.empty() ? "" : ", ") + tr("{} in {}", columns[column], k_column_names[column]);
  return text + all.examples();
}

void Damage::note(Column column, std::string_view text, std::int64_t line) {
  const auto bare = without_wrappers(text);
  if (model::means_nothing(bare)) nothing_.note(column, line);
  if (model::has_fraction_of_zeros(bare)) fractions_.note(column, line);
  if (column == Column::reason) return;
  if (model::is_scientific(bare)) scientific_.add(text, line);
  if (column == Column::code) lost_zeros_.note(text, line);
  if (bare.size() > k_digits_kept && bare.size() <= k_longest_code && has_only_digits(bare))
    long_ones_[bare.size() - k_digits_kept - 1].note(bare, line);
}

// Each length by itself: many short codes must not hide that all long ones are destroyed.
std::string Damage::zeroed_text(Degree wanted) const {
  Tally found;
  std::int64_t among = 0;
  for (std::size_t i = 0; i < long_ones_.size(); ++i) {
    const auto count = long_ones_[i].count;
    const auto& zeroed = long_ones_[i].zeroed;
    const auto length = k_digits_kept + 1 + i;
    const auto each = std::pow(10.0, -static_cast<double>(i + 1));
    const auto chance = chance_of(zeroed.count(), count, each);
    const auto share = length <= k_longest_by_chance ? each + k_zeroed_share : each;
    const bool is_certain =
        chance<k_certain&& static_cast<double>(zeroed.count())> share * static_cast<double>(count);
    const auto degree = is_certain ? Degree::certain : chance < k_doubtful ? Degree::doubtful : Degree::none;
    if (degree != wanted) continue;
    found.add(zeroed);
    among += count;
  }
  if (found.count() == 0) return {};
  return tr("{} of {} identifiers longer than 15 digits have nothing but zeros after the 15th{}",
            found.count(), among, found.examples());
}

std::string Damage::text_of(Degree wanted) const {
  std::string text;
  const auto add = [&](Degree degree, const std::string& words) {
    if (degree == wanted && !words.empty()) text += (text.empty() ? "" : "; ") + words;
  };
  if (scientific_.count() > 0)
    add(Degree::certain, tr("{} in scientific notation{}", scientific_.count(), scientific_.examples()));
  add(wanted, zeroed_text(wanted));
  add(wanted, lost_zeros_.text_of(wanted));
  if (nothing_.all.count() > 0)
    add(Degree::doubtful,
        tr_n(nothing_.all.count(), "{} word such as NULL or #N/A, which programs write for no value: {}",
             "{} words such as NULL or #N/A, which programs write for no value: {}", nothing_.words()));
  if (fractions_.all.count() > 0)
    add(Degree::doubtful,
        tr_n(fractions_.all.count(),
             "{} value with .0 at the end, as where a program took digits for a number: {}",
             "{} values with .0 at the end, as where a program took digits for a number: {}",
             fractions_.words()));
  return text;
}

std::string Damage::destroyed() const { return text_of(Degree::certain); }
std::string Damage::doubtful() const { return text_of(Degree::doubtful); }

}  // namespace cardvoid::input
