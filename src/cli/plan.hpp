#pragma once
// What a run would do.

#include <boost/json/fwd.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/import.hpp>
#include <string>
#include <vector>

#include "console.hpp"

namespace cardvoid::cli {

constexpr std::size_t k_most_templates = 1000;  // that are told apart

struct Plan {
  run::Imported imported;
  ledger::Totals totals;
  std::vector<ledger::RefusedCause> causes;
  ledger::Survey survey;
  std::string fingerprint;
  milliseconds needed{0};  // at the limit; retries and read-backs come on top
};

// Of the command `plan`.
struct PlanOptions {
  std::filesystem::path job_file;
  bool diff = false, accept_damage = false;
  std::filesystem::path refused_file = {};
  milliseconds wait_lock{0};
};
int plan(Console& console, const PlanOptions& options);

// Imports the job's input and says what stands in the ledger then.
Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger);

// The page to approve, for people and for programs.
std::string plan_text(const Plan& plan, const model::Job& job);
boost::json::object plan_json(const Plan& plan, const model::Job& job);

// Behind the number of lines of safety.protect that name a row: "of its lines name a row of this job, …".
std::string protections_text(const ledger::ProtectionMatch& list);
// Says so when no line does: the list would protect no card.
void warn_of_protect_list(const Plan& plan, Console& console);

// What `plan --diff` adds: a head for people, then one piece for each difference. There may be as many as the
// input has lines, so they are written one by one.
std::string differences_head(const ledger::ImportSummary& imported);
std::string difference_text(const ledger::Difference& difference);
boost::json::object difference_json(const ledger::Difference& difference);

// Writes the lines that the input lost to `plan --refused FILE`: as they stand there, with the cause behind.
Result<void> write_refused(const std::filesystem::path& file, const input::Dialect& dialect,
                           ledger::Ledger& ledger);

}  // namespace cardvoid::cli
