#pragma once
// The input into the plan: reads every record of the job's input and brings it into the ledger.

#include <cardvoid/base/error.hpp>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/model/job.hpp>

namespace cardvoid::run {

// Reads the whole input at constant memory. On an error nothing of the failing part is kept; what was
// imported before stays, and importing again is harmless: rows are known by their content.
Result<ledger::ImportSummary> import_input(const model::Job& job, ledger::Ledger& ledger);

}  // namespace cardvoid::run
