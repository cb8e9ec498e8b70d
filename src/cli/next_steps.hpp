#pragma once
// What to type after a run that stopped itself.

#include <cardvoid/ledger/ledger.hpp>
#include <string>

#include "options.hpp"

namespace cardvoid::cli {

// Lines to put behind the reason, each begun by a line break: commands that can be pasted into a shell, with
// the job and the flags that this run was given.
std::string next_steps(const Options& options, const ledger::Totals& totals);

}  // namespace cardvoid::cli
