#pragma once
// How long to wait before trying a row again, and when to stop feeding fresh rows to a platform in trouble.
// Pure.

#include <cardvoid/base/time.hpp>
#include <cstdint>

namespace cardvoid::dispatch {

// Exponential back-off with full jitter.
struct RetryPolicy {
  milliseconds base{500}, cap{60'000};
  int max_attempts = 8;

  // The wait after attempt number `attempt` (1-based) failed: uniform in [0, min(cap, base * 2^(attempt-1))).
  // `draw` is uniform in [0, 2^32).
  milliseconds wait(int attempt, std::uint32_t draw) const;
};

// Keeps an outage from multiplying load. Every failure takes a token, every success gives half a token back.
// The budget is empty when more than a third of the answers were failures for a while. Then no fresh row is
// started, except one probe now and then; rows already begun go on with their own back-off. The idea is that
// of gRPC's retry throttling (proposal A6).
class RetryBudget {
 public:
  void failed(Instant now);
  void succeeded();
  // May a fresh row be started now? Follow it by started_fresh_row().
  bool allows_fresh_row(Instant now) const { return tokens_ > 0 || now >= next_probe_; }
  void started_fresh_row(Instant now);
  Instant next_probe() const { return next_probe_; }
  bool exhausted() const { return tokens_ <= 0; }
  // How long the budget has been empty, without one success.
  milliseconds exhausted_for(Instant now) const;
  // The run was paused until `now`: that time does not count.
  void be_patient_from(Instant now) { exhausted_at_ = now; }

 private:
  double tokens_ = 50;
  int probes_ = 0;
  Instant next_probe_{}, exhausted_at_{};
};

}  // namespace cardvoid::dispatch
