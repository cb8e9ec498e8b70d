#pragma once
// What a run would do.

#include <boost/json/fwd.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/import.hpp>
#include <cardvoid/run/outlook.hpp>
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
  std::string fingerprint;  // empty: nothing to send
  run::Remaining remaining = {};
  milliseconds needed{0};  // at the limit; retries and read-backs come on top
};

// Of the command `plan`.
struct PlanOptions {
  std::filesystem::path job_file;
  bool diff = false, accept_damage = false;
  std::filesystem::path refused_file = {}, diff_file = {};
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

// What `plan --diff` adds: a head, and at most 20 lines of each kind.
Result<std::string> differences_text(ledger::Ledger& ledger);
// The same for programs, all of it, as members of the object under way.
Result<void> write_differences(JsonStream& json, ledger::Ledger& ledger);
// `plan --diff FILE`: all of it as CSV, mode 0600.
Result<void> write_differences(const std::filesystem::path& file, ledger::Ledger& ledger);

// "3 cards have left the list: held back".
std::string words_for_left(std::int64_t cards);

// Writes the lines that the input lost to `plan --refused FILE`: as they stand there, with the cause behind.
Result<void> write_refused(const std::filesystem::path& file, const input::Dialect& dialect,
                           ledger::Ledger& ledger);

}  // namespace cardvoid::cli
