#include <fmt/format.h>

#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/ledger/forget.hpp>
#include <string>

#include "keyed_hash.hpp"
#include "state.hpp"
#include "unchanged.hpp"

namespace cardvoid::ledger {

namespace {

// When a `row` was settled; NULL: it is open. Of an acceptance, when a person settled it.
const std::string k_settled_at = fmt::format(
    "CASE WHEN {} THEN max(accepted_at, coalesce(finished_at, 0)) WHEN status = 'invalidated' OR status = "
    "'rejected' THEN finished_at END",
    k_is_accepted);

// What protects a row must go on naming it, so it keeps its code.
const std::string k_is_forgettable = fmt::format(
    "(forgotten_at IS NULL AND NOT protected AND {} AND coalesce({} < ?1, FALSE))", k_in_plan, k_settled_at);

// SQL: keyed_hash(code).
void add_keyed_hash(const sqlite::Connection& db) {
  const auto hash_code = [](sqlite3_context* context, int, sqlite3_value** values) {
    auto& hash = *static_cast<KeyedHash*>(sqlite3_user_data(context));
    try {
      const auto* bytes = static_cast<const char*>(sqlite3_value_blob(values[0]));
      const auto text =
          hash.of({bytes ? bytes : "", static_cast<std::size_t>(sqlite3_value_bytes(values[0]))});
      sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    } catch (const std::exception&) {  // SQLite's own frames must not be unwound
      sqlite3_result_error_nomem(context);
    }
  };
  const auto free_hash = [](void* hash) { delete static_cast<KeyedHash*>(hash); };
  if (sqlite3_create_function_v2(db.get(), "keyed_hash", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                 new KeyedHash{KeyedHash::make(db)}, hash_code, nullptr, nullptr, free_hash))
    throw sqlite::Failure{db.get()};
}

Forgotten count_rows(const sqlite::Connection& db, WallTime settled_before) {
  sqlite::Statement s{
      db, fmt::format(
              "SELECT count(*) FILTER (WHERE {f} AND status = 'invalidated'), count(*) FILTER (WHERE {f} AND "
              "status = 'rejected' AND NOT {accepted}), count(*) FILTER (WHERE {f} AND {accepted}), count(*) "
              "FILTER (WHERE forgotten_at IS NOT NULL), count(*) FILTER (WHERE forgotten_at IS NULL AND NOT "
              "protected AND {settled} >= ?1), count(*) FILTER (WHERE {settled} IS NULL), count(*) FILTER "
              "(WHERE forgotten_at IS NULL AND protected AND {settled} IS NOT NULL), (SELECT count(*) FROM "
              "refused_line WHERE raw <> '') FROM row WHERE {plan}",
              fmt::arg("f", k_is_forgettable), fmt::arg("accepted", k_is_accepted),
              fmt::arg("settled", k_settled_at), fmt::arg("plan", k_in_plan))};
  s.bind(to_ms(settled_before));
  s.step();
  Forgotten counts;
  std::int64_t* const numbers[] = {&counts.invalidated,  &counts.rejected,     &counts.accepted,
                                   &counts.before,       &counts.younger,      &counts.open,
                                   &counts.is_protected, &counts.refused_lines};
  for (int column = 0; auto* number : numbers) *number = s.int64(column++);
  s.reset();
  return counts;
}

// Forgotten rows stay what they are, so no other command changes their number.
void keep_count(const sqlite::Connection& db, std::int64_t rows) {
  sqlite::Statement{db, "INSERT OR REPLACE INTO main.meta VALUES ('forgotten', ?1)"}
      .bind(std::to_string(rows))
      .run();
}

// Those of temp.forgetting: what else the database has of them.
void remove_traces(sqlite::Connection& db, WallTime settled_before) {
  // Lines of the latest list may name them again; the next import writes those of its list.
  db.execute(
      "UPDATE correction SET openid = '', reason = '' WHERE row_id IN (SELECT id FROM temp.forgetting); "
      "UPDATE refused_line SET raw = '' WHERE raw <> ''");
  // An entry that was taken back protects no one. One that holds has marked its rows, and those stay.
  sqlite::Statement{
      db,
      "UPDATE protection SET code = iif(code IS NULL, NULL, keyed_hash(code)), openid = "
      "iif(openid IS NULL, NULL, '') WHERE removed_at IS NOT NULL AND length(coalesce(code, '')) "
      "< 64 AND (removed_at < ?1 OR code IN (SELECT code FROM main.row WHERE id IN (SELECT id "
      "FROM temp.forgetting)) OR openid IN (SELECT openid FROM main.row WHERE id IN (SELECT id "
      "FROM temp.forgetting)))"}
      .bind(to_ms(settled_before))
      .run();
}

}  // namespace

Result<std::int64_t> count_forgotten(Ledger& ledger) {
  return ledger.state().guarded([&] {
    const auto& db = ledger.state().db;
    sqlite::Statement kept{db, "SELECT CAST(value AS INTEGER) FROM main.meta WHERE key = 'forgotten'"};
    kept.bind();
    if (kept.step()) return number_in(kept, 0);
    return KeyedHash::find(db) ? ask(db, "SELECT count(*) FROM row WHERE forgotten_at IS NOT NULL") : 0;
  });
}

Result<Forgotten> count_forgettable(Ledger& ledger, WallTime settled_before) {
  return ledger.state().guarded([&] { return count_rows(ledger.state().db, settled_before); });
}

Result<Forgotten> forget(Ledger& ledger, WallTime settled_before, WallTime now) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    db.execute(
        "PRAGMA secure_delete = ON; PRAGMA temp.cache_size = -8192; DROP TABLE IF EXISTS temp.forgetting; "
        "CREATE TEMP TABLE forgetting (id INTEGER PRIMARY KEY) STRICT");
    sqlite::Transaction transaction{db};
    const auto counts = count_rows(db, settled_before);
    add_keyed_hash(db);
    sqlite::Statement{
        db, fmt::format("INSERT INTO temp.forgetting SELECT id FROM main.row WHERE {}", k_is_forgettable)}
        .bind(to_ms(settled_before))
        .run();
    remove_traces(db, settled_before);
    sqlite::Statement{
        db,
        "UPDATE main.row SET code = keyed_hash(code), openid = '', reason = '', error_message = "
        "NULL, forgotten_at = ?1 WHERE id IN (SELECT id FROM temp.forgetting)"}
        .bind(to_ms(now))
        .run();
    if (db.changes() != counts.rows()) refuse_value("rows that change while they are counted");
    db.execute("DROP TABLE temp.forgetting");
    keep_count(db, counts.before + counts.rows());
    forget_recipe(db);  // the next import writes the lines that it refuses
    transaction.commit();
    return counts;
  });
}

Result<void> wipe_remains(Ledger& ledger) {
  auto& state = ledger.state();
  const auto wiped = state.guarded([&] {
    const RoomForRanges room{state.db};
    state.db.execute("VACUUM");
    state.checkpoint();
  });
  if (!wiped) return wiped.error();
  if (log_bytes(state.file) == 0) return {};
  return Error{Errc::stopped,
               tr("{0}: another program reads the results, so what was forgotten is still in {0}-wal; "
                  "close that program and run the same command again",
                  state.file.string())};
}

}  // namespace cardvoid::ledger
