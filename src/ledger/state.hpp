#pragma once
// What the files of this room share: the connection, its prepared statements, and pieces of SQL that several
// of them need.

#include <array>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "large_import.hpp"
#include "row_set.hpp"
#include "surveyor.hpp"
#include "tally.hpp"

namespace cardvoid::ledger {

// With it begins the cause of a refused line whose card is protected.
inline constexpr std::string_view k_protected_cause = "protected: never sent";
// A protection is found by the first of these that it fills; so a row asks at most four times.
inline constexpr std::string_view k_protecting_columns[] = {"code", "openid", "card_id", "brand_id"};

// The greatest row.id of the plan. What lies above belongs to an import that did not finish.
inline constexpr std::string_view k_last_in_plan = "(SELECT coalesce(max(last_row), 0) FROM import)";

// The indices: as in schema/results.sql, and of a job with a pace for each brand.
inline constexpr std::string_view
    k_row_key = "CREATE UNIQUE INDEX row_key ON row (brand_id, card_id, code)",
    k_row_pending = "CREATE INDEX row_pending ON row (id) WHERE status = 'pending'",
    k_row_error =
        "CREATE INDEX row_error ON row (status, error_code, accepted_at, retried_at) "
        "WHERE error_code IS NOT NULL AND status <> 'invalidated'",
    k_row_of_brand = "CREATE INDEX row_of_brand ON row (brand_id)";

// True for a `row` of the plan. The view `results` says the same (schema/results.sql).
inline const std::string k_in_plan = "row.id <= " + std::string{k_last_in_plan};

// True for a `row` that nothing but its status keeps from being sent.
inline const std::string k_may_be_sent = "NOT conflict AND NOT protected AND absent <> 1";

// Why a `row` is not sent; NULL: nothing keeps it. The view `results` says the same (schema/results.sql).
inline constexpr std::string_view k_held_back =
    "CASE WHEN status = 'invalidated' OR status = 'rejected' THEN NULL WHEN protected THEN 'protected' "
    "WHEN held THEN 'held' WHEN conflict THEN 'conflict' WHEN absent = 1 THEN 'left_list' END";

// True for a `row` that a person's word settles: never NULL. The word stays on record when `retry` withdraws
// it, and counts only while it is the later one. The view `results` says the same (schema/results.sql).
inline const std::string k_is_accepted =
    "((status = 'rejected' OR status = 'unresolved') AND accepted_at IS NOT NULL AND "
    "accepted_at > coalesce(retried_at, 0))";

// True for a `row` whose request may have been executed, and that no person's word settles.
// With the words of the index row_in_doubt.
inline const std::string k_is_in_doubt =
    "(status = 'in_flight' OR status = 'unresolved') AND NOT " + k_is_accepted;

// True for a `row` that is still to be sent or settled. The same as Totals::to_send().
inline const std::string k_to_send =
    "(status = 'pending' OR " + k_is_in_doubt + ") AND NOT held AND " + k_may_be_sent;

// True for a `row` that a request was made for. One that surely did not leave is none.
inline constexpr std::string_view k_was_requested =
    "EXISTS (SELECT 1 FROM attempt WHERE row_id = row.id AND sent)";

// True for an `attempt` that may be the last word on its row. A read-back without an answer says nothing.
inline constexpr std::string_view k_has_a_word = "sent AND NOT (kind = 'read_back' AND outcome IS NULL)";

// No run's canary counts any more: the next run begins with one.
inline constexpr const char* k_forget_canary = "UPDATE run SET canary = 0 WHERE canary <> 0";

// The names of the outcomes of which `is_so` is true, for SQL: "('refused', 'not_invalid')".
std::string outcomes_in_sql(bool (*is_so)(model::OutcomeKind));

// The one number that a query answers with; 0 when it has no row.
std::int64_t ask(const sqlite::Connection& db, std::string_view sql);

// Of a connection that writes, in KiB.
inline constexpr const char* k_usual_cache = "PRAGMA cache_size = -8192";
// SQLite sorts in as much memory as its cache may have, and fastest where the processor's cache holds it.
inline constexpr const char* k_small_cache = "PRAGMA cache_size = -2048";

// While it lives, SQLite sorts one part of many rows while it reads the next.
class SortingSettings {
 public:
  explicit SortingSettings(sqlite::Connection& db) : db_{db} {
    db_.execute(k_small_cache);
    db_.execute("PRAGMA threads = 1");
  }
  SortingSettings(const SortingSettings&) = delete;
  SortingSettings& operator=(const SortingSettings&) = delete;
  ~SortingSettings() {
    for (const char* usual : {"PRAGMA threads = 0", k_usual_cache})
      sqlite3_exec(db_.get(), usual, nullptr, nullptr, nullptr);
  }

 private:
  sqlite::Connection& db_;
};

inline std::int64_t to_ms(WallTime time) { return time.time_since_epoch().count(); }

// ---- values out of a database that somebody may have tampered with ----

// The last millisecond of the year 9999: no time and no number of ours is greater.
inline constexpr std::int64_t k_largest_number = 253'402'300'799'999;

// What no version of ours writes. Becomes cannot_create (73).
[[noreturn]] void refuse_value(std::string_view what);

// From 0 to k_largest_number, NULL as 0; and what fits into an int. They throw sqlite::Failure.
std::int64_t number_in(const sqlite::Statement& statement, int column);
int int_in(const sqlite::Statement& statement, int column);
WallTime from_ms(std::int64_t ms);
model::Status status_in(const sqlite::Statement& statement, int column);
// The rows that made a run stop itself, as a JSON array; empty text: none.
std::string culprits_in(const sqlite::Statement& statement, int column);
// A card that may leave in a request: UTF-8 without control characters.
model::Card card_in(const sqlite::Statement& statement, int first_column);

// What an import has found out about the rows of earlier imports.
struct ImportFindings {
  bool is_first = false;              // there was no complete import before it
  model::RowId last_row_before = 0;   // greatest of them
  RowSet missing_before;              // not named by the input before
  RowSet named;                       // by this input
  RowSet other_openid, other_reason;  // named with another one
  RowSet in_conflict;                 // not sent for that
  RowSet contradicted;                // of these, named with two openids by this input
  RowSet is_protected;                // named by a protection
  bool names_nothing = false;         // no row at all, new or known
};

// The statements of a run, prepared once.
struct RunStatements {
  explicit RunStatements(sqlite::Connection& db);
  sqlite::Statement open_attempt, mark_in_flight, close_intent, close_read_back, update_row, withdraw,
      set_status, kind, save_counts, begin, commit, has_counts, add_count;
  std::array<sqlite::Statement, 6> fetch;  // the parts of a Cursor, then the same for one brand
};

// For an import. `is_named`: SQL that is true for a row which a protection names.
RowSet rows_named_by(const sqlite::Connection& db, const std::string& is_named);
// Protects the rows above `last_before`, and hands over those that are not refused already as a conflict.
using OnProtected = std::function<void(const model::Card& card, std::int64_t source_line)>;
void protect_new_rows(const sqlite::Connection& db, const std::string& is_named, model::RowId last_before,
                      const OnProtected& on_protected);

// Bytes of a text of ours, or of a whole row; and of the list of numbers of a large plan with many gaps.
inline constexpr int k_longest_value = 1 << 20, k_longest_ranges = 1 << 25;

// While it lives, a value may be as long as such a list.
class RoomForRanges {
 public:
  explicit RoomForRanges(const sqlite::Connection& db) : db_{db} { db_.limit_values(k_longest_ranges); }
  RoomForRanges(const RoomForRanges&) = delete;
  RoomForRanges& operator=(const RoomForRanges&) = delete;
  ~RoomForRanges() { db_.limit_values(k_longest_value); }

 private:
  const sqlite::Connection& db_;
};

struct Ledger::State {
  State(const std::filesystem::path& real, sqlite::Mode mode, std::filesystem::path name, WhenLocked handler)
      : db{real, mode}, file{std::move(name)}, when_locked{std::move(handler)} {
    wait_when_locked();
    db.limit_values(k_longest_value);
  }
  State(const State&) = delete;  // the connection calls back
  sqlite::Connection db;
  std::filesystem::path file;  // as the user named it
  WhenLocked when_locked;
  milliseconds waited{0};   // for the lock, in the work under way
  bool gave_up = false;     // waiting for it
  bool is_writing = false;  // open, and known to be ours
  bool has_failed = false;
  std::optional<ImportFindings> last_import;
  std::optional<KeptSurvey> kept_survey;  // of a first import
  std::size_t filter_words = LargeImport::k_filter_words;
  std::int64_t many_lines = LargeImport::k_many_lines;
  std::optional<RunStatements> run_statements;
  RowSteps steps;                                     // since begin_changes()
  std::optional<std::pair<RunId, RunCounts>> counts;  // of a run, since begin_changes()
  std::string is_named_by_protections = "FALSE";      // SQL about a row

  void wait_when_locked();
  int checkpoint();  // SQLite's primary code; SQLITE_BUSY while others read

  // Prepared on first use, inside guarded().
  RunStatements& prepared() {
    if (!run_statements) run_statements.emplace(db);
    return *run_statements;
  }

  // Runs `work`, turning what SQLite throws into an Error that names the file and says what to do.
  template <class Work>
  auto guarded(Work work) -> Result<decltype(work())> {
    waited = milliseconds{0}, gave_up = false;
    try {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        note_free();
        return {};
      } else {
        auto done = work();
        note_free();
        return done;
      }
    } catch (const sqlite::Failure& failure) {
      return explain(failure);
    }
  }
  void note_free();
  Error explain(const sqlite::Failure& failure);
};

}  // namespace cardvoid::ledger
