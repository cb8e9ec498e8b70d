#pragma once
// The outlook of a job as its results stand.

#include <cardvoid/base/error.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/run/outlook.hpp>
#include <optional>

namespace cardvoid::run {

// A pulse of that age says nothing of the run any more.
inline constexpr milliseconds k_pulse_is_old{15'000};

// `limits` and `pulse`: of the run under way, the pulse where it is fresh; else of the job, and none. Errors:
// the ledger's.
Result<Outlook> look_ahead(const model::Limits& limits, const std::optional<model::DailyWindow>& window,
                           ledger::Ledger& ledger, const ledger::Totals& totals, bool only_reads_back,
                           const std::optional<ledger::Pulse>& pulse, WallTime now);

}  // namespace cardvoid::run
