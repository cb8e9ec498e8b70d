#include "schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "state.hpp"

namespace cardvoid::ledger {

extern const std::string_view k_results_sql;

// Long: one entry for each version.
const std::vector<Migration>& migrations() {
  static const std::vector<Migration> all{
      // 1 to 2: the reason `throttled` in reasons_to_wait says it.
      {"ALTER TABLE pulse DROP COLUMN paused_by_429", {"pulse.paused_by_429 INTEGER NOT NULL"}, {}},
      // 2 to 3: what the list no longer has is held back, from the next import on; people settle and protect
      // rows. A conflict that is not 0 or 1 is of an import that died.
      {"ALTER TABLE row ADD COLUMN absent INTEGER NOT NULL DEFAULT 0; "
       "ALTER TABLE row ADD COLUMN strange INTEGER NOT NULL DEFAULT 0; "
       "ALTER TABLE row ADD COLUMN answer_signed INTEGER; "
       "ALTER TABLE row ADD COLUMN retried_at INTEGER; "
       "ALTER TABLE row ADD COLUMN accepted_at INTEGER; "
       "ALTER TABLE row ADD COLUMN accepted_by TEXT; "
       "ALTER TABLE row ADD COLUMN accepted_note TEXT; "
       "UPDATE row SET absent = 2 WHERE id IN (SELECT row_id FROM missing); "
       "UPDATE row SET conflict = 1 WHERE conflict < 0; "
       "DROP TABLE missing; "
       "CREATE TABLE correction (id INTEGER PRIMARY KEY, row_id INTEGER NOT NULL REFERENCES row (id), "
       "openid TEXT NOT NULL, reason TEXT NOT NULL, made_at INTEGER NOT NULL) STRICT; "
       "CREATE TABLE protection (id INTEGER PRIMARY KEY, code TEXT, openid TEXT, note TEXT NOT NULL, "
       "added_by TEXT NOT NULL, added_at INTEGER NOT NULL, removed_by TEXT, removed_at INTEGER, "
       "CHECK ((code IS NULL) <> (openid IS NULL)), "
       "CHECK ((removed_by IS NULL) = (removed_at IS NULL))) STRICT; "
       "ALTER TABLE shown_plan ADD COLUMN last_correction INTEGER NOT NULL DEFAULT 0; "
       "ALTER TABLE shown_plan ADD COLUMN confirmed_at INTEGER; "
       "ALTER TABLE run ADD COLUMN user TEXT; "
       "ALTER TABLE run ADD COLUMN other_brand INTEGER NOT NULL DEFAULT 0; "
       "ALTER TABLE pulse ADD COLUMN canary_already INTEGER NOT NULL DEFAULT 0",
       {"missing.row_id INTEGER PRIMARY KEY REFERENCES row (id)"},
       {"row.absent",
        "row.strange",
        "row.answer_signed",
        "row.retried_at",
        "row.accepted_at",
        "row.accepted_by",
        "row.accepted_note",
        "correction.id",
        "correction.row_id",
        "correction.openid",
        "correction.reason",
        "correction.made_at",
        "protection.id",
        "protection.code",
        "protection.openid",
        "protection.note",
        "protection.added_by",
        "protection.added_at",
        "protection.removed_by",
        "protection.removed_at",
        "shown_plan.last_correction",
        "shown_plan.confirmed_at",
        "run.user",
        "run.other_brand",
        "pulse.canary_already"}},
      // 3 to 4: which file a list was, who planned and who agreed and how, who put rows back, and what held
      // runs up.
      {"ALTER TABLE import ADD COLUMN file TEXT; "
       "ALTER TABLE import ADD COLUMN file_time INTEGER; "
       "ALTER TABLE import ADD COLUMN sha256 TEXT; "
       "ALTER TABLE import ADD COLUMN read_by TEXT; "
       "ALTER TABLE shown_plan ADD COLUMN made_by TEXT; "
       "ALTER TABLE shown_plan ADD COLUMN confirmed_by TEXT; "
       "ALTER TABLE run ADD COLUMN requests_per_second REAL; "
       "ALTER TABLE run ADD COLUMN consent TEXT; "
       "ALTER TABLE row ADD COLUMN retried_by TEXT; "
       "CREATE TABLE wait (run_id INTEGER NOT NULL, kind TEXT NOT NULL, since INTEGER NOT NULL, "
       "until INTEGER NOT NULL, words TEXT NOT NULL, allowed_rate REAL NOT NULL, "
       "PRIMARY KEY (run_id, kind, since)) STRICT, WITHOUT ROWID",
       {},
       {"import.file", "import.file_time", "import.sha256", "import.read_by", "shown_plan.made_by",
        "shown_plan.confirmed_by", "run.requests_per_second", "run.consent", "row.retried_by", "wait.run_id",
        "wait.kind", "wait.since", "wait.until", "wait.words", "wait.allowed_rate"}},
      // 4 to 5: personal data of settled rows can be forgotten; a run begins without a look at every row.
      {"ALTER TABLE row ADD COLUMN forgotten_at INTEGER; "
       "ALTER TABLE import ADD COLUMN recipe TEXT; "
       "ALTER TABLE import ADD COLUMN remarks TEXT; "
       "CREATE INDEX row_pending ON row (id) WHERE status = 'pending'; "
       "CREATE INDEX row_in_doubt ON row (id) WHERE status = 'in_flight' OR status = 'unresolved'; "
       "CREATE TABLE tally (status TEXT NOT NULL, held INTEGER NOT NULL, conflict INTEGER NOT NULL, absent "
       "INTEGER NOT "
       "NULL, protected INTEGER NOT NULL, settled_by TEXT NOT NULL, is_unsigned INTEGER NOT NULL, accepted "
       "INTEGER NOT "
       "NULL, rows INTEGER NOT NULL, PRIMARY KEY (status, held, conflict, absent, protected, settled_by, "
       "is_unsigned, "
       "accepted)) STRICT, WITHOUT ROWID",
       {},
       {"row.forgotten_at", "import.recipe", "import.remarks", "tally.status", "tally.held", "tally.conflict",
        "tally.absent", "tally.protected", "tally.settled_by", "tally.is_unsigned", "tally.accepted",
        "tally.rows"}},
      // 5 to 6: a database may be of one shard of the job.
      {"ALTER TABLE import ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0", {}, {"import.elsewhere"}},
  };
  return all;
}

sqlite::Connection todays_schema() {
  sqlite::Connection fresh{":memory:", sqlite::Mode::read_write};
  fresh.execute(std::string{k_results_sql});
  return fresh;
}

namespace {

// The names of the tables or views, and how each is made.
std::vector<std::pair<std::string, std::string>> statements_of(const sqlite::Connection& db,
                                                               std::string_view type) {
  sqlite::Statement s{db, "SELECT name, sql FROM sqlite_schema WHERE type = ?1 ORDER BY name"};
  std::vector<std::pair<std::string, std::string>> found;
  for (s.bind(type); s.step();) found.emplace_back(s.text(0), s.text(1));
  return found;
}

// The same statement for the temporary database.
std::string as_temporary(std::string sql) { return sql.replace(0, 6, "CREATE TEMP"); }

bool has_table(const sqlite::Connection& db, const std::string& name) {
  sqlite::Statement s{db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1"};
  return s.bind(name).step();
}

// A table of an older database with the columns that it has today.
std::string view_of_table(const sqlite::Connection& fresh, const sqlite::Connection& db,
                          const std::string& table) {
  sqlite::Statement todays{fresh, "SELECT name, coalesce(dflt_value, 'NULL') FROM pragma_table_info(?1)"};
  sqlite::Statement is_there{db, "SELECT 1 FROM pragma_table_info(?1, 'main') WHERE name = ?2"};
  std::string columns;
  for (todays.bind(table); todays.step();) {
    const bool has_it = is_there.bind(table, todays.text(0)).step();
    is_there.reset();
    columns += fmt::format("{}{} AS \"{}\"", columns.empty() ? "" : ", ",
                           has_it ? fmt::format("\"{}\"", todays.text(0)) : std::string{todays.text(1)},
                           todays.text(0));
  }
  return fmt::format("CREATE TEMP VIEW \"{0}\" AS SELECT {1} FROM main.\"{0}\"", table, columns);
}

}  // namespace

std::vector<std::string> columns_of(const sqlite::Connection& db) {
  sqlite::Statement columns{
      db,
      "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = "
      "'table' "
      "AND t.name IN ('meta', 'row', 'attempt', 'missing', 'correction', 'protection', 'refused_line', "
      "'import', "
      "'shown_plan', 'run', 'pulse', 'wait', 'tally') ORDER BY 1"};
  std::vector<std::string> found;
  for (columns.bind(); columns.step();) found.emplace_back(columns.text(0));
  return found;
}

std::vector<std::string> columns_of_version(std::int64_t version) {
  static const auto todays = columns_of(todays_schema());
  auto columns = todays;
  for (auto later = k_schema_version; later > version; --later) {
    const auto& migration = migrations().at(static_cast<std::size_t>(later - 2));
    for (const auto& added : migration.added) std::erase(columns, added);
    for (const auto& dropped : migration.dropped) columns.push_back(dropped.substr(0, dropped.find(' ')));
  }
  std::sort(columns.begin(), columns.end());
  return columns;
}

void create_tables(sqlite::Connection& db, const Owner& owner) {
  sqlite::Transaction transaction{db};
  db.execute(std::string{k_results_sql});
  sqlite::Statement fact{db, "INSERT INTO meta VALUES (?1, ?2)"};
  fact.bind("job", owner.job).run();
  if (owner.shard) fact.bind("shard", model::to_text(*owner.shard)).run();
  transaction.commit();
}

std::optional<model::Shard> shard_in(const sqlite::Connection& db) {
  sqlite::Statement s{db, "SELECT value FROM main.meta WHERE key = 'shard'"};
  if (!s.bind().step()) return std::nullopt;
  const auto shard = model::shard_from_text(s.text(0));
  if (!shard) refuse_value("a shard that is none");
  return shard;
}

void note_carried_on(sqlite::Connection& db) {
  if (ask(db, "SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'merged' AND value <> 'carried on')"))
    db.execute("UPDATE meta SET value = 'carried on' WHERE key = 'merged'");
}

void migrate(sqlite::Connection& db, std::int64_t from_version) {
  sqlite::Transaction transaction{db};
  for (const auto& [view, sql] : statements_of(db, "view")) db.execute(fmt::format("DROP VIEW \"{}\"", view));
  for (auto version = from_version; version < k_schema_version; ++version)
    db.execute(std::string{migrations().at(static_cast<std::size_t>(version - 1)).sql});
  for (const auto& [view, sql] : statements_of(todays_schema(), "view")) db.execute(sql);
  db.execute(fmt::format("PRAGMA user_version = {}", k_schema_version));
  transaction.commit();
}

void show_as_todays(sqlite::Connection& db) {
  const auto fresh = todays_schema();
  for (const auto& [table, sql] : statements_of(fresh, "table"))
    db.execute(has_table(db, table) ? view_of_table(fresh, db, table) : as_temporary(sql));
  for (const auto& [view, sql] : statements_of(fresh, "view")) db.execute(as_temporary(sql));
}

}  // namespace cardvoid::ledger
