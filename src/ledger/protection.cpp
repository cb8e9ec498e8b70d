#include <fmt/format.h>
#include <cardvoid/ledger/protection.hpp>

#include "keyed_hash.hpp"
#include "state.hpp"
#include "unchanged.hpp"

namespace cardvoid::ledger {

namespace {

// Of a row; a protectee has one of the two. ?4: the hash of the code.
constexpr std::string_view k_is_named = "iif(?1 <> '', code IN (?1, ?4), openid = ?2)";

constexpr const char* k_entry =
    "SELECT added_by, added_at, note FROM protection WHERE code IS nullif(?1, '') AND openid IS nullif(?2, "
    "'') "
    "AND removed_at IS NULL ORDER BY id LIMIT 1";

// What has left, or may have: a request that a run which died has not ended counts as sent.
constexpr std::string_view k_named_rows =
    "SELECT id, source_line, iif(forgotten_at IS NULL, code, ''), status, (SELECT max(started_at) FROM "
    "attempt WHERE row_id = row.id AND "
    "kind = 'invalidate' AND sent AND NOT (outcome IS NULL AND run_id IS ?3)) FROM row WHERE {} AND {} ORDER "
    "BY id";

}  // namespace

Result<ProtectionEntry> add_protection(Ledger& ledger, const Protectee& who, const Word& word,
                                       std::optional<RunId> under_way,
                                       const std::function<void(const NamedRow&)>& visit) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    ProtectionEntry entry{false, word};
    sqlite::Statement there{db, k_entry};
    there.bind(who.code, who.openid);
    if (there.step())
      entry = {true, {std::string{there.text(0)}, from_ms(there.int64(1)), std::string{there.text(2)}}};
    there.reset();
    if (!entry.was_there)
      sqlite::Statement{db,
                        "INSERT INTO protection (code, openid, note, added_by, added_at) VALUES (nullif(?1, "
                        "''), nullif(?2, "
                        "''), ?3, ?4, ?5)"}
          .bind(who.code, who.openid, word.note, word.by, to_ms(word.at))
          .run();
    const auto hash = hash_or_same(db, who.code);
    sqlite::Statement{db, fmt::format("UPDATE row SET protected = 1 WHERE NOT protected AND {}", k_is_named)}
        .bind(who.code, who.openid, std::nullopt, hash)
        .run();
    if (db.changes() > 0) forget_counts(db);
    forget_recipe(db);
    sqlite::Statement rows{db, fmt::format(k_named_rows, k_is_named, k_in_plan)};
    for (rows.bind(who.code, who.openid, under_way, hash); rows.step();) {
      NamedRow row;
      row.id = rows.int64(0), row.source_line = rows.int64(1);
      row.code = rows.text(2);
      row.status = status_in(rows, 3);
      if (!rows.is_null(4)) row.sent_at = from_ms(rows.int64(4));
      visit(row);
    }
    return entry;
  });
}

Result<RemovedProtection> remove_protection(Ledger& ledger, const Protectee& who, const Word& word) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    RemovedProtection removed;
    sqlite::Statement{
        db,
        "UPDATE protection SET removed_by = ?3, removed_at = ?4, note = iif(?5 = '', note, note "
        "|| '; taken back: ' || ?5) WHERE code IS nullif(?1, '') AND openid IS nullif(?2, '') "
        "AND removed_at IS NULL"}
        .bind(who.code, who.openid, word.by, to_ms(word.at), word.note)
        .run();
    removed.entries = db.changes();
    forget_recipe(db);
    sqlite::Statement rows{db, fmt::format("SELECT count(*) FROM row WHERE {} AND {} AND status <> "
                                           "'invalidated'",
                                           k_is_named, k_in_plan)};
    const auto hash = hash_or_same(db, who.code);
    rows.bind(who.code, who.openid, std::nullopt, hash);
    if (rows.step()) removed.rows = rows.int64(0);
    return removed;
  });
}

}  // namespace cardvoid::ledger
