#include "take_lock.hpp"

#include <fmt/format.h>

#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/translate.hpp>
#include <ctime>

#include "interrupt.hpp"

namespace cardvoid::cli {

void wait_between_looks() {
  constexpr timespec k_between_looks{0, 100'000'000};
  ::nanosleep(&k_between_looks, nullptr);
}

Result<ledger::Lock> take_lock(Console& console, const model::Job& job, const std::string& command,
                               milliseconds patience) {
  const auto begun = read_clocks().steady;
  for (bool has_said = false;;) {
    auto lock = ledger::Lock::acquire(job.results.database, command);
    if (lock || lock.error().code != Errc::stopped || patience <= milliseconds{0}) return lock;
    const auto& held = lock.error().what;
    if (Interrupt::has_come())
      return Error{Errc::stopped, tr("{}; interrupted while waiting for it, nothing was done", held)};
    if (read_clocks().steady - begun >= patience)
      return Error{Errc::stopped, tr("{}; waited for {} in vain", held, spoken_duration(patience))};
    if (!std::exchange(has_said, true))
      console.log(LogLevel::info, tr("{}; waiting up to {} for it to end", held, spoken_duration(patience)));
    wait_between_looks();
  }
}

}  // namespace cardvoid::cli
