#pragma once
// When the next request may leave, so that the platform never sees more than its limit. Pure: time is an
// argument.
//
// The guard between windows is at least 25 ms (2.4 % of the rate) and follows the spread of round trips up to
// 250 ms. If the server's own clock stalls for longer than that, one request too many may fall into its
// window. A pacer keeps to the highest limit it ever had besides the present one, so that no sequence of
// changes adds up.

#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/pace.hpp>
#include <cstddef>
#include <deque>
#include <optional>

namespace cardvoid::dispatch {

// Paces one quota. With a limit of R requests/s, the platform sees at most ceil(R) requests in any window of
// ceil(R)/R seconds; for a whole R that is R in any second. Requests are evenly spaced, without a burst at
// the start.
//
// The platform sees a request later than we send it, and not always by the same delay; two requests may
// arrive closer together than they left. So the window is stretched by a guard that follows the observed
// spread of round trips.
//
// `now` never goes backwards between calls. Not thread-safe.
class Pacer final : public Pace {
 public:
  // requests_per_second > 0, may be fractional.
  explicit Pacer(double requests_per_second);

  Instant next_at() const override;
  Instant due_after(std::size_t ahead, Instant now) const override;
  bool take(Instant now) override;  // always true
  void left(Instant permit, Instant at) override;
  // The guard follows the spread of the round trips.
  void observe(std::chrono::nanoseconds round_trip) override;
  // Pauses, halves the rate, recovers slowly (5 % of the limit every 3 s). Several 429 to requests that left
  // before the pause count once.
  void throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) override;
  void hold(Instant until) override;
  // A pause or slow-down after a 429 stays, and the highest limit so far holds in every window, however often
  // the limit changes.
  void set_limit(double requests_per_second, Instant now) override;

  double rate(Instant now) const override;
  double limit() const { return limit_; }
  Instant paused_until() const override { return memory_.paused_until; }
  std::chrono::nanoseconds guard() const;
  std::chrono::nanoseconds window() const;  // with the guard
  std::chrono::nanoseconds interval(Instant now) const { return interval(rate(now)); }

  // Everything a pacer knows except its limit: what processes share.
  struct Memory {
    std::deque<Instant> sent;  // the last ones, oldest first; at most one window's worth
    Instant schedule{};        // where even spacing puts the next one
    Instant held_until{};
    Instant paused_until{};
    Instant pause_began{};
    double throttled_rate = 0;  // rate right after the last 429; 0: never throttled
    double mean_ns = 0, deviation_ns = 0;
    bool measured = false;
  };
  const Memory& memory() const { return memory_; }
  // Takes over the memory of a pacer that may have had another limit. Its spacing counts only if it is not
  // wider than ours.
  void recall(Memory memory, Instant now);

 private:
  static std::size_t per_window(double limit);  // requests in one window: ceil(limit)
  std::chrono::nanoseconds window(double limit) const;
  std::chrono::nanoseconds interval(double rate) const;

  double limit_;
  double ceiling_;  // the highest limit so far
  Memory memory_;
};

}  // namespace cardvoid::dispatch
