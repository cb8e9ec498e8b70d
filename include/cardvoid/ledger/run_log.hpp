#pragma once
// Run log: every run on record, and what the one under way says of itself.

#include <boost/json/fwd.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/reason.hpp>
#include <cardvoid/model/trip.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

using RunId = std::int64_t;

struct RunStart {
  std::string command;
  WallTime started_at{};
  std::string host;
  int pid = 0;
  std::string version, acknowledge, fingerprint;
  bool confirmed = false;          // by --confirm
  std::string user = {};           // by the operating system's name
  double requests_per_second = 0;  // limits.requests_per_second
  std::string consent = {};  // how the user agreed to the plan: "confirm", "yes", "typed"; empty: not asked
  std::string signer = {};   // who signs from now on, for signer(); empty: as before
};

struct RunCounts {
  std::int64_t sent = 0, confirmed = 0, rejected = 0, unresolved = 0;
  std::int64_t canary = 0;       // rows that passed the canary
  std::int64_t other_brand = 0;  // verified answers about the card asked for that name another brand_id
  std::int64_t already = 0;      // of the confirmed, INVALID before us; not kept with the run
};

// A run as `status` shows it; the view `runs` has all of it.
struct RunRecord {
  RunId id = 0;
  std::string command;
  WallTime started_at{};
  int pid = 0;
  std::optional<WallTime> ended_at;
  std::optional<int> exit_code;
  std::string ending;
  RunCounts counts;
  std::string tripped_by, culprits;  // why it stopped itself, and the rows as a JSON array; empty: it did not
  std::optional<double> requests_per_second = {};  // its limits.requests_per_second; nullopt: not noted
};

// Whether the run goes on: it has not ended, and it is the process that has the job.
bool is_under_way(const RunRecord& run, const std::optional<LockHolder>& holder);

// What a run says of itself while it goes on.
struct Pulse {
  RunId run = 0;
  WallTime at{};
  double rate = 0, allowed_rate = 0;  // requests/s
  int in_flight = 0, waiting = 0;
  std::string primary_state, backup_state;  // "closed", "open", "half_open"
  int canary = 0, canary_passed = 0;        // rows that go one by one first, and how many did; 0: over
  int canary_already = 0;                   // cards met meanwhile that were INVALID before
  std::vector<model::ReasonToWait> reasons_to_wait;
};

Result<RunId> begin_run(Ledger& ledger, const RunStart& start);  // commits by itself
Result<void> end_run(Ledger& ledger, RunId run, const RunCounts& counts, int exit_code,
                     std::string_view ending, WallTime now);  // commits by itself too

// What follows is durable with commit_changes() of records.hpp.

// Between begin_changes() and commit_changes() only, else internal: what was given last is written with the
// commit.
Result<void> save_counts(Ledger& ledger, RunId run, const RunCounts& counts);
// Of the plan that it began with, when that was not known yet.
Result<void> save_fingerprint(Ledger& ledger, RunId run, std::string_view fingerprint);
// The run has stopped itself: the next one begins with a canary again.
Result<void> save_trip(Ledger& ledger, RunId run, const model::Trip& trip);
// Its reasons to wait go on record as well, for as long as pulse after pulse has them. Each pause and each
// rate that a person sets is one of its own.
Result<void> save_pulse(Ledger& ledger, const Pulse& pulse);

// Who signed in the last run that sends: "mchid 1900000001", "brand 1004". Empty: no one yet, or that was an
// earlier version.
Result<std::string> signer(Ledger& ledger);

Result<std::vector<RunRecord>> last_runs(Ledger& ledger, int count);  // the latest first
Result<std::optional<Pulse>> pulse(Ledger& ledger);
// When a `run` last ended with exit code 0; nullopt: none did.
Result<std::optional<WallTime>> last_success(Ledger& ledger);
// When the latest request of any run may have left: `now` when the last run died, nullopt when there was
// none.
Result<std::optional<WallTime>> last_sent_at(Ledger& ledger, WallTime now);

// As the pulse has them: a JSON array of {kind, words, since, until}; times are RFC 3339, or null.
boost::json::array as_json(const std::vector<model::ReasonToWait>& reasons);
std::vector<model::ReasonToWait> reasons_from_json(std::string_view text);  // none when it is not that

}  // namespace cardvoid::ledger
