#pragma once
// A whole run: sends what the ledger holds and records the run itself.

#include <cardvoid/base/clock.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/outlook.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <functional>
#include <optional>
#include <string>

namespace cardvoid::run {

struct Ports;
class Observer;

struct Order {
  std::string command = "run";  // "run" or "reconcile", for the view `runs`
  bool read_back_only = false;
  std::optional<std::int64_t> row_limit;     // `--limit`
  std::optional<milliseconds> max_duration;  // `--max-duration`, from the first moment of execute()
  std::string version;
  std::string fingerprint;  // of the plan; empty: late_plan tells it
  // Works out what is kept of the plan that the run begins with. Called on a thread of its own while the run
  // sends; what comes back goes on record as the run's plan, confirmed. A run that is stopped before needs no
  // plan: then `is_given_up` says so, and what comes back does not matter. Empty: there is nothing to work
  // out.
  using LatePlan = std::function<Result<ledger::PlanDigest>(const std::function<bool()>& is_given_up)>;
  LatePlan late_plan = {};
  bool confirmed = false;    // by --confirm
  std::string consent = {};  // as in ledger::RunStart
  // Asked once, when sending is about to begin: did a signal come before the run's own handlers were there?
  std::function<bool()> is_stop_wanted = {};
};

struct Credentials {
  wechatpay::PrivateKey merchant;
  wechatpay::PlatformKeys platform;
};

struct Report {
  std::optional<Error> stopped;     // why it ended early, in English: run::spoken() says it to people
  std::optional<Outlook> rest;      // what a soft stop leaves. Not on record: tomorrow it is another number
  std::optional<model::Trip> trip;  // where it stopped itself
  ledger::Totals totals;            // after the run
  ledger::RunId run = 0;
  ledger::RunCounts counts;
  dispatch::Snapshot last;
  std::uint64_t commits = 0;
  int exit_code = 0;
  milliseconds elapsed{0};
};

// Sends what the ledger holds, and returns when nothing is in flight. SIGINT, SIGTERM or SIGHUP ends the run
// softly; a second one ends the process at once with exit code 75. Error: the run could not begin, or the
// results cannot be written.
Result<Report> execute(const model::Job& job, const Credentials& keys, ledger::Ledger& ledger,
                       const Order& order, Observer& observer);

// A rehearsal: the same by a clock that may be faster. Only loopback can be reached; an endpoint elsewhere is
// an error (internal) before anything is sent. It shares no pace with other processes and cannot be steered.
// After it SIGINT, SIGTERM and SIGHUP are ignored.
Result<Report> rehearse(const model::Job& job, const Credentials& keys, ledger::Ledger& ledger,
                        const Order& order, Observer& observer, const Clock& clock);

// The same through other ports (ports.hpp).
Result<Report> execute(const model::Job& job, ledger::Ledger& ledger, const Order& order, Observer& observer,
                       const Ports& ports);

// The exit code that the results stand for if nothing else ended the run (docs/exit-codes.md).
int exit_code_for(const ledger::Totals& totals);

}  // namespace cardvoid::run
