#pragma once
// When the next request may leave, so that the platform never sees more than its limit. Pure: time is an
// argument.
//
// What the platform counts shows only in its 429s, so the pacer learns from these, and from nothing else.
// Round trips say little: most of their spread is the platform's thinking time, which comes after the count.
// docs/architecture.md, "The pace", has the law and its figures.

#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/pace.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace cardvoid::dispatch {

// Paces one quota. With a limit of R requests/s, at most ceil(R) requests leave in any window of ceil(R)/R
// seconds and a guard; for a whole R that is R in any second. Requests are evenly spaced, without a burst at
// the start.
//
// The platform sees a request later than we send it, and not always by the same delay: two requests may
// arrive closer together than they left. The guard covers that. It begins small, grows by a step at a stray
// 429, and shrinks very slowly.
//
// A 429 is stray if what was sent around it is a full window's worth: then the rate stays. Several in a
// row, with less than that accepted, mean a limit below ours: what was accepted in the window before a 429
// is that limit. It is held, and now and then a probe asks whether more is accepted; then the rate doubles
// each window.
//
// A pacer keeps to the highest limit it ever had besides the present one, so that no sequence of changes adds
// up. `now` never goes backwards between calls. Not thread-safe.
class Pacer final : public Pace {
 public:
  // requests_per_second > 0, may be fractional.
  explicit Pacer(double requests_per_second);

  Instant next_at() const override;
  Instant due_after(std::size_t ahead, Instant now) const override;
  bool take(Instant now) override;  // always true
  void left(Instant permit, Instant at) override;
  void accepted(Instant now, Instant sent) override;
  // Several 429 to requests that left before the first was heard of count once, but each Retry-After holds.
  void throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) override;
  void hold(Instant until) override;
  // What was found stays, and the highest limit so far holds in every window, however often the limit
  // changes.
  void set_limit(double requests_per_second, Instant now) override;

  double rate(Instant now) const override;
  double limit() const { return limit_; }
  std::optional<double> found_limit() const override;
  Instant paused_until() const override { return memory_.paused_until; }
  std::chrono::nanoseconds guard() const;
  std::chrono::nanoseconds window() const { return window(limit_); }  // with the guard
  std::chrono::nanoseconds interval(Instant now) const { return interval(rate(now)); }

  // Everything a pacer knows except its limit: what processes share, and leave to the next run.
  struct Learnt {
    Instant schedule{};  // where even spacing puts the next one
    Instant held_until{}, paused_until{};
    std::chrono::nanoseconds guard{0};         // 0: nothing learnt yet
    std::chrono::nanoseconds guard_before{0};  // before the last series of 429
    Instant narrowed_at{};                     // when the guard was changed
    std::int64_t sent_since = 0;               // requests since then
    Instant reacted_at{};                      // the last 429 that counted
    std::int64_t accepted_since = 0;           // requests since then
    double level = 0;                          // requests/s that were found to be accepted; 0: our limit is
    double base = 0;                           // the level before it was raised
    enum class Phase : std::int64_t {
      held,     // at the level, until a probe is due
      raised,   // the level is being tried
      blocked,  // nothing was accepted
    } phase = Phase::held;
    Instant raised_at{}, probe_at{};
  };
  struct Memory : Learnt {
    std::deque<Instant> sent;     // the last ones, oldest first; a little more than one window's worth
    std::deque<Instant> refused;  // those of them that were answered 429
  };
  const Memory& memory() const { return memory_; }
  // How `sent` has changed since the last call, for a caller that keeps a copy: `dropped` were removed from
  // the front; of the rest, the first `unchanged` are the same.
  struct Changes {
    std::size_t dropped = 0, unchanged = 0;
  };
  Changes take_changes() { return std::exchange(changes_, {0, memory_.sent.size()}); }
  // Takes over the memory of a pacer that may have had another limit. Its spacing counts only if it is not
  // wider than ours.
  void recall(Memory memory, Instant now);
  // The guard that another pacer has learnt.
  void recall_guard(std::chrono::nanoseconds guard) { memory_.guard = guard; }

 private:
  using nanoseconds = std::chrono::nanoseconds;
  static std::size_t per_window(double limit);  // requests in one window: ceil(limit)
  static nanoseconds bare_window(double limit);
  nanoseconds window(double limit) const { return bare_window(limit) + guard(); }
  nanoseconds interval(double rate) const;
  std::size_t accepted_in(nanoseconds span, Instant before) const;
  void forget_old();
  void drop_first();
  Instant react(Instant now, Instant sent, Instant told, bool is_told);
  nanoseconds step() const;
  void widen(Instant now);
  void narrow(Instant now);
  void raise(Instant now);
  void lower(double level, Instant sent, Instant goes_on_at);

  double limit_;
  double ceiling_;  // the highest limit so far
  Memory memory_;
  Changes changes_;
};

}  // namespace cardvoid::dispatch
