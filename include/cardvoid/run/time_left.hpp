#pragma once
// What is left for another run, in words: how much, how long it takes, and when it may go on.

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace cardvoid::run {

struct TimeLeft {
  std::int64_t rows = 0;
  double per_second = 0;  // > 0
  milliseconds needed{0};
};

// By the zone in force (base/local_time.hpp).
bool is_open(const model::DailyWindow& window, WallTime now);

// "12,400 rows are left; at 5 requests/s that needs 41m 20s more, until 2026-11-27 01:41 +0800 if it went on
// now"; or, while the window is closed, when it opens and when all would be done.
std::string words_for(const TimeLeft& rest, const std::optional<model::DailyWindow>& window, WallTime now);

}  // namespace cardvoid::run
