#include <fmt/format.h>

#include <cardvoid/base/local_time.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/run/time_left.hpp>

namespace cardvoid::run {

bool is_open(const model::DailyWindow& window, WallTime now) {
  return dispatch::Window{window, local_minute}.is_open(now);
}

std::string words_for(const TimeLeft& rest, const std::optional<model::DailyWindow>& hours, WallTime now) {
  const auto pace =
      rest.per_second < 100 ? fmt::format("{:.3g}", rest.per_second) : fmt::format("{:.0f}", rest.per_second);
  auto text = fmt::format("{} {} left; at {} requests/s that needs {} more", fmt::group_digits(rest.rows),
                          rest.rows == 1 ? "row is" : "rows are", pace, humanize_duration(rest.needed));
  const dispatch::Window window{hours.value_or(model::DailyWindow{0, 24 * 60}), local_minute};
  const auto end = window.end_of(now, rest.needed);
  if (window.is_open(now)) {
    if (end) text += fmt::format(", until {} if it went on now", format_local(*end));
    return text;
  }
  if (const auto opens = window.next_change(now))
    text += fmt::format("; the window opens next at {}", format_local(*opens));
  if (end) text += fmt::format(", and all would be done at {}", format_local(*end));
  return text;
}

}  // namespace cardvoid::run
