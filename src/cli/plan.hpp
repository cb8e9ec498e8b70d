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
  ledger::Survey survey;
  std::string fingerprint;
  milliseconds needed{0};  // at the limit; retries and read-backs come on top
};

// Imports the job's input and says what stands in the ledger then.
Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger);

milliseconds time_needed(std::int64_t rows, double per_second);

// The page that somebody approves, for people and for programs. Both end so that a list of differences may
// follow.
std::string plan_text(const Plan& plan, const model::Job& job);
std::string plan_json(const Plan& plan, const model::Job& job);

// What `plan --diff` adds to them, in pieces: the lists are as long as the input.
class DifferenceList {
 public:
  DifferenceList(const ledger::ImportSummary& imported, bool as_json)
      : imported_{imported}, as_json_{as_json} {}
  std::string begin() const;
  std::string line(const ledger::Difference& difference);
  std::string end() const;

 private:
  const ledger::ImportSummary& imported_;
  bool as_json_, is_first_ = true;
};

// Writes the lines that the input lost to `plan --refused FILE`: as they stand there, with the cause behind.
Result<void> write_refused(const std::filesystem::path& file, const input::Dialect& dialect,
                           ledger::Ledger& ledger);

}  // namespace cardvoid::cli
