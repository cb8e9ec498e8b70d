#include "rate.hpp"

#include <algorithm>
#include <cmath>

namespace cardvoid::sandbox {

void RateWindow::set_rate(double requests_per_second) {
  is_closed_ = false;
  const double whole = std::ceil(requests_per_second);
  capacity_ = static_cast<std::size_t>(whole);
  if (capacity_ == 0) return;
  span_ = std::chrono::nanoseconds{std::llround(1e9 * whole / requests_per_second)};
}

void RateWindow::close() { is_closed_ = true; }

bool RateWindow::allow(Instant now) {
  if (is_closed_) return false;
  if (capacity_ == 0) return true;
  while (!taken_.empty() && now - taken_.front() >= span_) taken_.pop_front();
  if (taken_.size() >= capacity_) return false;
  taken_.push_back(now);
  return true;
}

void PeakMeter::count(Instant now) {
  using namespace std::chrono_literals;
  last_second_.push_back(now);
  while (now - last_second_.front() >= 1s) last_second_.pop_front();
  peak_ = std::max<std::uint64_t>(peak_, last_second_.size());
}

}  // namespace cardvoid::sandbox
