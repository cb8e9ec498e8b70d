#include <fmt/format.h>

#include <array>
#include <cardvoid/base/time.hpp>
#include <cardvoid/base/translate.hpp>
#include <charconv>

namespace cardvoid {

namespace {

struct Unit {
  std::string_view name;
  long long ms;
};
constexpr std::array<Unit, 5> k_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr long long k_longest_ms = 10LL * 365 * 86'400'000;  // ten years: anything above is a typing error

Error not_a_duration(std::string_view text) {
  return {Errc::usage,
          tr("\"{}\" is not a duration; expected for example \"500ms\", \"10s\", \"1m30s\" or \"4h\"", text)};
}

}  // namespace

Now read_clocks() {
  return {std::chrono::steady_clock::now(),
          std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now())};
}

Result<milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return milliseconds{0};
  long long total = 0, smallest_so_far = k_longest_ms;
  for (auto rest = text; !rest.empty();) {
    long long count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc{} || count < 0) return not_a_duration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto name = rest.substr(0, rest.find_first_of("0123456789"));
    rest.remove_prefix(name.size());
    const Unit* unit = nullptr;
    for (const auto& candidate : k_units)
      if (candidate.name == name) unit = &candidate;
    if (!unit || unit->ms >= smallest_so_far || count > k_longest_ms / unit->ms) return not_a_duration(text);
    smallest_so_far = unit->ms;
    total += count * unit->ms;
  }
  if (text.empty() || total > k_longest_ms) return not_a_duration(text);
  return milliseconds{total};
}

std::string format_duration(milliseconds duration) {
  std::string text;
  auto rest = duration.count();
  for (const auto& unit : k_units) {
    if (rest < unit.ms) continue;
    text += fmt::format("{}{}", rest / unit.ms, unit.name);
    rest %= unit.ms;
  }
  return text.empty() ? "0s" : text;
}

std::string humanize_duration(milliseconds duration) {
  const auto ms = duration.count();
  if (ms < 1'000) return fmt::format("{}ms", ms);
  const auto seconds = (ms + 500) / 1'000;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3'600) return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
  const auto minutes = (seconds + 30) / 60;
  if (minutes < 6'000) return fmt::format("{}h {:02}m", minutes / 60, minutes % 60);
  return fmt::format("{}d {:02}h", minutes / 1'440, minutes % 1'440 / 60);
}

std::string humanize_offset(milliseconds theirs_minus_ours) {
  return humanize_duration(std::chrono::abs(theirs_minus_ours)) +
         (theirs_minus_ours < milliseconds{0} ? " behind ours" : " ahead of ours");
}

}  // namespace cardvoid
