#pragma once
// What the parts of Ledger share: the connection and its prepared statements.

#include <algorithm>
#include <array>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <string_view>
#include <vector>

#include "first_import.hpp"

namespace cardvoid::ledger {

// Rows that the plan still wants sent or settled; the same as Totals::to_send().
inline constexpr std::string_view k_to_send =
    "status IN ('pending', 'in_flight', 'unresolved') AND NOT held AND NOT conflict AND NOT protected";

// No run's canary counts any more: the next run begins with one.
inline constexpr const char* k_forget_canary = "UPDATE run SET canary = 0 WHERE canary <> 0";

// The one number that a query answers with; 0 when it has no row.
std::int64_t ask(const sqlite::Connection& db, std::string_view sql);

// A set of rows, one bit each.
class RowSet {
 public:
  bool has(model::RowId id) const {
    const auto at = static_cast<std::size_t>(id);
    return at < bits_.size() && bits_[at];
  }
  void add(model::RowId id) {
    const auto at = static_cast<std::size_t>(id);
    if (bits_.size() <= at) bits_.resize(std::max(at + 1, bits_.size() * 2));
    bits_[at] = true;
  }

 private:
  std::vector<bool> bits_;
};

// What an import found out about the rows of the earlier ones, beside what it wrote.
struct Seen {
  model::RowId last_row_before = 0;   // greatest of them
  RowSet missing_before;              // not named by the input before
  RowSet rows;                        // named by this input
  RowSet other_openid, other_reason;  // named with another
};

// An import under way. Seen::rows tells a card that comes twice in this input from one known before.
struct Importing {
  Importing(sqlite::Connection& db, LineText line_text);
  void refuse_line(std::int64_t line, std::string_view cause, std::string_view raw);
  // The row of this card, if there is one; reset by_key and after_last when it was read.
  const sqlite::Statement* find(const model::Card& card);
  sqlite::Statement insert, by_key, after_last, set_conflict, refuse;
  bool is_on_known_ground = false;  // there was a row for the last line
  model::RowId last_known = 0;
  bool guessed_right = false;
  int not_guessed = 0;
  std::unique_ptr<FirstImport> first;  // while this is the first one
  std::optional<model::RowId> new_id;  // of the row to insert; none: the next
  LineText text;
  WallTime started_at{};
  Seen seen;
  std::int64_t last_refused_before;
  bool had_conflicts = false, has_ended_conflicts = false, contradicts_itself = false;
  ImportSummary summary;
  std::int64_t in_transaction = 0;
};

// The statements of a run, prepared once.
struct Journalling {
  explicit Journalling(sqlite::Connection& db);
  sqlite::Statement open_attempt, mark_in_flight, close_intent, insert_read_back, update_row, withdraw,
      set_status, save_counts;
  std::array<sqlite::Statement, 6> fetch;  // the parts of a Cursor, then the same for one brand
};

// For an import: protects what was there before by what protect() was told last, and takes away what was
// more.
void protect_known_rows(sqlite::Connection& db, const std::string& is_named);
// And what it has brought, whose lines are refused.
void protect_new_rows(const sqlite::Connection& db, const std::string& is_named, Importing& import);

inline constexpr std::string_view k_is_protected = "protected by safety.protect: never sent";

struct Ledger::State {
  State(const std::filesystem::path& real, sqlite::Mode mode, std::filesystem::path name, Waiting how_to_wait)
      : db{real, mode}, file{std::move(name)}, waiting{std::move(how_to_wait)} {
    wait_when_locked();
  }
  State(const State&) = delete;  // the connection calls back
  sqlite::Connection db;
  std::filesystem::path file;  // as the user named it
  Waiting waiting;
  milliseconds waited{0};   // for the lock, in the work under way
  bool gave_up = false;     // waiting for it
  bool is_writing = false;  // open, and known to be ours
  std::optional<Importing> importing;
  std::optional<Seen> seen;  // by the import that was finished last
  std::optional<Journalling> journalling;
  std::string is_named_by_protections = "FALSE";  // SQL about a row

  void count_line();  // of the input; commits now and then
  void wait_when_locked();
  int checkpoint();  // SQLite's primary code; SQLITE_BUSY while others read

  // Prepared on first use, inside guarded().
  Journalling& journal() {
    if (!journalling) journalling.emplace(db);
    return *journalling;
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
