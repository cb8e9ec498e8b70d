#pragma once
// The job's results database, opened for a command: while another program holds it locked the command waits
// without end, and says so.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/job.hpp>

#include "console.hpp"

namespace cardvoid::cli {

// A signal (Interrupt) ends the waiting: stopped (75). The console must outlive the ledger.
Result<ledger::Ledger> open_results(Console& console, const model::Job& job, ledger::Access access);

// Error when there is none yet: no_input (66). For commands that would otherwise leave a lock file behind.
Result<void> require_results(const model::Job& job);

}  // namespace cardvoid::cli
