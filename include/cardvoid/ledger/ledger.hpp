#pragma once
// The results database: the plan, the journal of attempts, and the results (schema/results.sql). The truth
// that a rerun resumes from. Used from one thread at a time; run::Journal gives it a thread of its own and
// groups commits.
//
// Durability: WAL with synchronous=FULL, so what commit() has returned for survives a crash of process and
// machine (sqlite.org/pragma.html#pragma_synchronous).
//
// Errors: opening returns cannot_create (73) when the file is not ours, is damaged or cannot be made, and
// leaves it as it is; anything may return stopped (75) when Waiting gave up; everything else returns io (74),
// after which the ledger must not be used any more: a failed commit is never retried.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/reason.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/model/ruling.hpp>
#include <cardvoid/model/trip.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

enum class Access {
  read_only,
  read_write,  // what is there already
  create,      // makes it, and its folder, when it is missing
};

// What happens while another program holds the database locked. Called on the thread that uses the ledger.
struct Waiting {
  // Asked every 10 to 100 ms; false gives up. Without it ten seconds are waited, then the error is io (74).
  std::function<bool(milliseconds waited)> go_on = {};
  // It is free again. May come late, when a longer piece of work ends.
  std::function<void(milliseconds waited)> over = {};
};

using RunId = std::int64_t;

// Rows by status, and what stands beside them.
struct Totals {
  std::int64_t pending = 0, in_flight = 0, invalidated = 0, rejected = 0, unresolved = 0;
  std::int64_t held = 0;                    // of the unresolved
  std::int64_t conflicts = 0;               // of the pending: the input names another openid or reason
  std::int64_t protected_pending = 0;       // safety.protect names them: never sent; no conflicts
  std::int64_t protected_in_doubt = 0;      // of those in doubt and not held: read back, and no more
  std::int64_t protected_invalidated = 0;   // named too late
  std::int64_t refused = 0;                 // input lines that never became rows
  std::int64_t already = 0, read_back = 0;  // of the invalidated, by how they were settled
  std::int64_t by_answer() const { return invalidated - already - read_back; }
  std::int64_t rows() const { return pending + in_flight + invalidated + rejected + unresolved; }
  std::int64_t in_doubt() const { return in_flight + unresolved; }
  std::int64_t to_send() const {
    return pending - conflicts - protected_pending + in_flight + unresolved - held - protected_in_doubt;
  }  // the plan that the fingerprint covers
};

struct ImportSummary {
  WallTime finished_at{};
  std::string source;
  std::int64_t lines = 0, added = 0, known = 0, duplicates = 0;
  std::int64_t refused = 0;           // lines, those of conflicts among them
  std::int64_t conflicts = 0;         // rows whose openid or reason the input has changed: not sent
  std::int64_t vanished = 0;          // rows of earlier imports that the input does not have
  std::int64_t vanished_to_send = 0;  // of these, still to send
  std::int64_t newly_vanished = 0;    // of these, since the import before
  std::int64_t returned = 0;          // rows that the import before did not have, and this one has
  std::int64_t changed = 0;  // rows of earlier imports whose openid or reason differs: shown, not sent
};

// How the text of an input line stands on record when the ledger refuses it: `is_current`, the one that is
// being added; else an earlier one of the same input, with only `card` left of it.
using LineText = std::function<std::string(const model::Card& card, bool is_current)>;

// A row in which the latest import differs from those before.
struct Difference {
  enum Kind { added, changed, vanished, returned } kind = added;
  std::string brand_id, card_id, code, openid;  // as planned
  std::int64_t source_line = 0;                 // of the import that brought it
  model::Status status = model::Status::pending;
  bool other_openid = false, other_reason = false;  // of a changed one: what the input says otherwise
};

// How the rows of one template stand.
struct TemplateTotals {
  std::string brand_id, card_id;
  std::int64_t rows = 0, to_send = 0, in_doubt = 0, invalidated = 0, rejected = 0, conflicts = 0;
};

// What the rows are, for somebody who approves them.
struct Survey {
  std::vector<TemplateTotals> templates;  // in the order of their names, at most so many as were asked for
  TemplateTotals others;                  // of all further ones together
  std::int64_t most_to_send_of_a_brand =
      0;  // at most; what takes longest where each brand has a pace of its own
  // Openids with the most cards, at least ten, and how many those are at least. A column that was filled down
  // with one value shows here.
  std::vector<std::pair<std::string, std::int64_t>> frequent_openids;
};

struct RefusedLine {
  std::int64_t source_line = 0;
  std::string_view cause, raw;
};

// One of those rows, as people shall see it.
struct RowInDoubt {
  model::RowId id = 0;
  std::string code, openid;
  model::Status status = model::Status::unresolved;
  bool held = false;
  std::string error_code;  // of the row, else what became of its last request; empty: nothing is known
  std::string error_message;
};

struct RefusedCause {
  std::string cause;
  std::int64_t count = 0;
  std::vector<std::int64_t> example_lines;  // at most three
};

struct RunStart {
  std::string command;
  WallTime started_at{};
  std::string host;
  int pid = 0;
  std::string version, acknowledge, fingerprint;
  bool confirmed = false;  // by --confirm
};

struct RunCounts {
  std::int64_t sent = 0, confirmed = 0, rejected = 0, unresolved = 0;
  std::int64_t canary = 0;  // rows that passed the canary
};

struct RunRecord {
  RunId id = 0;
  RunStart start;
  std::optional<WallTime> ended_at;
  std::optional<int> exit_code;
  std::string ending;
  RunCounts counts;
  std::string tripped_by, culprits;  // why it stopped itself, and the rows as a JSON array; empty: it did not
};

// What a run says of itself while it goes on.
struct Pulse {
  RunId run = 0;
  WallTime at{};
  double rate = 0, allowed_rate = 0;  // requests/s
  bool paused_by_429 = false;
  int in_flight = 0, waiting = 0;
  std::string primary_state, backup_state;  // "closed", "open", "half_open"
  int canary = 0, canary_passed = 0;        // rows that go one by one first, and how many did; 0: over
  std::vector<model::ReasonToWait> reasons_to_wait;
};

// As the pulse has them: a JSON array of {kind, words, since, until}; times are RFC 3339, or null.
std::string as_json(const std::vector<model::ReasonToWait>& reasons);
std::vector<model::ReasonToWait> reasons_from_json(std::string_view text);  // none when it is not that
// An earlier plan against what is to be sent now.
struct PlanChange {
  std::string fingerprint;
  WallTime made_at{};
  std::int64_t to_send = 0;  // then
  // To be sent now and not then: rows that came in since, and rows that were here.
  std::int64_t added = 0, returned = 0;
  // To be sent then and not now, by what became of them.
  std::int64_t invalidated = 0, rejected = 0, held = 0, conflicts = 0, is_protected = 0;
  struct Row {
    std::string code;
    std::int64_t source_line = 0;  // of the import that brought it
  };
  std::vector<Row> rows_added, rows_returned, rows_in_conflict;  // of each at most three
  std::int64_t gone() const { return invalidated + rejected + held + conflicts + is_protected; }
};

// Rows that are not settled as wished, by the error they show.
struct ErrorCount {
  std::string status, code;
  std::int64_t count = 0;
};

// A request of any run, that ended. Text is valid during the visit.
struct EndedRequest {
  model::AttemptKind kind = model::AttemptKind::invalidate;
  model::Endpoint endpoint = model::Endpoint::primary;
  bool sent = true;  // false: surely not one byte left
  unsigned http_status = 0;
  std::string_view outcome;  // of model::to_text(OutcomeKind)
  std::chrono::microseconds latency{0};
};

// The intent to send an invalidation. Its row becomes in_flight.
struct Intent {
  model::RowId row = 0;
  int n = 0;
  RunId run = 0;
  model::Endpoint endpoint = model::Endpoint::primary;
  WallTime at{};
};

// A request that ended.
struct Attempt {
  model::RowId row = 0;
  int n = 0;
  RunId run = 0;
  model::AttemptKind kind = model::AttemptKind::invalidate;
  model::Endpoint endpoint = model::Endpoint::primary;
  bool sent = true;  // false: surely not one byte left
  WallTime started_at{}, finished_at{};
  std::chrono::microseconds latency{0};
  model::Outcome outcome;
};

// Where a lane's reading stands. Rows in doubt come first, then those that nothing has happened to. Last come
// those that something did: a row that stops every run shall not keep the others from their turn.
struct Cursor {
  std::optional<std::string> brand_id;  // only rows of this brand
  bool doubt_only = false;              // `reconcile`
  enum Part { doubt, fresh, troubled, end } part = doubt;
  model::RowId after = 0;  // of the part that is being read
};

// Which rows `retry` puts back: those that hold all of it. An empty part does not restrict.
struct Choice {
  std::optional<model::Status> status;  // rejected or unresolved; nullopt: either
  std::vector<std::string> codes;       // one of these
  // One of these, read to the end once. Called between statements; `line` says where it stands.
  struct Listed {
    std::string_view code;
    std::int64_t line = 0;
  };
  std::function<Result<std::optional<Listed>>()> list = {};
};

// What became of the rows chosen and the codes named.
struct PutBack {
  std::int64_t retried = 0;       // pending again
  std::int64_t is_protected = 0;  // of these, and so not sent
  std::int64_t in_doubt = 0;      // may be invalid: to be read back first
  std::int64_t not_eligible = 0;  // named, and of another status
  std::int64_t not_found = 0;     // codes without a row
  struct Row {
    model::RowId id = 0;
    std::string code, status;
  };
  struct Code {
    std::string code;
    std::int64_t line = 0;  // 0: not from the list
  };
  // Of each at most three.
  std::vector<Row> rows_in_doubt, rows_not_eligible;
  std::vector<Code> codes_not_found;
};

// A row as `export` and `status` show it: the columns of the results view, in their order.
using ResultRow = std::vector<std::optional<std::string>>;

class Ledger {
 public:
  // Opens the results database of this job; who writes holds its Lock. Files are made with 0600. Errors:
  // no_input (66) when it is missing and not to be made, cannot_create (73) when it is not this job's or
  // cannot be made. Who may write has the whole structure checked first (about 1.2 s for a million rows); no
  // error leaves a trace in the database or its write-ahead log.
  static Result<Ledger> open(const std::filesystem::path& file, std::string_view job_name, Access access,
                             Waiting waiting = {});
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  // --- reading ---
  // The check of the structure that opening for writing makes. Error: cannot_create (73).
  Result<void> verify();
  Result<Totals> totals();
  Result<std::vector<RowInDoubt>> rows_in_doubt(int most);  // held ones first, those in flight last
  // Some rows as the platform knows them, pending ones if there are any. For `check`.
  Result<std::vector<model::Card>> some_cards(int most);
  Result<std::vector<RefusedCause>> refused_causes();
  Result<void> each_refused(const std::function<void(const RefusedLine&)>& visit);  // in the input's order
  Result<std::vector<RunRecord>> last_runs(int count);
  Result<std::optional<Pulse>> pulse();
  Result<std::vector<ErrorCount>> errors(int most);  // the most frequent ones first
  Result<Survey> survey(std::size_t most_templates);
  // When a `run` ended with exit code 0 last; nullopt: none did.
  Result<std::optional<WallTime>> last_success();
  // Every request on record that ended, in no order: reads the whole table (about 0.4 s for a million).
  Result<void> each_request(const std::function<void(const EndedRequest&)>& visit);
  // SHA-256, hex, over the rows still to send, sorted by brand, template and code.
  Result<std::string> fingerprint();
  Result<std::vector<std::string>> brands();
  // Makes reading by brand cheap; once is enough.
  Result<void> index_brands();
  // The columns of the results view, and its rows in input order, all or those with one status.
  static const std::vector<std::string>& result_columns();
  Result<std::int64_t> each_result(std::optional<model::Status> status,
                                   const std::function<void(const ResultRow&)>& row);
  // When the latest request of any run may have left: `now` when the last run died, nullopt when there was
  // none.
  Result<std::optional<WallTime>> last_sent_at(WallTime now);
  // What has changed since the latest plan whose fingerprint begins with these digits; nullopt when no such
  // one is on record.
  Result<std::optional<PlanChange>> change_since(std::string_view fingerprint_digits);
  // Did an earlier run begin with this confirmed plan, and is everything still to send a part of it?
  Result<bool> is_rest_of_confirmed(std::string_view fingerprint_digits);
  // How many rows of this very plan have passed the canary, over all runs. A plan that rows were added to is
  // another one; after a trip, and after a retry, none has.
  Result<std::int64_t> canary_passed();

  // Which rows are never sent, from the next import on: those that one of these names, in place of what was
  // said before. `next` is read to its end, nullptr names none. Returns how many there were. Error of `next`:
  // none of it counts.
  using Protections = std::function<Result<std::optional<model::Protection>>()>;
  Result<std::int64_t> protect(const Protections& next);

  // --- importing: begin, add and refuse for every record, finish. Commits in large transactions; what an
  // import that did not finish has brought is no part of the plan and goes with the next one ---
  Result<void> begin_import(WallTime now, LineText text);
  Result<void> add(const model::InputRow& row);
  Result<void> refuse(std::int64_t source_line, std::string_view cause, std::string_view raw);
  Result<ImportSummary> finish_import(std::string_view source, WallTime now);

  // What the import that this object finished last has changed, in the order of the rows.
  Result<void> each_difference(const std::function<void(const Difference&)>& visit);

  // The input turned out untrustworthy: nothing of it is kept.
  Result<void> abandon_import();

  // Puts what is to be sent now on record under its fingerprint, for change_since(); the last eight plans are
  // kept. One transaction.
  Result<void> remember_plan(std::string_view fingerprint, WallTime now);

  // --- retrying ---
  // Rejected rows, and unresolved ones that a read-back has found not INVALID since, become pending again; no
  // confirmation given earlier covers them. One transaction. Error of `list`: nothing has changed.
  Result<PutBack> put_back(const Choice& choice);

  // --- running; every change takes effect with the next commit() ---
  Result<RunId> begin_run(const RunStart& start);  // commits by itself
  Result<void> end_run(RunId run, const RunCounts& counts, int exit_code, std::string_view ending,
                       WallTime now);  // too
  Result<std::vector<model::Candidate>> fetch(Cursor& cursor,
                                              int count);  // fewer than `count`: the lane is exhausted
  Result<void> begin();
  Result<void> open_attempt(const Intent& intent);
  Result<void> close_attempt(const Attempt& attempt, const model::Ruling& ruling);
  Result<void> withdraw_attempt(model::RowId row, int n, model::Status status);
  Result<void> save_counts(RunId run, const RunCounts& counts);
  // The run has stopped itself: the next one begins with a canary again.
  Result<void> save_trip(RunId run, const model::Trip& trip);
  Result<void> save_pulse(const Pulse& pulse);
  Result<void> commit();

  // Folds the write-ahead log into the file, so that copying the one file copies everything; not while others
  // read it.
  Result<void> checkpoint();

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  Result<void> finish_first_import();
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::ledger
