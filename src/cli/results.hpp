#pragma once
// The job's results database, opened for a command: while another program holds it locked the command waits
// without end, and says so.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/job.hpp>

#include "console.hpp"

namespace cardvoid::cli {

// A signal (Interrupt) ends the waiting: stopped (75). The console must outlive the ledger.
Result<ledger::Ledger> open_results(Console& console, const model::Job& job, ledger::Access access);

// The same for a writer that holds the lock. Error: io (74) when the name leads to another file by now.
Result<ledger::Ledger> open_locked(Console& console, const model::Job& job, const ledger::Lock& lock,
                                   ledger::Access access);

// At the end of a command that writes, after Ledger::checkpoint(): warns when a program that reads the
// results has kept their log from being folded in. `words_for_log`: what that means and what to do.
void warn_of_log(Console& console, const model::Job& job);
std::string words_for_log(const model::Job& job);

// Error when there is none yet: no_input (66). For commands that would otherwise leave a lock file behind.
Result<void> require_results(const model::Job& job);

}  // namespace cardvoid::cli
