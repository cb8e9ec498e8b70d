#include <fmt/args.h>

#include <algorithm>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/translate.hpp>
#include <optional>
#include <vector>

namespace cardvoid {

namespace {

constexpr std::string_view k_place = "{}";
// Milliseconds first: their unit ends like that of seconds.
constexpr const char* k_durations[] = {translatable("{}ms"), translatable("{}d {}h"), translatable("{}h {}m"),
                                       translatable("{}m {}s"), translatable("{}s")};

// What stands in the places of a pattern.
std::optional<std::vector<std::string_view>> match(std::string_view text, std::string_view pattern) {
  std::vector<std::string_view> found;
  const auto first = pattern.find(k_place);
  if (first == std::string_view::npos) return text == pattern ? std::optional{found} : std::nullopt;
  if (!text.starts_with(pattern.substr(0, first))) return std::nullopt;
  text.remove_prefix(first), pattern.remove_prefix(first);
  while (!pattern.empty()) {
    pattern.remove_prefix(k_place.size());
    const auto next = pattern.find(k_place);
    const auto behind = pattern.substr(0, next);
    const bool is_last = next == std::string_view::npos;
    if (is_last && !text.ends_with(behind)) return std::nullopt;
    const auto end = is_last ? text.size() - behind.size() : text.find(behind, 1);
    if (end == 0 || end == std::string_view::npos) return std::nullopt;
    found.push_back(text.substr(0, end));
    text.remove_prefix(end + behind.size()), pattern.remove_prefix(behind.size());
  }
  return found;
}

bool is_duration(std::string_view text) {
  return !text.empty() && is_digit(text[0]) && std::string_view{"smh"}.find(text.back()) != text.npos &&
         text.find_first_not_of("0123456789 dhms") == text.npos;
}

std::string translated_place(std::string_view text, std::span<const char* const> patterns) {
  if (is_duration(text)) return tr_stored(text, k_durations);
  // A single word may be a name, unless it is one of the texts.
  const bool is_name = text.find(' ') == text.npos && std::ranges::find(patterns, text) == patterns.end();
  return is_name ? std::string{text} : tr_stored(text, patterns);
}

}  // namespace

std::string tr_stored(std::string_view english, std::span<const char* const> patterns) {
  if (spoken_language() == Language::english) return std::string{english};
  for (const auto* const pattern : patterns) {
    const auto found = match(english, pattern);
    if (!found) continue;
    fmt::dynamic_format_arg_store<fmt::format_context> places;
    for (const auto place : *found)
      places.push_back(patterns.data() == k_durations ? std::string{place}
                                                      : translated_place(place, patterns));
    return fmt::vformat(tr(pattern), places);
  }
  return tr(std::string{english});
}

std::string spoken_duration(milliseconds duration) {
  return tr_stored(humanize_duration(duration), k_durations);
}

std::string spoken_weekday(std::string_view day) {
  constexpr const char* k_days[] = {translatable("Mon"), translatable("Tue"), translatable("Wed"),
                                    translatable("Thu"), translatable("Fri"), translatable("Sat"),
                                    translatable("Sun")};
  return tr_stored(day.substr(0, 3), k_days);
}

std::string spoken_day(std::string_view day) {
  return day.size() < 3 ? std::string{day} : spoken_weekday(day).append(day.substr(3));
}

}  // namespace cardvoid
