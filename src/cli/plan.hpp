#pragma once
// What a run would do.

#include <boost/json/fwd.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/import.hpp>
#include <cardvoid/run/outlook.hpp>
#include <optional>
#include <string>
#include <string_view>
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
  ledger::ProtectedRows protected_rows;
  // Another brand than the job's cards so far, or another merchant than the last one: mostly a mistyped
  // brand_id or mchid, or another job's list.
  std::optional<ledger::OtherBrand> other_brand = {};
  std::string former_signer = {};  // empty: the same, or none
  // One of these, and the job file has it so: `run --yes` sends nothing then.
  bool needs_a_person = false;
  std::string run_command;  // that sends exactly this plan; empty: there is none, or it is not to be said
};

// Of the command `plan`.
struct PlanOptions {
  std::filesystem::path job_file;
  bool diff = false, accept_damage = false;
  std::filesystem::path refused_file = {}, diff_file = {}, page_file = {};
  milliseconds wait_lock{0};
};
int plan(Console& console, const PlanOptions& options);

// Imports the job's input and says what stands in the ledger then. `if_changed`: where the input is the one
// that was imported last, the plan has only what a run needs to begin, and no fingerprint.
Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger, run::Again again = run::Again::always);

// The page to approve, for people and for programs.
// `differences`: what --diff adds, in front of the fingerprint.
std::string plan_text(const Plan& plan, const model::Job& job, std::string_view differences = {});
boost::json::object plan_json(const Plan& plan, const model::Job& job);
// The same for a person without a terminal: an HTML page of its own (report/page.hpp), to be printed and
// signed.
Result<std::string> plan_html(const Plan& plan, const model::Job& job, ledger::Ledger& ledger);

// True if `run` refuses it for safety.max_rows.
bool is_too_large(const Plan& plan, const model::Job& job);

// Behind the number of lines of safety.protect that name a row: "of its lines name a row of this job, …".
std::string protections_text(const ledger::ProtectionMatch& list);
// Says so when no line does: the list would protect no card.
void warn_of_protect_list(const Plan& plan, Console& console);
void warn_of_strangers(const Plan& plan, const model::Job& job, Console& console);

// What has changed since the plan that was confirmed last, else since the last import: at most 20 of a kind.
struct Differences {
  ledger::Basis basis;
  struct OfKind {
    ledger::Difference::Kind kind = ledger::Difference::added;
    std::int64_t count = 0;
    std::vector<ledger::Difference> shown;
  };
  std::vector<OfKind> kinds;  // each, in the order in which they are told
};
Result<Differences> find_differences(ledger::Ledger& ledger);

// What `plan --diff` adds. `file` has all of them; empty: none has.
std::string differences_text(const Differences& differences, const std::filesystem::path& file);
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
