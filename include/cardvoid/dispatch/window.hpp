#pragma once
// The hours of every day in which a run may send. Pure: time and the zone are arguments.
//
// The window's edges are found by trying minutes: a wall clock jumps when daylight saving changes, and a week
// has only 10,080 minutes. No zone arithmetic of our own; only `localtime_r` is asked.

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <functional>
#include <optional>
#include <string>

namespace cardvoid::dispatch {

// "01:00-06:00".
std::string to_text(const model::DailyWindow& window);

// Follows the local clock. An hour that daylight saving skips is not part of the window, which then opens
// right after it. An hour that comes twice counts twice. When every minute of the window is skipped, it does
// not open that day.
class Window {
 public:
  // Minutes since midnight, 0 to 1439, on a clock in the window's zone.
  using LocalMinute = std::function<int(WallTime)>;

  Window(const model::DailyWindow& hours, LocalMinute local_minute);

  bool is_open(WallTime now) const;
  // When the window opens or closes next, to the minute; nullopt: not within a week.
  std::optional<WallTime> next_change(WallTime now) const;
  // When `work` is done if it rests outside the window; nullopt: not within a year.
  std::optional<WallTime> end_of(WallTime now, milliseconds work) const;
  std::string text() const { return to_text(hours_); }

 private:
  model::DailyWindow hours_;
  LocalMinute local_minute_;
};

}  // namespace cardvoid::dispatch
