#include <algorithm>
#include <cardvoid/dispatch/retry.hpp>

namespace cardvoid::dispatch {

namespace {
using namespace std::chrono_literals;
constexpr double k_capacity = 50, k_cost = 1, k_refund = 0.5, k_after_probe = 25;
constexpr milliseconds k_longest_probe_gap = 30s;
}  // namespace

milliseconds RetryPolicy::wait(int attempt, std::uint32_t draw) const {
  const auto ceiling = std::min<milliseconds>(cap, base * (1LL << std::clamp(attempt - 1, 0, 30)));
  return milliseconds{
      static_cast<std::int64_t>(static_cast<double>(ceiling.count()) * (draw / 4294967296.0))};
}

void RetryBudget::failed(Instant now) {
  const bool had = tokens_ > 0;
  tokens_ = std::max(0.0, tokens_ - k_cost);
  if (!had || tokens_ > 0) return;
  probes_ = 0;
  next_probe_ = now + 1s;
  exhausted_at_ = now;
}

milliseconds RetryBudget::exhausted_for(Instant now) const {
  return exhausted() ? std::chrono::duration_cast<milliseconds>(now - exhausted_at_) : 0ms;
}

void RetryBudget::succeeded() {
  tokens_ = std::min(k_capacity, tokens_ <= 0 ? k_after_probe : tokens_ + k_refund);
}

void RetryBudget::started_fresh_row(Instant now) {
  if (tokens_ > 0) return;
  probes_ = std::min(probes_ + 1, 20);
  next_probe_ = now + std::min<milliseconds>(k_longest_probe_gap, 1s * (1 << std::min(probes_, 5)));
}

}  // namespace cardvoid::dispatch
