#include <atomic>
#include <cardvoid/base/signal_echo.hpp>
#include <cstdint>
#include <ctime>

namespace cardvoid {

namespace {
std::atomic<std::int64_t> first_at{0};  // on the monotonic clock, in ns; 0: none has come
static_assert(decltype(first_at)::is_always_lock_free);
}  // namespace

bool is_signal_echo() {
  constexpr std::int64_t k_second = 1'000'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto at = now.tv_sec * k_second + now.tv_nsec;
  const auto first = first_at.load();
  if (first != 0 && at - first < k_second) return true;
  first_at.store(at);
  return false;
}

}  // namespace cardvoid
