#pragma once
// The platform's limit, and the highest rate that was measured. Pure; instants never go
// backwards.

#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace cardvoid::sandbox {

// At most R requests in any sliding second. A fractional R counts over the shortest span of whole
// requests: ceil(R) requests in any ceil(R)/R seconds. Refused requests do not count, so a caller that waits
// always succeeds.
class RateWindow {
 public:
  void set_rate(double requests_per_second);  // 0: no limit
  void close();                               // nothing is allowed until set_rate()
  bool allow(Instant now);

 private:
  std::size_t capacity_ = 0;  // 0: no limit
  bool is_closed_ = false;
  std::chrono::nanoseconds span_{0};
  std::deque<Instant> taken_;
};

// The most requests that ever arrived within one second, wherever that second starts.
class PeakMeter {
 public:
  void count(Instant now);
  std::uint64_t peak() const { return peak_; }

 private:
  std::deque<Instant> last_second_;
  std::uint64_t peak_ = 0;
};

}  // namespace cardvoid::sandbox
