#pragma once

#include <cardvoid/base/time.hpp>
#include <cstdint>
#include <deque>
#include <utility>

namespace cardvoid::dispatch {

// Requests/s over the last minute, of a count that only grows. Pure; not thread-safe.
class RateMeter {
 public:
  // `requests`: how many there were up to `now`. 0 until there is a span to divide by.
  double note(Instant now, std::uint64_t requests) {
    counts_.emplace_back(now, requests);
    while (counts_.size() > 2 && now - counts_[1].first > k_span) counts_.pop_front();
    const std::chrono::duration<double> span = now - counts_.front().first;
    return span.count() > 0 ? static_cast<double>(requests - counts_.front().second) / span.count() : 0;
  }

 private:
  static constexpr std::chrono::seconds k_span{60};
  std::deque<std::pair<Instant, std::uint64_t>> counts_;  // oldest first
};

}  // namespace cardvoid::dispatch
