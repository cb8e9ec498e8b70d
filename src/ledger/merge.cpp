#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/merge.hpp>
#include <cardvoid/ledger/one_moment.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <deque>
#include <map>
#include <tuple>
#include <utility>

#include "plan_digest.hpp"
#include "schema.hpp"
#include "state.hpp"
#include "table_copy.hpp"

namespace cardvoid::ledger {

namespace {

// A list that a shard has read. Reading the same one again at once brings nothing, and counts as one.
struct List {
  std::string sha256;
  std::int64_t import = 0;    // the last of its readings
  std::int64_t last_row = 0;  // the greatest row that it brought
};

std::vector<List> lists_of(const sqlite::Connection& db) {
  sqlite::Statement s{db, "SELECT coalesce(sha256, ''), id, last_row FROM import ORDER BY id"};
  std::vector<List> lists;
  for (s.bind(); s.step();) {
    List list{std::string{s.text(0)}, s.int64(1), s.int64(2)};
    if (!lists.empty() && !list.sha256.empty() && lists.back().sha256 == list.sha256)
      lists.back() = std::move(list);
    else
      lists.push_back(std::move(list));
  }
  return lists;
}

// One shard, read in the order of its rows, with the requests of each.
class Reader {
 public:
  Reader(Ledger& ledger, const sqlite::Connection& to, int number,
         const std::map<std::int64_t, std::int64_t>& runs)
      : number_{number},
        runs_{runs},
        lists_{lists_of(ledger.state().db)},
        rows_{ledger.state().db, to, "row", fmt::format("WHERE {} ORDER BY id", k_in_plan)},
        attempts_{ledger.state().db, to, "attempt", "ORDER BY row_id, n"} {}

  void begin(std::size_t most_lists) {
    first_list_ = most_lists - lists_.size();  // the newest one is the same in all shards
    next_row();
    has_attempt_ = attempts_.step();
  }
  bool has_row() const { return has_row_; }
  const std::vector<List>& lists() const { return lists_; }
  std::size_t list() const { return first_list_ + list_; }  // that brought the row
  const sqlite::Statement& row() const { return rows_.line(); }
  int number() const { return number_; }
  auto place() const { return std::tuple{list(), row().int64(k_source_line), number_}; }

  // Writes the row and its requests under a new number, and goes on to the next one.
  std::int64_t write(model::RowId id) {
    const auto was = row().int64(0);
    rows_.write({{0, id}});
    std::int64_t attempts = 0;
    for (; has_attempt_ && attempts_.line().int64(0) <= was; has_attempt_ = attempts_.step()) {
      if (attempts_.line().int64(0) < was) continue;  // of a row that does not count
      const auto run = runs_.find(attempts_.line().int64(k_run));
      attempts_.write({{0, id}, {k_run, run == runs_.end() ? 0 : run->second}});
      ++attempts;
    }
    next_row();
    return attempts;
  }

 private:
  static constexpr int k_source_line = 6, k_run = 2;  // columns of row and attempt

  void next_row() {
    has_row_ = rows_.step();
    while (has_row_ && list_ + 1 < lists_.size() && row().int64(0) > lists_[list_].last_row) ++list_;
  }

  int number_;
  const std::map<std::int64_t, std::int64_t>& runs_;
  std::vector<List> lists_;
  TableCopy rows_, attempts_;
  std::size_t list_ = 0, first_list_ = 0;
  bool has_row_ = false, has_attempt_ = false;
};

// Inside one transaction. Throws sqlite::Failure.
class Merging {
 public:
  Merging(std::vector<Ledger>& shards, sqlite::Connection& to)
      : shards_{shards}, to_{to}, runs_(shards.size()), shard_of_{static_cast<int>(shards.size())} {
    for (auto& shard : shards) moments_.emplace_back(shard);
  }

  Result<Merged> all() {
    clear();
    copy_runs();
    if (const auto copied = copy_rows(); !copied) return copied.error();
    to_.execute(std::string{k_row_key});
    for (auto& shard : shards_) {
      copy_corrections(shard.state().db);
      copy_plans(shard.state().db);
      copy_protections(shard.state().db);
    }
    copy_culprits();
    copy_refused();
    copy_imports();
    protect_rows();
    note_facts();
    keep_counts(to_, count_rows(to_));
    return merged_;
  }

 private:
  void clear() {
    to_.execute(
        "DROP INDEX IF EXISTS row_key; DROP INDEX IF EXISTS row_of_brand; DELETE FROM attempt; DELETE FROM "
        "row; "
        "DELETE FROM correction; DELETE FROM protection; DELETE FROM refused_line; DELETE FROM import; "
        "DELETE FROM "
        "shown_plan; DELETE FROM run; DELETE FROM pulse; DELETE FROM wait; DELETE FROM tally");
  }

  // In the order in which they began. None is of the merged plan: last_row 0 asks for a new canary.
  void copy_runs() {
    std::vector<std::tuple<std::int64_t, std::size_t, std::int64_t>> order;  // began, shard, id
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      sqlite::Statement s{shards_[i].state().db, "SELECT started_at, id FROM run"};
      for (s.bind(); s.step();) order.emplace_back(s.int64(0), i, s.int64(1));
    }
    std::sort(order.begin(), order.end());
    for (const auto& [began, shard, id] : order) runs_[shard][id] = ++merged_.runs;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      TableCopy runs{shards_[i].state().db, to_, "run", "ORDER BY id"};
      const auto by_confirm = runs.column("by_confirm"), last_row = runs.column("last_row");
      while (runs.step())
        runs.write({{0, runs_[i].at(runs.line().int64(0))}, {by_confirm, 0}, {last_row, 0}});
      TableCopy waits{shards_[i].state().db, to_, "wait", "ORDER BY run_id"};
      while (waits.step())
        if (const auto run = runs_[i].find(waits.line().int64(0)); run != runs_[i].end())
          waits.write({{0, run->second}});
    }
  }

  // In the order of the lists: as rows of one machine would stand.
  Result<void> copy_rows() {
    for (std::size_t i = 0; i < shards_.size(); ++i)
      readers_.emplace_back(shards_[i], to_, static_cast<int>(i) + 1, runs_[i]);
    std::size_t most_lists = 0;
    for (const auto& reader : readers_) most_lists = std::max(most_lists, reader.lists().size());
    last_rows_.assign(most_lists, 0);
    for (auto& reader : readers_) reader.begin(most_lists);
    for (;;) {
      Reader* next = nullptr;
      for (auto& reader : readers_)
        if (reader.has_row() && (!next || reader.place() < next->place())) next = &reader;
      if (!next) break;
      if (const auto owned = check_owner(next->row(), next->number()); !owned) return owned;
      ++merged_.rows;
      for (auto list = next->list(); list < most_lists; ++list) last_rows_[list] = merged_.rows;
      merged_.attempts += next->write(merged_.rows);
    }
    return {};
  }

  // The same card in two shards would be two rows.
  Result<void> check_owner(const sqlite::Statement& row, int number) {
    const auto owner = shard_of_(row.text(1), row.text(2), row.text(3));
    if (owner == number) return {};
    const auto count = static_cast<int>(shards_.size());
    return Error{
        Errc::cannot_create,
        tr("{}: holds a card of shard {} (line {} of the list), and is shard {}; somebody has changed it; "
           "nothing was merged",
           shards_[static_cast<std::size_t>(number - 1)].state().file.string(),
           model::to_text({owner, count}), row.int64(6), model::to_text({number, count}))};
  }

  // The row of a shard, under its new number; 0: there is none.
  std::int64_t row_now(const sqlite::Connection& from, std::int64_t id) {
    sqlite::Statement key{from, "SELECT brand_id, card_id, code FROM row WHERE id = ?1"};
    if (!key.bind(id).step()) return 0;
    sqlite::Statement now{to_, "SELECT id FROM row WHERE brand_id = ?1 AND card_id = ?2 AND code = ?3"};
    return now.bind(key.text(0), key.text(1), key.text(2)).step() ? now.int64(0) : 0;
  }

  void copy_corrections(const sqlite::Connection& from) {
    TableCopy corrections{from, to_, "correction", "ORDER BY id"};
    while (corrections.step())
      if (const auto row = row_now(from, corrections.line().int64(1)); row != 0)
        corrections.write({{0, ++corrections_}, {1, row}});
  }

  // Who agreed to what, and when. Which rows those were is of no use here.
  void copy_plans(const sqlite::Connection& from) {
    const RoomForRanges room_to_read{from}, room{to_};
    TableCopy plans{from, to_, "shown_plan", "ORDER BY id"};
    const auto last_row = plans.column("last_row"), last_correction = plans.column("last_correction");
    while (plans.step())
      plans.write_numbered({{0, ++plans_}, {last_row, 0}, {last_correction, 0}}, plans.column("row_ids"),
                           k_unlisted);
  }

  // The same word in several shards is one.
  void copy_protections(const sqlite::Connection& from) {
    sqlite::Statement s{
        from,
        "SELECT code, openid, note, added_by, added_at, removed_by, removed_at FROM protection ORDER "
        "BY id"};
    sqlite::Statement add{to_,
                          "INSERT INTO protection (code, openid, note, added_by, added_at, removed_by, "
                          "removed_at) SELECT ?1, ?2, ?3, "
                          "?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM protection WHERE code IS ?1 AND "
                          "openid IS ?2 AND note = ?3 "
                          "AND added_by = ?4 AND added_at = ?5 AND removed_at IS ?7)"};
    for (s.bind(); s.step();) {
      add.reset();
      for (int i = 0; i < 7; ++i) add.bind_column(i + 1, s, i);
      add.run();
    }
  }

  // What protects a card in one shard protects it, no matter whose it is.
  void protect_rows() {
    for (const std::string_view column : {"code", "openid"})
      to_.execute(fmt::format(
          "UPDATE row SET protected = 1 WHERE NOT protected AND {0} IN (SELECT {0} FROM protection "
          "WHERE removed_at IS NULL AND {0} IS NOT NULL)",
          column));
  }

  void copy_culprits() {
    sqlite::Statement set{to_, "UPDATE run SET culprits = ?2 WHERE id = ?1"};
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      const auto& from = shards_[i].state().db;
      sqlite::Statement s{from, "SELECT id, culprits FROM run WHERE culprits IS NOT NULL"};
      for (s.bind(); s.step();) {
        std::vector<std::int64_t> rows;
        const auto culprits = boost::json::parse(culprits_in(s, 1));
        for (const auto& id : culprits.as_array())
          if (const auto row = row_now(from, id.to_number<std::int64_t>()); row != 0) rows.push_back(row);
        set.bind(runs_[i].at(s.int64(0)), fmt::format("[{}]", fmt::join(rows, ","))).run();
      }
    }
  }

  void copy_refused() {
    to_.execute(
        "DROP TABLE IF EXISTS temp.refusing; CREATE TEMP TABLE refusing (line INTEGER, cause TEXT, raw TEXT) "
        "STRICT");
    {
      sqlite::Statement add{to_, "INSERT INTO temp.refusing VALUES (?1, ?2, ?3)"};
      for (auto& shard : shards_) {
        sqlite::Statement s{shard.state().db, "SELECT source_line, cause, raw FROM refused"};
        for (s.bind(); s.step(); ++merged_.refused) add.bind(s.int64(0), s.text(1), s.text(2)).run();
      }
    }
    to_.execute(
        "INSERT INTO refused_line (source_line, cause, raw) SELECT line, cause, raw FROM temp.refusing ORDER "
        "BY line, "
        "rowid; DROP TABLE temp.refusing");
  }

  // The sum of what the shards have read of each list; the newest one is the last one of each shard.
  void copy_imports() {
    constexpr std::string_view k_sums[] = {"lines",    "added",     "known",    "duplicates",
                                           "refused",  "conflicts", "vanished", "vanished_to_send",
                                           "elsewhere"};
    for (std::size_t list = 0; list < last_rows_.size(); ++list) {
      bool is_there = false;
      for (std::size_t i = 0; i < shards_.size(); ++i) {
        const auto& lists = readers_[i].lists();
        const auto missing = last_rows_.size() - lists.size();
        if (list < missing) continue;
        const auto id = static_cast<std::int64_t>(list) + 1;
        TableCopy import{shards_[i].state().db, to_, "import",
                         fmt::format("WHERE id = {}", lists[list - missing].import)};
        if (!import.step()) continue;
        if (!std::exchange(is_there, true)) {
          import.write({{0, id},
                        {import.column("last_row"), last_rows_[list]},
                        { import.column("last_refused"),
                          0 }});
          continue;
        }
        for (const auto column : k_sums)
          sqlite::Statement{to_, fmt::format("UPDATE import SET {0} = {0} + ?2 WHERE id = ?1", column)}
              .bind(id, import.line().int64(import.column(column)))
              .run();
        sqlite::Statement{
            to_,
            "UPDATE import SET started_at = min(started_at, ?2), finished_at = max(finished_at, ?3) WHERE "
            "id = ?1"}
            .bind(id, import.line().int64(import.column("started_at")),
                  import.line().int64(import.column("finished_at")))
            .run();
      }
    }
    to_.execute(
        "UPDATE import SET recipe = NULL, remarks = NULL, elsewhere = 0; UPDATE import SET last_refused = "
        "(SELECT "
        "coalesce(max(id), 0) FROM refused_line) WHERE id = (SELECT max(id) FROM import)");
  }

  void note_facts() {
    sqlite::Statement note{to_, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)"};
    note.bind("merged", std::to_string(shards_.size())).run();
    for (auto& shard : shards_) {
      sqlite::Statement signer{shard.state().db, "SELECT value FROM main.meta WHERE key = 'signer'"};
      if (signer.bind().step()) note.bind("signer", signer.text(0)).run();
    }
  }

  std::vector<Ledger>& shards_;
  sqlite::Connection& to_;
  std::vector<std::map<std::int64_t, std::int64_t>> runs_;  // of each shard: its number there and here
  model::ShardOf shard_of_;
  std::deque<OneMoment> moments_;
  std::deque<Reader> readers_;
  std::vector<std::int64_t> last_rows_;  // of each list, the greatest row here
  std::int64_t corrections_ = 0, plans_ = 0;
  Merged merged_;
};

// Nothing is lost when it is replaced: it is new, or what `merge` made.
Result<void> check_replaceable(const std::filesystem::path& output) {
  if (!sqlite::has_content(output)) return {};
  auto there = Ledger::look_into(output);
  if (!there) return there.error();
  const auto is_replaceable = there->state().guarded([&] {
    return ask(there->state().db,
               "SELECT EXISTS (SELECT 1 FROM main.meta WHERE key = 'merged' AND value <> 'carried on') OR "
               "NOT EXISTS "
               "(SELECT 1 FROM import UNION ALL SELECT 1 FROM run UNION ALL SELECT 1 FROM protection)") != 0;
  });
  if (!is_replaceable) return is_replaceable.error();
  if (*is_replaceable) return {};
  return Error{
      Errc::cannot_create,
      tr("{}: has results of its own: it was not made by `cardvoid merge`, or another command wrote to it "
         "since; it is left as it is; name another file with -o",
         output.string())};
}

// Results are not taken back by older copies, and a run that has begun since would go on behind them.
Result<void> check_end(const Shards& shards, const std::filesystem::path& output, std::int64_t before,
                       std::int64_t after) {
  for (const auto& file : shards.files())
    if (const auto idle = check_idle(file); !idle) return idle;
  if (after >= before) return {};
  return Error{
      Errc::cannot_create,
      tr("{}: has {} requests, and these shards have {} together: they are older copies; it is left as "
         "it is; merge the newest ones, or name another file with -o",
         output.string(), grouped(before), grouped(after))};
}

}  // namespace

Result<Merged> merge(Shards& shards, const std::filesystem::path& output, const Lock& lock,
                     const WhenLocked& when_locked) {
  if (const auto allowed = check_replaceable(output); !allowed) return allowed.error();
  auto ledger = Ledger::open(output, shards.job(), Access::merge, when_locked);
  if (!ledger) return ledger.error();
  if (const auto same = lock.check(output); !same) return same.error();
  auto& state = ledger->state();
  std::optional<Result<Merged>> merged;
  const auto done = state.guarded([&] {
    state.db.execute("PRAGMA temp.cache_size = -8192");
    sqlite::Transaction transaction{state.db};
    const auto before = ask(state.db, "SELECT count(*) FROM attempt");
    merged = Merging{shards.ledgers(), state.db}.all();
    if (!*merged) return;
    if (const auto right = check_end(shards, output, before, (*merged)->attempts); !right)
      merged = right.error();
    else
      transaction.commit();
  });
  if (!done) return done.error();
  if (!*merged) return merged->error();
  if (const auto folded = ledger->checkpoint(); !folded) return folded.error();
  return **merged;
}

}  // namespace cardvoid::ledger
