#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/ledger/place.hpp>
#include <cerrno>
#include <system_error>

#include "state.hpp"

// Opening, and the journal of a run.
namespace cardvoid::ledger {

extern const std::string_view k_results_sql;

namespace {

constexpr std::int64_t k_application_id = 0x43564F44, k_version = 1;
constexpr milliseconds k_patience{10'000}, k_patience_with_readers{1'000};

std::int64_t pragma(const sqlite::Connection& db, const char* name) {
  return ask(db, fmt::format("PRAGMA {}", name));
}

std::int64_t to_ms(WallTime time) { return time.time_since_epoch().count(); }

std::optional<std::string_view> if_any(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>{text};
}

// Out of line: inlined at -O2, g++ 12 warns that an int of no value may be read, which no path does.
[[gnu::noinline]] std::optional<std::int64_t> if_any(unsigned http_status) {
  if (http_status == 0) return std::nullopt;
  return http_status;
}

// What stopped a run at a row, rather than settled it.
constexpr std::string_view k_stopped_a_run =
    "coalesce((SELECT outcome FROM attempt WHERE row_id = row.id AND sent ORDER BY n DESC LIMIT 1) IN "
    "('credentials_refused', 'setup_refused'), FALSE)";

// The rows of one part of a Cursor, and what earlier runs did for them.
sqlite::Statement fetching(const sqlite::Connection& db, Cursor::Part part, bool of_brand) {
  constexpr std::string_view k_in_doubt = "status IN ('in_flight', 'unresolved')";
  std::string condition;
  if (part == Cursor::doubt) condition = fmt::format("{} AND (?3 OR NOT {})", k_in_doubt, k_stopped_a_run);
  if (part == Cursor::fresh)
    condition = "NOT ?3 AND status = 'pending' AND NOT conflict AND NOT protected AND error_code IS NULL";
  if (part == Cursor::troubled)
    // Not what this run has taken up already.
    condition = fmt::format(
        "NOT EXISTS (SELECT 1 FROM attempt WHERE row_id = row.id AND run_id = (SELECT max(id) FROM run)) AND "
        "NOT ?3 AND ((status = 'pending' AND NOT conflict AND NOT protected AND error_code IS NOT NULL) OR "
        "({} AND {}))",
        k_in_doubt, k_stopped_a_run);
  return {
      db,
      fmt::format(
          "SELECT row.id, brand_id, card_id, code, openid, reason, status, held, max(n), "
          "min(iif(kind = 'invalidate' AND sent, attempt.started_at, NULL)), "
          "max(iif(kind = 'invalidate' AND sent, attempt.started_at, NULL)), "
          "max(kind = 'invalidate' AND sent AND outcome IS NULL), protected "
          "FROM (SELECT * FROM row WHERE id > ?1 AND id <= (SELECT max(last_row) FROM import) AND {}{} "
          "ORDER BY id LIMIT ?2) AS row LEFT JOIN attempt ON row_id = row.id GROUP BY row.id ORDER BY row.id",
          condition, of_brand ? " AND brand_id = ?4" : "")};
}

constexpr std::string_view k_left_alone = "it is left as it is";
constexpr std::string_view k_see_to_rights = "see to the permissions of the file and its folder";

Error not_ours(const std::filesystem::path& file, const std::string& why) {
  return {Errc::cannot_create,
          fmt::format("{}: {}; {}; name another file in results.database or with --results", file.string(),
                      why, k_left_alone)};
}

Error damaged(const std::filesystem::path& file, std::string_view how) {
  return {
      Errc::cannot_create,
      fmt::format("{}: {}; {}; restore a copy, or name another file in results.database or with --results",
                  file.string(), how, k_left_alone)};
}

enum class Found { nothing, results };

// Is it this job's? Looks at it only. Nothing: one blank page, as is left when creating it was cut short.
Result<Found> examine(sqlite::Connection& db, const std::filesystem::path& file, std::string_view job_name) {
  if (pragma(db, "page_count") == 1 && pragma(db, "application_id") == 0 && pragma(db, "user_version") == 0 &&
      pragma(db, "schema_version") == 0)
    return Found::nothing;
  if (pragma(db, "application_id") != k_application_id)
    return not_ours(file, "is not a cardvoid results database");
  if (const auto version = pragma(db, "user_version"); version != k_version)
    return not_ours(file,
                    fmt::format("has schema version {}, this cardvoid knows version {}", version, k_version));
  sqlite::Statement meta{db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'"};
  meta.bind();
  if (!meta.step()) return not_ours(file, "is not a whole cardvoid results database");
  meta.reset();
  sqlite::Statement owner{db, "SELECT value FROM meta WHERE key = 'job'"};
  owner.bind();
  if (!owner.step()) return not_ours(file, "names no job that it belongs to");
  if (owner.text(0) != job_name)
    return not_ours(file, fmt::format("belongs to the job \"{}\", not to \"{}\"", owner.text(0), job_name));
  return Found::results;
}

// Every page and every row, but not whether indices agree with tables: that costs more than twice as much.
Result<void> check_structure(sqlite::Connection& db, const std::filesystem::path& file) {
  sqlite::Statement check{db, "PRAGMA quick_check(1)"};
  check.bind();
  if (!check.step() || check.text(0) == "ok") return {};
  auto how = std::string{check.text(0)};
  if (how.starts_with("***")) how.erase(0, how.find('\n') + 1);  // "*** in database main ***"
  std::replace(how.begin(), how.end(), '\n', ' ');
  return damaged(file, fmt::format("is damaged ({})", how));
}

void create_tables(sqlite::Connection& db, std::string_view job_name) {
  sqlite::Transaction transaction{db};
  db.execute(std::string{k_results_sql});
  sqlite::Statement{db, "INSERT INTO meta VALUES ('job', ?1)"}.bind(job_name).run();
  transaction.commit();
}

// False where the file system cannot have one. The statement says "wal" before the header that makes it so is
// written: only its end tells of a failure. Every writer asks, since a promise hangs on it: without the log a
// power failure may take back the last commit (sqlite.org/pragma.html#pragma_synchronous, EXTRA).
bool turn_on_log(sqlite::Connection& db) {
  sqlite::Statement{db, "PRAGMA journal_mode = WAL"}.bind().run();
  sqlite::Statement mode{db, "PRAGMA journal_mode"};
  mode.bind();
  const bool is_on = mode.step() && mode.text(0) == "wal";
  mode.reset();
  return is_on;
}

}  // namespace

std::int64_t ask(const sqlite::Connection& db, std::string_view sql) {
  sqlite::Statement statement{db, sql};
  statement.bind();
  return statement.step() ? statement.int64(0) : 0;
}

void Ledger::State::wait_when_locked() {
  db.on_busy([this](milliseconds so_far) {
    waited = std::max(so_far, milliseconds{1});
    if (!waiting.go_on) return so_far < k_patience;
    gave_up = !waiting.go_on(so_far);
    return !gave_up;
  });
}

void Ledger::State::note_free() {
  if (waited > milliseconds{0} && waiting.over) waiting.over(waited);
}

int Ledger::State::checkpoint() {
  // Who reads the database holds this up too, maybe for hours; then the log is folded in another time.
  db.on_busy([](milliseconds so_far) { return so_far < k_patience_with_readers; });
  const int code = sqlite3_wal_checkpoint_v2(db.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  wait_when_locked();
  return code & 0xFF;
}

Error Ledger::State::explain(const sqlite::Failure& failure) {
  const auto said = [&](Errc code, std::string_view advice) {
    return Error{code, fmt::format("{}: {}; {}", file.string(), failure.what(), advice)};
  };
  const bool has_no_room =
      failure.system_error == ENOSPC || failure.system_error == EDQUOT || failure.system_error == EFBIG;
  if (failure.primary_code() == SQLITE_FULL || (failure.primary_code() == SQLITE_IOERR && has_no_room))
    return said(Errc::io, "free some space there, or raise the quota, and run the same command again");
  switch (failure.primary_code()) {
    case SQLITE_READONLY:
      // Ours has a write-ahead log and never a journal that opening it would roll back.
      if (failure.code == SQLITE_READONLY_ROLLBACK)
        return not_ours(file, "holds an unfinished transaction of another program");
      [[fallthrough]];
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: return said(is_writing ? Errc::io : Errc::cannot_create, k_see_to_rights);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      if (is_writing) return said(Errc::io, "it was damaged while it is in use; restore a copy");
      return damaged(file, failure.what());
    case SQLITE_BUSY:
      if (gave_up)
        return {Errc::stopped,
                fmt::format("{}: interrupted while waiting for the lock that another program holds; nothing "
                            "was sent",
                            file.string())};
      [[fallthrough]];
    case SQLITE_LOCKED:
      return said(Errc::io,
                  "another program holds it locked; close that program and run the same command again");
    default: return said(Errc::io, "nothing more is sent; see to the disk and run the same command again");
  }
}

Journalling::Journalling(sqlite::Connection& db)
    : open_attempt{db,
                   "INSERT INTO attempt (row_id, n, run_id, kind, endpoint, started_at) "
                   "VALUES (?1, ?2, ?3, 'invalidate', ?4, ?5)"},
      mark_in_flight{db, "UPDATE row SET status = 'in_flight' WHERE id = ?1"},
      close_intent{
          db,
          "UPDATE attempt SET endpoint = ?3, sent = ?4, started_at = ?5, finished_at = ?6, latency_us = ?7, "
          "http_status = ?8, error_code = ?9, request_id = ?10, outcome = ?11 WHERE row_id = ?1 AND n = ?2"},
      insert_read_back{
          db,
          "INSERT INTO attempt (row_id, n, endpoint, sent, started_at, finished_at, latency_us, http_status, "
          "error_code, request_id, outcome, run_id, kind) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'read_back')"},
      update_row{
          db,
          "UPDATE row SET status = ?2, held = ?3, card_state = coalesce(?4, card_state), "
          "invalid_time = coalesce(?5, invalid_time), "
          // A row that stays held keeps what it is held for.
          "error_code = iif(?3, coalesce(?6, error_code), ?6), "
          "error_message = iif(?3, coalesce(?7, error_message), ?7), http_status = ?8, "
          "request_id = ?9, endpoint = ?10, settled_by = ?11, finished_at = ?13, first_sent_at = "
          "coalesce(first_sent_at, ?12, (SELECT "
          "min(started_at) FROM attempt WHERE row_id = ?1 AND kind = 'invalidate' AND sent)) WHERE id = ?1"},
      withdraw{db,
               "UPDATE attempt SET sent = 0, finished_at = started_at, outcome = 'withdrawn' WHERE row_id = "
               "?1 AND n = ?2"},
      set_status{db, "UPDATE row SET status = ?2 WHERE id = ?1"},
      save_counts{db,
                  "UPDATE run SET sent = ?2, confirmed = ?3, rejected = ?4, unresolved = ?5, canary = ?6 "
                  "WHERE id = ?1"},
      fetch{fetching(db, Cursor::doubt, false),    fetching(db, Cursor::fresh, false),
            fetching(db, Cursor::troubled, false), fetching(db, Cursor::doubt, true),
            fetching(db, Cursor::fresh, true),     fetching(db, Cursor::troubled, true)} {}

Ledger::Ledger(std::unique_ptr<State> state) : state_{std::move(state)} {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<Ledger> Ledger::open(const std::filesystem::path& file, std::string_view job_name, Access access,
                            Waiting waiting) {
  std::error_code error;
  if (access != Access::create && !std::filesystem::exists(file, error))
    return Error{
        Errc::no_input,
        fmt::format("{}: there is no results database yet; `cardvoid plan` creates it", file.string())};
  if (access == Access::create)
    if (const auto ready = prepare_folder(file); !ready) return ready.error();
  const auto real = real_path(file);
  if (std::filesystem::is_directory(real, error)) return not_ours(file, "is a folder");
  auto found = sqlite::has_content(real) ? Found::results : Found::nothing;
  // SQLite would delete the log that it finds beside no database (pager.c, pagerOpenWalIfPresent).
  if (found == Found::nothing && sqlite::has_content(real.string() + "-wal"))
    return damaged(file,
                   fmt::format("is empty or gone while its write-ahead log, {}-wal, is not", file.string()));
  if (sqlite::is_stillborn(real)) found = Found::nothing;  // creating it was cut short
  try {
    // First through a connection that cannot change anything, neither by rolling back another program's
    // journal nor by folding its log when it closes.
    std::unique_ptr<State> state;
    if (found == Found::results) {
      state = std::make_unique<State>(real, sqlite::Mode::read_only, file, waiting);
      state->db.keep_log_on_close();
      Result<void> sound;
      const auto looked = state->guarded([&] {
        const auto examined = examine(state->db, file, job_name);
        if (!examined) return void(sound = examined.error());
        found = *examined;
        if (found == Found::results && access != Access::read_only) sound = check_structure(state->db, file);
      });
      if (!looked) return looked.error();
      if (!sound) return sound.error();
    }
    if (found == Found::nothing && access != Access::create) return not_ours(file, "is empty");
    if (access == Access::read_only) return Ledger{std::move(state)};

    state.reset();
    state = std::make_unique<State>(
        real, access == Access::create ? sqlite::Mode::create : sqlite::Mode::read_write, file,
        std::move(waiting));
    bool has_log = true;
    const auto ready = state->guarded([&] {
      state->db.execute(
          "PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; "
          "PRAGMA journal_size_limit = 67108864");
      has_log = turn_on_log(state->db);
      if (has_log && found == Found::nothing) create_tables(state->db, job_name);
      // After a failed sync the log may hold what only the cache remembers (fsync(2)); nothing is built on
      // it.
      if (found == Found::results)
        if (const int code = state->checkpoint(); code != SQLITE_OK && code != SQLITE_BUSY)
          throw sqlite::Failure{state->db.get()};
    });
    if (!ready) return ready.error();
    if (!has_log) return not_ours(file, "cannot have a write-ahead log where it is");
    state->is_writing = true;
    return Ledger{std::move(state)};
  } catch (const sqlite::Failure& failure) {  // of opening the file itself
    return Error{Errc::cannot_create,
                 fmt::format("{}: {}; {}", file.string(), failure.what(), k_see_to_rights)};
  }
}

Result<void> Ledger::verify() {
  Result<void> sound;
  const auto looked = state_->guarded([&] { sound = check_structure(state_->db, state_->file); });
  return looked ? sound : looked;
}

Result<RunId> Ledger::begin_run(const RunStart& start) {
  return state_->guarded([&] {
    // Held rows were in no plan that was confirmed; whoever looks at them anew looks at the plan anew.
    if (start.command == "reconcile")
      state_->db.execute(
          "UPDATE run SET by_confirm = 0 WHERE by_confirm AND EXISTS (SELECT 1 FROM row WHERE held)");
    sqlite::Statement insert{
        state_->db,
        "INSERT INTO run (command, started_at, host, pid, version, acknowledge, fingerprint, by_confirm, "
        "last_row) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT coalesce(max(id), 0) FROM row))"};
    insert
        .bind(start.command, to_ms(start.started_at), start.host, start.pid, start.version, start.acknowledge,
              start.fingerprint, int{start.confirmed})
        .run();
    return RunId{sqlite3_last_insert_rowid(state_->db.get())};
  });
}

Result<void> Ledger::end_run(RunId run, const RunCounts& counts, int exit_code, std::string_view ending,
                             WallTime now) {
  return state_->guarded([&] {
    sqlite::Statement update{
        state_->db,
        "UPDATE run SET sent = ?2, confirmed = ?3, rejected = ?4, unresolved = ?5, exit_code = ?6, "
        "ending = ?7, ended_at = ?8 WHERE id = ?1"};
    update
        .bind(run, counts.sent, counts.confirmed, counts.rejected, counts.unresolved, exit_code, ending,
              to_ms(now))
        .run();
  });
}

Result<void> Ledger::index_brands() {
  return state_->guarded(
      [&] { state_->db.execute("CREATE INDEX IF NOT EXISTS row_of_brand ON row (brand_id)"); });
}

Result<std::vector<model::Candidate>> Ledger::fetch(Cursor& cursor, int count) {
  return state_->guarded([&] {
    std::vector<model::Candidate> rows;
    while (cursor.part != Cursor::end) {
      auto& statement =
          state_->journal().fetch[static_cast<std::size_t>(cursor.part) + (cursor.brand_id ? 3 : 0)];
      const auto wanted = count - static_cast<int>(rows.size());
      cursor.brand_id ? statement.bind(cursor.after, wanted, int{cursor.doubt_only}, *cursor.brand_id)
                      : statement.bind(cursor.after, wanted, int{cursor.doubt_only});
      while (statement.step()) {
        model::Candidate row;
        row.id = cursor.after = statement.int64(0);
        row.card = {std::string{statement.text(1)}, std::string{statement.text(2)},
                    std::string{statement.text(3)}, std::string{statement.text(4)},
                    std::string{statement.text(5)}};
        row.status = *model::status_from_text(statement.text(6));
        row.held = statement.int64(7) != 0;
        row.attempts = static_cast<int>(statement.int64(8));
        if (!statement.is_null(9)) row.first_sent_at = WallTime{milliseconds{statement.int64(9)}};
        if (!statement.is_null(10)) row.last_sent_at = WallTime{milliseconds{statement.int64(10)}};
        row.has_open_attempt = statement.int64(11) != 0;
        row.is_protected = statement.int64(12) != 0;
        rows.push_back(std::move(row));
      }
      if (static_cast<int>(rows.size()) == count) break;
      cursor.part = static_cast<Cursor::Part>(cursor.part + 1);
      cursor.after = 0;
    }
    return rows;
  });
}

Result<void> Ledger::begin() {
  // Written into a file without a name, everything would be lost at the end.
  if (state_->db.has_moved())
    return Error{
        Errc::io,
        fmt::format("{}: was removed or renamed while it is in use; nothing more is sent; put it back "
                    "with its -wal and run the same command again",
                    state_->file.string())};
  return state_->guarded([&] { state_->db.execute("BEGIN IMMEDIATE"); });
}

Result<void> Ledger::commit() {
  return state_->guarded([&] { state_->db.execute("COMMIT"); });
}

Result<void> Ledger::open_attempt(const Intent& intent) {
  return state_->guarded([&] {
    auto& j = state_->journal();
    j.open_attempt.bind(intent.row, intent.n, intent.run, model::to_text(intent.endpoint), to_ms(intent.at))
        .run();
    j.mark_in_flight.bind(intent.row).run();
  });
}

Result<void> Ledger::close_attempt(const Attempt& attempt, const model::Ruling& ruling) {
  return state_->guarded([&] {
    auto& j = state_->journal();
    const auto& o = attempt.outcome;
    const auto status = if_any(o.http_status);
    const std::int64_t latency = attempt.latency.count();
    if (attempt.kind == model::AttemptKind::invalidate) {
      j.close_intent.bind(attempt.row, attempt.n, model::to_text(attempt.endpoint), int{attempt.sent},
                          to_ms(attempt.started_at), to_ms(attempt.finished_at), latency, status,
                          if_any(o.error_code), if_any(o.request_id), model::to_text(o.kind));
      j.close_intent.run();
    } else {
      j.insert_read_back.bind(attempt.row, attempt.n, model::to_text(attempt.endpoint), int{attempt.sent},
                              to_ms(attempt.started_at), to_ms(attempt.finished_at), latency, status,
                              if_any(o.error_code), if_any(o.request_id), model::to_text(o.kind),
                              attempt.run);
      j.insert_read_back.run();
    }

    const auto& shown = ruling.shown;
    const bool settled =
        ruling.status == model::Status::invalidated || ruling.status == model::Status::rejected;
    const auto settled_by =
        ruling.settled_by ? std::optional{model::to_text(*ruling.settled_by)} : std::nullopt;
    const bool first_sending = attempt.sent && attempt.kind == model::AttemptKind::invalidate;
    j.update_row.bind(attempt.row, model::to_text(ruling.status), int{ruling.held}, if_any(shown.card_state),
                      if_any(shown.invalid_time), if_any(shown.error_code), if_any(shown.error_message),
                      if_any(shown.http_status), if_any(shown.request_id),
                      model::to_text(ruling.shown_endpoint.value_or(attempt.endpoint)), settled_by,
                      first_sending ? std::optional{to_ms(attempt.started_at)} : std::nullopt,
                      settled ? std::optional{to_ms(attempt.finished_at)} : std::nullopt);
    j.update_row.run();
  });
}

Result<void> Ledger::withdraw_attempt(model::RowId row, int n, model::Status status) {
  return state_->guarded([&] {
    state_->journal().withdraw.bind(row, n).run();
    state_->journal().set_status.bind(row, model::to_text(status)).run();
  });
}

Result<void> Ledger::save_counts(RunId run, const RunCounts& counts) {
  return state_->guarded([&] {
    state_->journal()
        .save_counts
        .bind(run, counts.sent, counts.confirmed, counts.rejected, counts.unresolved, counts.canary)
        .run();
  });
}

Result<void> Ledger::save_trip(RunId run, const model::Trip& trip) {
  return state_->guarded([&] {
    state_->db.execute(k_forget_canary);
    sqlite::Statement{state_->db, "UPDATE run SET tripped_by = ?2, culprits = ?3 WHERE id = ?1"}
        .bind(run, model::to_text(trip.cause), fmt::format("[{}]", fmt::join(trip.rows, ",")))
        .run();
  });
}

Result<void> Ledger::save_pulse(const Pulse& pulse) {
  return state_->guarded([&] {
    sqlite::Statement{
        state_->db,
        "INSERT OR REPLACE INTO pulse (id, run_id, at, rate, allowed_rate, paused_by_429, in_flight, "
        "waiting, primary_state, backup_state, canary, canary_passed, reasons_to_wait) VALUES (1, ?1, ?2, "
        "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"}
        .bind(pulse.run, to_ms(pulse.at), pulse.rate, pulse.allowed_rate, int{pulse.paused_by_429},
              pulse.in_flight, pulse.waiting, pulse.primary_state, pulse.backup_state, pulse.canary,
              pulse.canary_passed, as_json(pulse.reasons_to_wait))
        .run();
  });
}

Result<void> Ledger::checkpoint() {
  return state_->guarded([&] { state_->checkpoint(); });
}

}  // namespace cardvoid::ledger
