#pragma once
// The pace of one quota, as the Dispatcher sees it. Implemented by Pacer, and by run::SharedPace, whose
// memory several processes share.

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

  // Takes the permit for one request that leaves now. Call only when next_at() <= now. False: another process
  // was faster; next_at() says when to try again.
  virtual bool take(Instant now) = 0;

  // The request that took its permit at `permit` really left at `at`, a little later.
  virtual void left(Instant permit, Instant at) = 0;

  // The platform took the request that left at `sent`: it answered, and not 429.
  virtual void accepted(Instant now, Instant sent) = 0;

  // The platform said 429 to a request that left at `sent`.
  virtual void throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) = 0;

  // Nothing leaves before `until`. For a run that starts soon after another one of the same quota.
  virtual void hold(Instant until) = 0;

  // Changes our limit while running, from the next request on; what has been sent is not forgotten.
  virtual void set_limit(double requests_per_second, Instant now) = 0;

  virtual double rate(Instant now) const = 0;  // requests/s at present: below our limit if less was found
  // requests/s that the platform was found to accept, if that is less than our limit.
  virtual std::optional<double> found_limit() const = 0;
  virtual Instant paused_until() const = 0;  // by a 429
  bool paused(Instant now) const { return now < paused_until(); }
  virtual std::size_t shared_with() const { return 0; }  // other runs that use this quota now
};

}  // namespace cardvoid::dispatch
