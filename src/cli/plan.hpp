#pragma once
// What a run would do.

#include <boost/json/fwd.hpp>
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
  ledger::Survey survey;
  std::string fingerprint;
  milliseconds needed{0};  // at the limit; retries and read-backs come on top
};

// Imports the job's input and says what stands in the ledger then.
Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger);

milliseconds time_needed(std::int64_t rows, double per_second);

// The page to approve, for people and for programs.
std::string plan_text(const Plan& plan, const model::Job& job);
boost::json::object plan_json(const Plan& plan, const model::Job& job);

// What `plan --diff` adds: a head for people, then one piece for each difference. There may be as many as the
// input has lines, so they are written one by one.
std::string differences_head(const ledger::ImportSummary& imported);
std::string difference_text(const ledger::Difference& difference);
boost::json::object difference_json(const ledger::Difference& difference);

// Writes the lines that the input lost to `plan --refused FILE`: as they stand there, with the cause behind.
Result<void> write_refused(const std::filesystem::path& file, const input::Dialect& dialect,
                           ledger::Ledger& ledger);

}  // namespace cardvoid::cli
