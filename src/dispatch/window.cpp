#include <fmt/format.h>

#include <cardvoid/dispatch/window.hpp>
#include <utility>

namespace cardvoid::dispatch {

namespace {
using std::chrono::minutes;
constexpr minutes k_week{7 * 24 * 60};
constexpr int k_most_changes = 2 * 366;  // of a year
}  // namespace

std::string to_text(const model::DailyWindow& window) {
  return fmt::format("{:02}:{:02}-{:02}:{:02}", window.opens / 60, window.opens % 60, window.closes / 60,
                     window.closes % 60);
}

Window::Window(const model::DailyWindow& hours, LocalMinute local_minute)
    : hours_{hours}, local_minute_{std::move(local_minute)} {}

bool Window::is_open(WallTime now) const {
  const int minute = local_minute_(now);
  if (hours_.opens < hours_.closes) return minute >= hours_.opens && minute < hours_.closes;
  return minute >= hours_.opens || minute < hours_.closes;
}

// Minute by minute: zones change by whole minutes, at times that this code does not know.
std::optional<WallTime> Window::next_change(WallTime now) const {
  const bool was_open = is_open(now);
  const WallTime from = std::chrono::floor<minutes>(now);
  for (minutes later{1}; later <= k_week; ++later)
    if (is_open(from + later) != was_open) return from + later;
  return std::nullopt;
}

std::optional<WallTime> Window::end_of(WallTime now, milliseconds work) const {
  for (int changes = 0; changes < k_most_changes; ++changes) {
    const auto change = next_change(now);
    if (is_open(now)) {
      if (!change || now + work <= *change) return now + work;
      work -= *change - now;
    }
    if (!change) return std::nullopt;
    now = *change;
  }
  return std::nullopt;
}

}  // namespace cardvoid::dispatch
