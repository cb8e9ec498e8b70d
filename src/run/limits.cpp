#include <algorithm>
#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/run/limits.hpp>

namespace cardvoid::run {

std::optional<Instant> hold_after_earlier_run(const model::Limits& limits,
                                              std::optional<WallTime> last_sent_at, Now now) {
  if (!last_sent_at) return std::nullopt;
  const auto passed = std::max(now.wall - *last_sent_at, milliseconds{0});
  return now.steady + dispatch::Pacer{limits.requests_per_second}.window() - passed;
}

}  // namespace cardvoid::run
