#pragma once
// The measured rate of a run, for progress and status.

#include <cardvoid/base/time.hpp>
#include <cstdint>
#include <deque>
#include <utility>

namespace cardvoid::dispatch {

// Requests/s over the last minute, from a count that only grows. Pure. Not thread-safe.
class RateMeter {
 public:
  // `requests`: the count at `now`. Returns 0 until a second has passed: one request more or less would make
  // the rate another one.
  double note(Instant now, std::uint64_t requests) {
    counts_.emplace_back(now, requests);
    while (counts_.size() > 2 && now - counts_[1].first > k_span) counts_.pop_front();
    const std::chrono::duration<double> span = now - counts_.front().first;
    return span >= k_least_span ? static_cast<double>(requests - counts_.front().second) / span.count() : 0;
  }

  // What was before says nothing about what comes.
  void begin_again() { counts_.clear(); }

 private:
  static constexpr std::chrono::seconds k_least_span{1};
  static constexpr std::chrono::seconds k_span{60};
  std::deque<std::pair<Instant, std::uint64_t>> counts_;  // oldest first
};

}  // namespace cardvoid::dispatch
