#pragma once
// When a run may begin, so that it keeps to the limits together with the one before it. Pure.

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <optional>

namespace cardvoid::run {

// Nothing may be sent before this, since requests of an earlier run may still count against the quota.
// `last_sent_at` is when the latest of them left, by this machine's wall clock; in the future when that clock
// has been set back since. nullopt: no earlier run has sent anything.
std::optional<Instant> hold_after_earlier_run(const model::Limits& limits,
                                              std::optional<WallTime> last_sent_at, Now now);

}  // namespace cardvoid::run
