// A sound results database that somebody has changed by SQL.

#include <cardvoid/base/file.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/sqlite/connection.hpp>

#include "fuzz/reading_results.hpp"
#include "fuzz/target.hpp"

namespace cardvoid::fuzz::results_by_sql {

namespace {

constexpr int k_most_steps = 20'000;  // of one change, in SQLite's own machine

// Three rows, a refused line, a run with an attempt, in one small file.
constexpr const char* k_history =
    "INSERT INTO run (id, command, started_at, host, pid, version, acknowledge, fingerprint, by_confirm, "
    "last_row) "
    "VALUES (1, 'run', 1, 'h', 1, '1', 'a', 'f', 0, 3);"
    "INSERT INTO attempt (row_id, n, run_id, kind, endpoint, started_at) "
    "VALUES (1, 1, 1, 'invalidate', 'primary', 5);"
    "UPDATE row SET status = 'in_flight' WHERE id = 1;";

void change(const std::filesystem::path& file, const char* sql) {
  const sqlite::Connection db{file, sqlite::Mode::read_write};
  (void)sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr);  // what fails changes nothing
}

// No statement may write to another file, or take for ever.
int forbid_attach(void* /*unused*/, int action, const char* /*unused*/, const char* /*unused*/,
                  const char* /*unused*/, const char* /*unused*/) {
  return action == SQLITE_ATTACH ? SQLITE_DENY : SQLITE_OK;
}

void change_as_told(const std::filesystem::path& file, const char* sql) {
  const sqlite::Connection db{file, sqlite::Mode::read_write};
  sqlite3_limit(db.get(), SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db.get(), SQLITE_LIMIT_LENGTH, 1 << 20);
  sqlite3_set_authorizer(db.get(), forbid_attach, nullptr);
  sqlite3_progress_handler(
      db.get(), k_most_steps, [](void*) { return 1; }, nullptr);
  (void)sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr);
}

std::string make_sound(const std::filesystem::path& file) {
  {
    auto ledger = ledger::Ledger::open(file, "gold", ledger::Access::create);
    require(ledger.has_value(), "the fuzzer can make a database");
    auto import = ledger::Import::begin(*ledger, WallTime{std::chrono::seconds{1'700'000'000}},
                                        [](const model::Card& card, bool) { return card.code; });
    for (const auto* code : {"0001", "0002", "0003"})
      (void)import->add({{"1004", "pbLatj", code, std::string{"o"} + code, "over"}, 2});
    (void)import->refuse(5, "code: empty", ",o5");
    require(import->finish("CSV", WallTime{std::chrono::seconds{1'700'000'001}}).has_value(), "it imports");
    change(file, k_history);
    require(ledger->checkpoint().has_value(), "it folds the log");
  }
  change(file, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM;");
  return *read_file(file, 1 << 20, Errc::io);
}

}  // namespace

FUZZ_TARGET(results_values, "a results database with absurd values is read or refused") {
  static const Folder folder;
  static const auto file = folder / "gold.db";
  static const auto sound = make_sound(file);
  std::error_code ignored;
  for (const auto* beside : {"gold.db-wal", "gold.db-shm", "gold.db-journal"})
    std::filesystem::remove(folder / beside, ignored);
  write(file, sound);
  change_as_told(file, std::string{bytes}.c_str());
  read_results(file);
}

}  // namespace cardvoid::fuzz::results_by_sql
