#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/model/card_rules.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <cerrno>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "schema.hpp"
#include "shape.hpp"
#include "state.hpp"
#include "untouched.hpp"

namespace cardvoid::ledger {

namespace {

constexpr milliseconds k_patience{10'000}, k_patience_with_readers{1'000};

std::int64_t pragma(const sqlite::Connection& db, const char* name) {
  return ask(db, fmt::format("PRAGMA {}", name));
}

constexpr const char* k_left_alone = translatable("it is left as it is");
constexpr const char* k_see_to_rights = translatable("see to the permissions of the file and its folder");
constexpr const char* k_nothing_more =
    translatable("nothing more is sent; see to the disk and run the same command again");

Error damaged(const std::filesystem::path& file, std::string_view how) {
  return {Errc::cannot_create,
          tr("{}: {}; {}; restore a copy, or name another file in results.database or with --results",
             file.string(), how, tr(k_left_alone))};
}

// SQLite keeps an index of the log in a file beside it, which cannot be made there.
Error unreadable_log(const std::filesystem::path& file) {
  return {Errc::cannot_create,
          tr("{0}: its last results are in its write-ahead log, {0}-wal, which cannot be read in a "
             "folder where nothing can be written; copy both files to another folder and name the copy "
             "with --results",
             file.string())};
}

// What a file holds.
enum class Found { nothing, results };
struct Examined {
  Found found = Found::nothing;
  std::int64_t version = k_schema_version;
};

// A database without all columns of its version is one that an early development build has made, before the
// version began to rise with every change.
Result<void> check_columns(const sqlite::Connection& db, const std::filesystem::path& file,
                           std::int64_t version) {
  const auto wanted = columns_of_version(version), there = columns_of(db);
  std::vector<std::string> missing, unknown;
  std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(), std::back_inserter(missing));
  std::set_difference(there.begin(), there.end(), wanted.begin(), wanted.end(), std::back_inserter(unknown));
  if (missing.empty() && unknown.empty()) return {};
  return not_ours(
      file,
      missing.empty()
          ? tr("was made by an early development build (unknown column {}), and this one cannot carry it on",
               unknown.front())
          : tr("was made by an early development build (no column {}), and this one cannot carry it on",
               missing.front()));
}

// Who can write the file could otherwise decide what is sent.
Error tampered(const std::filesystem::path& file, const std::string& how) {
  return {Errc::cannot_create, tr("{}: {}; {}; see who can write there, then restore a copy, or name another "
                                  "file in results.database or "
                                  "with --results",
                                  file.string(), how, tr(k_left_alone))};
}

Result<void> check_shape(const sqlite::Connection& db, const std::filesystem::path& file,
                         std::int64_t version) {
  if (const auto whole = check_columns(db, file, version); !whole) return whole.error();
  if (const auto foreign = find_foreign(db, version)) return tampered(file, *foreign);
  if (const auto absurd = find_absurd(db)) return tampered(file, *absurd);
  return {};
}

std::string words_for(const std::optional<model::Shard>& shard) {
  return shard ? tr("shard {}", model::to_text(*shard)) : tr("the whole job");
}

// A database that has the cards of another part of the job would send the others once more.
Result<void> check_shard(sqlite::Connection& db, const std::filesystem::path& file,
                         const std::optional<model::Shard>& wanted) {
  const auto there = shard_in(db);
  if (there == wanted) return {};
  const auto advice = there ? tr("give --shard {} with the same command", model::to_text(*there))
                            : tr("leave out --shard, or name another file with --results");
  return Error{Errc::cannot_create, tr("{}: holds {}, and not {}; {}; {}", file.string(), words_for(there),
                                       words_for(wanted), tr(k_left_alone), advice)};
}

// Is it this job's? Looks at it only. Nothing: one blank page, as is left when creating it was cut short.
Result<Examined> examine(sqlite::Connection& db, const std::filesystem::path& file, const Owner* wanted) {
  if (pragma(db, "page_count") == 1 && pragma(db, "application_id") == 0 && pragma(db, "user_version") == 0 &&
      pragma(db, "schema_version") == 0)
    return Examined{};
  if (pragma(db, "application_id") != k_application_id)
    return not_ours(file, tr("is not a cardvoid results database"));
  const auto version = pragma(db, "user_version");
  if (version > k_schema_version)
    return Error{Errc::cannot_create,
                 tr("{}: was made by a newer cardvoid (schema version {}; this one knows {}); {}; upgrade "
                    "cardvoid, or name another file in results.database or with --results",
                    file.string(), version, k_schema_version, tr(k_left_alone))};
  if (version < 1) return not_ours(file, tr("has schema version {}, which never was", version));
  sqlite::Statement meta{db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'"};
  meta.bind();
  if (!meta.step()) return not_ours(file, tr("is not a whole cardvoid results database"));
  meta.reset();
  sqlite::Statement owner{db, "SELECT value FROM meta WHERE key = 'job'"};
  owner.bind();
  if (!owner.step()) return not_ours(file, tr("names no job that it belongs to"));
  if (wanted && owner.text(0) != wanted->job)
    return not_ours(file, tr("belongs to the job \"{}\", not to \"{}\"", escape_for_terminal(owner.text(0)),
                             wanted->job));
  owner.reset();
  if (wanted)
    if (const auto right = check_shard(db, file, wanted->shard); !right) return right.error();
  if (const auto ours = check_shape(db, file, version); !ours) return ours.error();
  return Examined{Found::results, version};
}

// Every page and every row, but not whether indices agree with tables: that costs more than twice as much.
Result<void> check_structure(sqlite::Connection& db, const std::filesystem::path& file) {
  sqlite::Statement check{db, "PRAGMA quick_check(1)"};
  check.bind();
  if (!check.step() || check.text(0) == "ok") return {};
  auto how = std::string{check.text(0)};
  if (how.starts_with("***")) how.erase(0, how.find('\n') + 1);  // "*** in database main ***"
  std::replace(how.begin(), how.end(), '\n', ' ');
  return damaged(file, tr("is damaged ({})", how));
}

Result<void> check_rows(sqlite::Connection& db, const std::filesystem::path& file, bool is_known) {
  if (!is_known)
    if (const auto whole = check_structure(db, file); !whole) return whole.error();
  if (const auto absurd = find_absurd_row(db)) return tampered(file, *absurd);
  return {};
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

Error not_ours(const std::filesystem::path& file, const std::string& why) {
  return {Errc::cannot_create, tr("{}: {}; {}; name another file in results.database or with --results",
                                  file.string(), why, tr(k_left_alone))};
}

Result<void> check_header(const std::filesystem::path& database) {
  const auto file = real_path(database);
  const auto header = sqlite::read_header(file);
  if (!header) return {};
  if (!header->has_signature) return damaged(database, tr("file is not a database"));
  if (sqlite::has_content(file.string() + "-wal") || sqlite::has_content(file.string() + "-journal"))
    return {};
  const bool is_blank = header->pages <= 1 && header->schema_cookie == 0;
  if (is_blank || header->application_id == k_application_id) return {};
  return not_ours(database, tr("is not a cardvoid results database"));
}

std::string outcomes_in_sql(bool (*is_so)(model::OutcomeKind)) {
  std::string names;
  for (const auto kind : model::all_outcomes())
    if (is_so(kind)) names += fmt::format("{}'{}'", names.empty() ? "" : ", ", model::to_text(kind));
  return "(" + names + ")";
}

std::int64_t ask(const sqlite::Connection& db, std::string_view sql) {
  sqlite::Statement statement{db, sql};
  statement.bind();
  return statement.step() ? statement.int64(0) : 0;
}

void Ledger::State::wait_when_locked() {
  db.on_busy([this](milliseconds so_far) {
    waited = std::max(so_far, milliseconds{1});
    if (!when_locked.keep_waiting) return so_far < k_patience;
    gave_up = !when_locked.keep_waiting(so_far);
    return !gave_up;
  });
}

void Ledger::State::note_free() {
  if (waited > milliseconds{0} && when_locked.freed) when_locked.freed(waited);
}

int Ledger::State::checkpoint() {
  // Who reads the database holds this up too, maybe for hours; then the log is folded in another time.
  db.on_busy([](milliseconds so_far) { return so_far < k_patience_with_readers; });
  const int code = sqlite3_wal_checkpoint_v2(db.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  wait_when_locked();
  return code & 0xFF;
}

void refuse_value(std::string_view what) { throw sqlite::Failure{SQLITE_MISMATCH, std::string{what}}; }

std::int64_t number_in(const sqlite::Statement& statement, int column) {
  const auto number = statement.int64(column);
  if (number < 0 || number > k_largest_number) refuse_value(tr("the number {}", number));
  return number;
}

int int_in(const sqlite::Statement& statement, int column) {
  const auto number = statement.int64(column);
  if (number < 0 || number >= std::numeric_limits<int>::max()) refuse_value(tr("the number {}", number));
  return static_cast<int>(number);
}

WallTime from_ms(std::int64_t ms) {
  if (ms < 0 || ms > k_largest_number) refuse_value(tr("the time {}", ms));
  return WallTime{milliseconds{ms}};
}

model::Status status_in(const sqlite::Statement& statement, int column) {
  const auto status = model::status_from_text(statement.text(column));
  if (!status) refuse_value(tr("a status that there is not"));
  return *status;
}

model::Card card_in(const sqlite::Statement& statement, int first_column) {
  model::Card card;
  std::string* const parts[] = {&card.brand_id, &card.card_id, &card.code, &card.openid, &card.reason};
  for (int column = first_column; auto* part : parts) {
    *part = statement.text(column++);
    if (!model::is_text(*part)) refuse_value(tr("a card with bytes that are no text"));
  }
  return card;
}

Error Ledger::State::explain(const sqlite::Failure& failure) {
  has_failed =
      has_failed || (failure.primary_code() != SQLITE_INTERRUPT && failure.primary_code() != SQLITE_BUSY);
  const auto words = escape_for_terminal(failure.what());  // the schema's names are in it
  const auto said = [&](Errc code, std::string_view advice) {
    return Error{code, fmt::format("{}: {}; {}", file.string(), words, advice)};
  };
  const bool has_no_room =
      failure.system_error == ENOSPC || failure.system_error == EDQUOT || failure.system_error == EFBIG;
  if (failure.primary_code() == SQLITE_FULL || (failure.primary_code() == SQLITE_IOERR && has_no_room))
    return said(Errc::io, tr("free some space there, or raise the quota, and run the same command again"));
  switch (failure.primary_code()) {
    case SQLITE_READONLY:
      // Ours has a write-ahead log and never a journal that opening it would roll back.
      if (failure.code == SQLITE_READONLY_ROLLBACK)
        return not_ours(file, tr("holds an unfinished transaction of another program"));
      [[fallthrough]];
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      if (!is_writing && is_read_only_place(file) && log_bytes(file) > 0) return unreadable_log(file);
      return said(is_writing ? Errc::io : Errc::cannot_create, tr(k_see_to_rights));
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      if (is_writing) return said(Errc::io, tr("it was damaged while it is in use; restore a copy"));
      return damaged(file, words);
    case SQLITE_CONSTRAINT:
      if (is_writing) return said(Errc::io, tr(k_nothing_more));
      [[fallthrough]];
    case SQLITE_ERROR:  // an expression that its values or its schema make impossible
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG: return damaged(file, tr("holds what cardvoid never writes ({})", words));
    case SQLITE_INTERRUPT:
      return {Errc::stopped,
              tr("interrupted while working on {}; nothing of it is kept, nothing was sent", file.string())};
    case SQLITE_BUSY:
      if (gave_up)
        return {Errc::stopped,
                tr("{}: interrupted while waiting for the lock that another program holds; nothing "
                   "was sent",
                   file.string())};
      [[fallthrough]];
    case SQLITE_LOCKED:
      return said(Errc::io,
                  tr("another program holds it locked; close that program and run the same command again"));
    default: return said(Errc::io, tr(k_nothing_more));
  }
}

Ledger::Ledger(std::unique_ptr<State> state) : state_{std::move(state)} {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() {
  if (!state_) return;
  const auto file = state_->file;
  const bool was_writing = state_->is_writing, is_whole = !state_->has_failed;
  state_.reset();
  if (was_writing) keep_mark(file, is_whole);
}

namespace {

Error none_yet(const std::filesystem::path& file) {
  return {Errc::no_input,
          tr("{}: there is no results database yet; `cardvoid plan` creates it", file.string())};
}

// No process can change it or has it open for writing: then it is read without locks and without making
// anything. SQLite makes -shm when it opens the file, and a writer has both.
bool is_at_rest(const std::filesystem::path& real) {
  return is_read_only_place(real) && !sqlite::has_content(real.string() + "-wal") &&
         !sqlite::has_content(real.string() + "-shm");
}

bool may_make(Access access) { return access == Access::create || access == Access::merge; }

// What the files are, before SQLite opens any of them.
Result<Found> look_at_files(const std::filesystem::path& file, const std::filesystem::path& real,
                            Access access) {
  std::error_code error;
  if (!may_make(access) && !std::filesystem::exists(file, error)) return none_yet(file);
  if (access != Access::read_only)
    if (const auto ours = check_rights(file); !ours) return ours.error();
  // The place matters to a reader too: a log that is somewhere else has results that this file lacks.
  const auto place = may_make(access) ? prepare_folder(file) : check_file_system(file);
  if (!place) return place.error();
  if (const auto plain = check_companions(file); !plain) return plain.error();
  if (const auto single = check_links(file); !single && !is_at_rest(real)) return single.error();
  if (std::filesystem::is_directory(real, error)) return not_ours(file, tr("is a folder"));
  if (std::filesystem::exists(real, error) && !std::filesystem::is_regular_file(real, error))
    return not_ours(file, tr("is not a plain file"));  // SQLite would wait for a pipe
  const auto found = sqlite::has_content(real) ? Found::results : Found::nothing;
  // SQLite would delete the log that it finds beside no database (pager.c, pagerOpenWalIfPresent).
  if (found == Found::nothing && sqlite::has_content(real.string() + "-wal"))
    return damaged(file, tr("is empty or gone while its write-ahead log, {}-wal, is not", file.string()));
  return sqlite::is_stillborn(real) ? Found::nothing : found;  // creating it was cut short
}

// Makes a database that was examined ready for writing. Error: it cannot have a write-ahead log, or it has
// changed meanwhile.
Result<void> prepare_to_write(Ledger::State& state, const Examined& examined, const Owner& owner,
                              Access access) {
  if (examined.found == Found::results)
    if (const auto ours = check_shape(state.db, state.file, examined.version); !ours) return ours.error();
  state.db.execute(
      "PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");
  state.db.execute(k_usual_cache);
  if (!turn_on_log(state.db)) return not_ours(state.file, tr("cannot have a write-ahead log where it is"));
  if (examined.found == Found::nothing) {
    create_tables(state.db, owner);
    return {};
  }
  // After a failed sync the log may hold what only the cache remembers (fsync(2)); nothing is built on it.
  if (const int code = state.checkpoint(); code != SQLITE_OK && code != SQLITE_BUSY)
    throw sqlite::Failure{state.db.get()};
  if (examined.version < k_schema_version) migrate(state.db, examined.version);
  // A first import that died has taken one away, and a run asks for it by name; the other one is younger than
  // the version.
  for (const auto& [name, sql] : {std::pair{"row_pending", k_row_pending}, {"row_error", k_row_error}})
    if (ask(state.db, fmt::format("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '{}')", name)) ==
        0)
      state.db.execute(std::string{sql});
  if (access != Access::merge) note_carried_on(state.db);
  return {};
}

}  // namespace

Result<Ledger> Ledger::open(const std::filesystem::path& file, const Owner& owner, Access access,
                            WhenLocked when_locked) {
  return open_for(file, &owner, access, std::move(when_locked));
}

Result<Ledger> Ledger::look_into(const std::filesystem::path& file, WhenLocked when_locked) {
  return open_for(file, nullptr, Access::read_only, std::move(when_locked));
}

Result<Ledger> Ledger::open_for(const std::filesystem::path& file, const Owner* owner, Access access,
                                WhenLocked when_locked) {
  const auto real = real_path(file);
  const auto content = look_at_files(file, real, access);
  if (!content) return content.error();
  const bool is_known = is_untouched(file);
  Examined examined{*content};
  try {
    // First through a connection that cannot change anything, neither by rolling back another program's
    // journal nor by folding its log when it closes.
    std::unique_ptr<State> state;
    if (examined.found == Found::results) {
      const auto mode = access == Access::read_only && is_at_rest(real) ? sqlite::Mode::read_only_alone
                                                                        : sqlite::Mode::read_only;
      state = std::make_unique<State>(real, mode, file, when_locked);
      state->db.keep_log_on_close();
      Result<void> sound;
      const auto looked = state->guarded([&] {
        const auto result = examine(state->db, file, owner);
        if (!result) return void(sound = result.error());
        examined = *result;
        if (examined.found == Found::results && access != Access::read_only)
          sound = check_rows(state->db, file, is_known);
      });
      if (!looked) return looked.error();
      if (!sound) return sound.error();
    }
    if (examined.found == Found::nothing && !may_make(access)) return none_yet(file);
    if (access == Access::read_only) {
      if (examined.version < k_schema_version)
        if (const auto shown = state->guarded([&] { show_as_todays(state->db); }); !shown)
          return shown.error();
      return Ledger{std::move(state)};
    }
    if (examined.found == Found::nothing) make_private_file(file);

    state.reset();
    state = std::make_unique<State>(real, may_make(access) ? sqlite::Mode::create : sqlite::Mode::read_write,
                                    file, std::move(when_locked));
    Result<void> fit;
    const auto prepared = state->guarded([&] { fit = prepare_to_write(*state, examined, *owner, access); });
    if (!prepared) return prepared.error();
    if (!fit) return fit.error();
    state->is_writing = true;
    return Ledger{std::move(state)};
  } catch (const sqlite::Failure& failure) {  // of opening the file itself
    return Error{Errc::cannot_create,
                 fmt::format("{}: {}; {}", file.string(), failure.what(), tr(k_see_to_rights))};
  }
}

Result<void> Ledger::verify() {
  Result<void> sound;
  const auto looked = state_->guarded([&] { sound = check_structure(state_->db, state_->file); });
  return looked ? sound : looked;
}

Result<void> Ledger::checkpoint() {
  return state_->guarded([&] { state_->checkpoint(); });
}

}  // namespace cardvoid::ledger
