#pragma once
// The door between a dispatcher and the pace of one quota. Behind it stands a Pacer, or one whose memory
// other processes share (run/shared_pace.hpp).

#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <optional>

namespace cardvoid::dispatch {

// When the next request of one quota may leave. `now` never goes backwards between calls. Not thread-safe.
class Pace {
 public:
  virtual ~Pace() = default;

  // The earliest instant for the next request, as far as is known; in the past when it may leave at once.
  virtual Instant next_at() const = 0;

  // When the request after `ahead` others would be due: how far to prepare.
  virtual Instant due_after(std::size_t ahead, Instant now) const = 0;

  // Takes the permit for one request that leaves now. Call only when next_at() <= now. False: somebody else
  // has been faster; next_at() tells when to come again.
  virtual bool take(Instant now) = 0;

  // The request that took its permit at `permit` really left at `at`, a little later.
  virtual void left(Instant permit, Instant at) = 0;

  // A round trip was measured.
  virtual void observe(std::chrono::nanoseconds round_trip) = 0;

  // The platform said 429 to a request that left at `sent`.
  virtual void throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) = 0;

  // Nothing of ours may leave before `until`: a run that follows closely on another must not add up with it.
  virtual void hold(Instant until) = 0;

  // Changes our limit while running, from the next request on; what has been sent is not forgotten.
  virtual void set_limit(double requests_per_second, Instant now) = 0;

  virtual double rate(Instant now) const = 0;  // requests/s at present: below the limit after a 429
  virtual Instant paused_until() const = 0;    // by a 429
  bool paused(Instant now) const { return now < paused_until(); }
  virtual std::size_t shared_with() const { return 0; }  // other runs that want requests of this quota
};

}  // namespace cardvoid::dispatch
