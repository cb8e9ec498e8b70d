#include <algorithm>
#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/run/limits.hpp>

namespace cardvoid::run {

namespace {

// Rows that share one quota.
double rows_in_line(const model::Limits& limits, const Remaining& remaining) {
  const bool by_brand = limits.per == model::QuotaPer::brand && remaining.rows_of_one_brand > 0;
  return static_cast<double>(by_brand ? remaining.rows_of_one_brand : remaining.rows);
}

double seconds_needed(const model::Limits& limits, const Remaining& remaining,
                      std::optional<double> measured) {
  const auto at_limit = rows_in_line(limits, remaining) / limits.requests_per_second;
  return measured ? std::max(at_limit, static_cast<double>(remaining.rows) / *measured) : at_limit;
}

}  // namespace

double expected_rate(const model::Limits& limits, const Remaining& remaining,
                     std::optional<double> measured) {
  if (remaining.rows == 0) return limits.requests_per_second;
  return static_cast<double>(remaining.rows) / seconds_needed(limits, remaining, measured);
}

milliseconds time_needed(const model::Limits& limits, const Remaining& remaining,
                         std::optional<double> measured) {
  return milliseconds{static_cast<std::int64_t>(seconds_needed(limits, remaining, measured) * 1000)};
}

std::optional<Instant> hold_after_earlier_run(const model::Limits& limits,
                                              std::optional<WallTime> last_sent_at, Now now) {
  if (!last_sent_at) return std::nullopt;
  const auto passed = std::max(now.wall - *last_sent_at, milliseconds{0});
  return now.steady + dispatch::Pacer{limits.requests_per_second}.window() - passed;
}

}  // namespace cardvoid::run
