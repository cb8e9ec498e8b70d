#pragma once
// The job's lock, waited for where --wait-lock says so.

#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/job.hpp>
#include <string>

#include "console.hpp"

namespace cardvoid::cli {

// Between two looks whether a lock is free: 100 ms, or until a signal comes.
void wait_between_looks();

// Errors: those of Lock::acquire; stopped (75) also when a signal came meanwhile. An Interrupt must be there.
// `patience`: how long to wait for it.
Result<ledger::Lock> take_lock(Console& console, const model::Job& job, const std::string& command,
                               milliseconds patience);

}  // namespace cardvoid::cli
