#pragma once
// When the next request may leave, so that the platform never sees more than its limit. Pure: time is an
// argument.

#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <deque>
#include <optional>

namespace cardvoid::dispatch {

// Paces one quota: with a limit of R requests/s, at most ceil(R) requests in any window of ceil(R)/R seconds
// – for a whole R: R in any second – as the platform sees it. Evenly spaced, no burst at the start.
//
// The platform sees a request later than we send it, and not always by the same delay; two requests may
// arrive closer together than they left. So the window is stretched by a guard that follows the observed
// spread of round trips.
//
// `now` never goes backwards between calls. Not thread-safe.
class Pacer {
 public:
  // requests_per_second > 0, may be fractional.
  explicit Pacer(double requests_per_second);

  // The earliest instant for the next request; in the past when it may leave at once.
  Instant next_at() const;

  // When the request after `ahead` others would be due: how far to prepare.
  Instant due_after(std::size_t ahead, Instant now) const;

  // Takes the permit for one request that leaves now. Call only when next_at() <= now.
  void take(Instant now);

  // The request that took its permit at `permit` really left at `at`, a little later.
  void left(Instant permit, Instant at);

  // A round trip was measured: the guard follows its spread.
  void observe(std::chrono::nanoseconds round_trip);

  // The platform said 429 to a request that left at `sent`: pause, halve the rate, recover slowly (5 % of the
  // limit every 3 s). Several 429 to requests that left before the pause count once.
  void throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after);

  // Nothing may leave before `until`: a run that follows closely on another must not add up with it.
  void hold(Instant until);

  // Changes the limit while running, from the next request on. What has been sent is not forgotten, a pause
  // or slow-down after a 429 stays, and the highest limit so far holds in every window, however often the
  // limit changes.
  void set_limit(double requests_per_second, Instant now);

  double rate(Instant now) const;  // requests/s at present: below the limit after a 429
  double limit() const { return limit_; }
  bool paused(Instant now) const { return now < paused_until_; }
  Instant paused_until() const { return paused_until_; }
  std::chrono::nanoseconds guard() const;
  std::chrono::nanoseconds window() const;  // with the guard

 private:
  static std::size_t per_window(double limit);  // requests in one window: ceil(limit)
  std::chrono::nanoseconds window(double limit) const;
  std::chrono::nanoseconds interval(double rate) const;

  double limit_;
  double ceiling_;            // the highest limit so far
  std::deque<Instant> sent_;  // the last per_window(ceiling_) of them, oldest first
  Instant schedule_{};        // where even spacing puts the next one
  Instant held_until_{};
  Instant paused_until_{};
  Instant pause_began_{};
  double throttled_rate_ = 0;  // rate right after the last 429; 0: never throttled
  double mean_ns_ = 0, deviation_ns_ = 0;
  bool measured_ = false;
};

}  // namespace cardvoid::dispatch
