#include <fmt/format.h>
#include <cardvoid/ledger/plan.hpp>

#include <utility>

#include "state.hpp"

// Rows that must never be sent. What names them, the job's list and what the command `protect` has recorded,
// is in a temporary table, which SQLite keeps in a file: memory grows neither with the list nor with the
// rows. Read again for every import, since lists change.
namespace cardvoid::ledger {

namespace {

constexpr const char* k_create_table =
    "PRAGMA temp.cache_size = -8192; DROP TABLE IF EXISTS temp.protected_by; "
    "CREATE TEMP TABLE protected_by (key_column INTEGER, key TEXT, code TEXT, openid TEXT, card_id "
    "TEXT, "
    "brand_id TEXT, n INTEGER, source_line INTEGER, "
    "PRIMARY KEY (key_column, key, code, openid, card_id, brand_id, n)) STRICT, WITHOUT ROWID";

// Of a row, by the kinds of protections that there are.
std::string condition(const sqlite::Connection& db) {
  std::string text;
  sqlite::Statement kinds{db, "SELECT DISTINCT key_column FROM temp.protected_by"};
  for (kinds.bind(); kinds.step();) {
    const auto kind = kinds.int64(0);
    text += fmt::format(
        "{}EXISTS (SELECT 1 FROM temp.protected_by AS p WHERE p.key_column = {} AND p.key = row.{}",
        text.empty() ? "" : " OR ", kind, k_protecting_columns[kind]);
    for (const auto column : k_protecting_columns) text += fmt::format(" AND p.{0} IN ('', row.{0})", column);
    text += ")";
  }
  return text.empty() ? "FALSE" : "(" + text + ")";
}

}  // namespace

Result<std::int64_t> protect(Ledger& ledger, const Protections& next) {
  auto& db = ledger.state().db;
  std::optional<Error> unreadable;
  std::int64_t count = 0;
  const auto named = ledger.state().guarded([&] {
    ledger.state().is_named_by_protections = "FALSE";
    db.execute(k_create_table);
    db.execute("BEGIN");  // of the temporary database
    sqlite::Statement insert{db, "INSERT INTO temp.protected_by VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
    const auto add = [&](const model::Protection& p, std::int64_t n) {
      const std::string* const parts[] = {&p.code, &p.openid, &p.card_id, &p.brand_id};
      int key_column = 0;
      while (key_column < 3 && parts[key_column]->empty()) ++key_column;
      insert.bind(key_column, *parts[key_column], p.code, p.openid, p.card_id, p.brand_id, n, p.source_line)
          .run();
    };
    for (; next; ++count) {
      const auto protection = next();
      if (!protection) unreadable = protection.error();
      if (!protection || !*protection) break;
      auto p = **protection;
      if (!p.code.empty() && !p.openid.empty()) {  // the card and the member: rather too many than too few
        auto card = p;
        card.openid.clear();
        add(card, count);
        p.code.clear();
      }
      add(p, count);
    }
    // Those of the command `protect`, likewise; they are no lines of the list.
    sqlite::Statement recorded{db, "SELECT code, openid, id FROM main.protection WHERE removed_at IS NULL"};
    for (recorded.bind(); recorded.step();) {
      model::Protection entry;
      entry.code = recorded.text(0), entry.openid = recorded.text(1);
      add(entry, -recorded.int64(2));
    }
    recorded.reset();
    db.execute("COMMIT");
    if (!unreadable) ledger.state().is_named_by_protections = condition(db);
  });
  if (!named) return named.error();
  if (unreadable) return *unreadable;
  return count;
}

RowSet rows_named_by(const sqlite::Connection& db, const std::string& is_named) {
  RowSet named;
  if (is_named == "FALSE") return named;
  sqlite::Statement rows{db, fmt::format("SELECT id FROM row WHERE {}", is_named)};
  for (rows.bind(); rows.step();) named.add(rows.int64(0));
  return named;
}

void protect_new_rows(const sqlite::Connection& db, const std::string& is_named, model::RowId last_before,
                      const OnProtected& on_protected) {
  if (is_named == "FALSE") return;
  sqlite::Statement{db, fmt::format("UPDATE row SET protected = 1 WHERE id > ?1 AND {}", is_named)}
      .bind(last_before)
      .run();
  // Those in conflict are refused already.
  sqlite::Statement rows{
      db,
      "SELECT brand_id, card_id, code, openid, reason, source_line FROM row WHERE id > ?1 AND "
      "protected AND NOT conflict ORDER BY id"};
  rows.bind(last_before);
  while (rows.step())
    on_protected({std::string{rows.text(0)}, std::string{rows.text(1)}, std::string{rows.text(2)},
                  std::string{rows.text(3)}, std::string{rows.text(4)}},
                 rows.int64(5));
}

}  // namespace cardvoid::ledger
