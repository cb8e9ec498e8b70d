#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/siblings.hpp>
#include <cardvoid/model/shard.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <optional>
#include <system_error>

#include "schema.hpp"
#include "state.hpp"

namespace cardvoid::ledger {

namespace {

// One that this database knows too was merged into it.
struct Run {
  std::int64_t started_at = 0, pid = 0;
  std::string host;
};

// Its last one of its own: what `merge` made, and no other command has written to, has only those of its
// shards.
std::optional<Run> last_run(const sqlite::Connection& db) {
  sqlite::Statement s{
      db,
      "SELECT started_at, pid, host FROM run WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = "
      "'merged' AND value <> 'carried on') ORDER BY id DESC LIMIT 1"};
  if (!s.bind().step()) return std::nullopt;
  return Run{s.int64(0), s.int64(1), std::string{s.text(2)}};
}

bool is_of_job(const sqlite::Connection& db, const std::string& job) {
  sqlite::Statement s{db, "SELECT 1 FROM meta WHERE key = 'job' AND value = ?1"};
  return s.bind(job).step();
}

// Its own last run, if it is of this job.
Result<std::optional<Run>> last_run_in(const std::filesystem::path& sibling, const std::string& job) {
  if (!sqlite::has_content(sibling)) return std::optional<Run>{};
  auto there = Ledger::look_into(sibling);
  if (!there) return there.error();
  return there->state().guarded([&] {
    const auto& db = there->state().db;
    return is_of_job(db, job) ? last_run(db) : std::nullopt;
  });
}

Result<bool> knows(const std::filesystem::path& database, const Run& run) {
  if (!sqlite::has_content(database)) return false;
  auto ours = Ledger::look_into(database);
  if (!ours) return ours.error();
  return ours->state().guarded([&] {
    sqlite::Statement s{ours->state().db,
                        "SELECT 1 FROM run WHERE started_at = ?1 AND pid = ?2 AND host = ?3"};
    return s.bind(run.started_at, run.pid, run.host).step();
  });
}

Error sent_elsewhere(const std::filesystem::path& sibling, const std::optional<model::Shard>& theirs,
                     const std::filesystem::path& database, const std::optional<model::Shard>& ours) {
  const auto file = sibling.string();
  if (!theirs)
    return {Errc::cannot_create,
            tr("{}: the whole job has run, and shard {} would send its cards again; nothing was "
               "sent; carry on without --shard",
               file, model::to_text(*ours))};
  const auto shard = model::to_text(*theirs);
  if (!ours)
    return {Errc::cannot_create,
            tr("{}: shard {} of this job has run, and a run of the whole job would send its cards "
               "again; nothing was sent; carry on with --shard, or merge all shards first: cardvoid merge -o "
               "{} SHARD.db…",
               file, shard, database.string())};
  return {Errc::cannot_create,
          tr("{}: shard {} of this job has run, and shard {} would send some of its cards again; "
             "nothing was sent; carry on with {} shards",
             file, shard, model::to_text(*ours), theirs->count)};
}

}  // namespace

Result<void> check_siblings(const std::filesystem::path& database, const Owner& owner) {
  const auto ours = owner.shard;
  const auto whole = model::without_shard(database).first.filename();
  const auto folder = database.parent_path().empty() ? std::filesystem::path{"."} : database.parent_path();
  std::error_code failed;
  for (std::filesystem::directory_iterator entry{folder, failed}, end; !failed && entry != end;
       entry.increment(failed)) {
    const auto [name, theirs] = model::without_shard(entry->path());
    if (name.filename() != whole || theirs == ours) continue;
    if (theirs && ours && theirs->count == ours->count) continue;
    const auto run = last_run_in(entry->path(), owner.job);
    if (!run) return with_context(run.error(), tr("results of another part of this job"));
    if (!*run) continue;
    const auto is_known = knows(database, **run);
    if (!is_known) return is_known.error();
    if (!*is_known) return sent_elsewhere(entry->path(), theirs, database, ours);
  }
  if (!failed || failed == std::errc::no_such_file_or_directory) return {};
  return Error{Errc::cannot_create,
               tr("{}: its folder cannot be listed: {}", database.string(), system_words(failed.value()))};
}

}  // namespace cardvoid::ledger
