#include <cardvoid/base/clock.hpp>

namespace cardvoid {

namespace {

template <class Duration>
Duration times(Duration span, double factor) {
  return Duration{static_cast<typename Duration::rep>(static_cast<double>(span.count()) * factor)};
}

}  // namespace

Now Clock::now() const {
  const auto here = read_clocks();
  if (speed_ == 1) return here;
  const auto passed = times(here.steady - begun_.steady, speed_);
  // By the steady clock too: a wall clock that is set meanwhile would leap `speed` times as far.
  return {begun_.steady + passed, begun_.wall + std::chrono::floor<milliseconds>(passed)};
}

Instant Clock::real(Instant when) const {
  if (speed_ == 1 || when == Instant::max()) return when;
  return begun_.steady + times(when - begun_.steady, 1 / speed_);
}

milliseconds Clock::real(milliseconds span) const { return speed_ == 1 ? span : times(span, 1 / speed_); }

}  // namespace cardvoid
