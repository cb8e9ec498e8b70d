#pragma once
// Both clocks for the rooms that a rehearsal runs through: real time, or time that passes faster.

#include <cardvoid/base/time.hpp>

namespace cardvoid {

// Copies read alike. Only the impure rooms read it.
class Clock {
 public:
  Clock() = default;  // real time
  // From now on `speed` seconds pass on it within a real one; 1 or more.
  explicit Clock(double speed) : speed_{speed}, begun_{read_clocks()} {}

  Now now() const;
  // When this is by the machine's own steady clock.
  Instant real(Instant when) const;
  // How long this takes by the machine's own steady clock.
  milliseconds real(milliseconds span) const;
  double speed() const { return speed_; }

 private:
  double speed_ = 1;
  Now begun_{};
};

}  // namespace cardvoid
