#pragma once
// What the job's limits mean for a run as a whole: how long it takes, and when it may begin. Pure.

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <cstdint>
#include <optional>

namespace cardvoid::run {

// Rows that are still to be sent.
struct Remaining {
  std::int64_t rows = 0;
  // Of the brand that has most of them, at least 1 when there are rows. Counts only where each brand has its
  // own limit; 0: not known, and all rows count as one brand's.
  std::int64_t rows_of_one_brand = 0;
};

// Requests per second on average until the last row is sent. With limits.per = "brand" the brand with the
// most rows finishes last, and the others do not speed it up. `measured` is the run's own pace so far,
// requests per second over all brands, > 0: the result is never above it.
double expected_rate(const model::Limits& limits, const Remaining& remaining,
                     std::optional<double> measured = std::nullopt);

// How long that takes. `plan`, `status` and the closing words of `run` all say this.
milliseconds time_needed(const model::Limits& limits, const Remaining& remaining,
                         std::optional<double> measured = std::nullopt);

// Nothing may be sent before this, since requests of an earlier run may still count against the quota.
// `last_sent_at` is when the latest of them left, by this machine's wall clock; in the future when that clock
// has been set back since. nullopt: no earlier run has sent anything.
std::optional<Instant> hold_after_earlier_run(const model::Limits& limits,
                                              std::optional<WallTime> last_sent_at, Now now);

}  // namespace cardvoid::run
