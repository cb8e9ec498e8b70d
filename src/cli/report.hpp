#pragma once
// The page of `report`, also for the file that is rewritten while a run is under way.

#include <cardvoid/base/error.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/report/job_report.hpp>
#include <filesystem>
#include <string>

#include "globals.hpp"

namespace cardvoid::cli {

// Reads the results through `ledger` and, for the digest, through a connection of its own. Errors: the
// ledger's.
// `job_file` as it was named on the command line.
Result<std::string> make_report(const Globals& globals, const std::filesystem::path& job_file,
                                const model::Job& job, ledger::Ledger& ledger);

}  // namespace cardvoid::cli
