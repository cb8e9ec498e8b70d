#pragma once
// What a run would do.

#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/import.hpp>
#include <string>
#include <vector>

namespace cardvoid::cli {

struct Plan {
  run::Imported imported;
  ledger::Totals totals;
  std::vector<ledger::RefusedCause> causes;
  std::string fingerprint;
};

// Imports the job's input and says what stands in the ledger then.
Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger);
milliseconds time_needed(std::int64_t rows, double per_second);
std::string plan_text(const Plan& plan, const model::Job& job);

}  // namespace cardvoid::cli
