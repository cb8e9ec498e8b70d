#include <fmt/format.h>
#include <cardvoid/ledger/plan.hpp>

#include <optional>
#include <string>

#include "plan_digest.hpp"
#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr std::int64_t k_plans_kept = 8;

// All but the last ones and the one that was confirmed last; and what rows said before the oldest that is
// left.
void forget_old_plans(sqlite::Connection& db) {
  sqlite::Statement{
      db,
      "DELETE FROM shown_plan WHERE id <= (SELECT id FROM shown_plan ORDER BY id DESC LIMIT 1 OFFSET ?1) AND "
      "id NOT IN (SELECT id FROM shown_plan WHERE confirmed_at ORDER BY confirmed_at DESC, id DESC LIMIT 1)"}
      .bind(k_plans_kept)
      .run();
  // The last one stays: its number must not be given again.
  db.execute(
      "DELETE FROM correction WHERE id <= (SELECT min(last_correction) FROM shown_plan) AND id < (SELECT "
      "max(id) FROM correction)");
}

}  // namespace

Result<PlanDigest> digest_plan(Ledger& ledger) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    PlanDigester plan{db};
    sqlite::Statement rows{db, fmt::format("SELECT id, brand_id, card_id, code, openid, reason FROM row NOT "
                                           "INDEXED WHERE {} AND {} ORDER BY id",
                                           k_to_send, k_in_plan)};
    RangeWriter ids;
    for (rows.bind(); rows.step();) {
      ids.add(rows.int64(0));
      plan.add({rows.text(1), rows.text(2), rows.text(3), rows.text(4), rows.text(5)});
    }
    return plan.finish(ids.finish());
  });
}

Result<void> remember_plan(Ledger& ledger, const PlanDigest& plan, WallTime now, std::string_view by) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    static_assert(RangeWriter::k_most_bytes < k_longest_ranges);
    const RoomForRanges room{db};
    std::optional<sqlite::Transaction> transaction;
    if (sqlite3_get_autocommit(db.get())) transaction.emplace(db);
    sqlite::Statement confirmed{
        db,
        "SELECT confirmed_at, coalesce(confirmed_by, '') FROM shown_plan WHERE fingerprint = ?1 AND "
        "confirmed_at IS NOT NULL ORDER BY confirmed_at DESC LIMIT 1"};
    std::optional<std::int64_t> confirmed_at;
    std::string confirmed_by;
    if (confirmed.bind(plan.fingerprint).step())
      confirmed_at = confirmed.int64(0), confirmed_by = confirmed.text(1);
    confirmed.reset();
    sqlite::Statement{db, "DELETE FROM shown_plan WHERE fingerprint = ?1"}.bind(plan.fingerprint).run();
    sqlite::Statement{db,
                      "INSERT INTO shown_plan (fingerprint, made_at, last_row, to_send, row_ids, "
                      "confirmed_at, made_by, confirmed_by, "
                      "last_correction) VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, ''), nullif(?8, ''), ?9)"}
        .bind(plan.fingerprint, to_ms(now), plan.last_row, plan.to_send, plan.row_ids, confirmed_at, by,
              confirmed_by, plan.last_correction)
        .run();
    forget_old_plans(db);
    if (transaction) transaction->commit();
  });
}

Result<void> confirm_plan(Ledger& ledger, std::string_view fingerprint_digits, WallTime now,
                          std::string_view by) {
  return ledger.state().guarded([&] {
    const RoomForRanges room{ledger.state().db};
    sqlite::Statement{ledger.state().db,
                      "UPDATE shown_plan SET confirmed_at = ?2, confirmed_by = nullif(?3, '') WHERE id = "
                      "(SELECT max(id) FROM shown_plan WHERE "
                      "substr(fingerprint, 1, length(?1)) = ?1)"}
        .bind(fingerprint_digits, to_ms(now), by)
        .run();
  });
}

Result<std::string> fingerprint(Ledger& ledger) {
  auto plan = digest_plan(ledger);
  return plan ? Result<std::string>{std::move(plan->fingerprint)} : plan.error();
}

Result<bool> is_rest_of_confirmed(Ledger& ledger, std::string_view fingerprint_digits) {
  return ledger.state().guarded([&] {
    sqlite::Statement s{
        ledger.state().db,
        fmt::format("SELECT 1 FROM run WHERE by_confirm AND substr(fingerprint, 1, length(?1)) = ?1 AND "
                    "last_row >= (SELECT max(id) FROM row WHERE {})",
                    k_to_send)};
    s.bind(fingerprint_digits);
    return s.step();
  });
}

Result<std::int64_t> canary_passed(Ledger& ledger) {
  return ledger.state().guarded([&] {
    return ask(ledger.state().db,
               "SELECT sum(canary) FROM run WHERE last_row = (SELECT coalesce(max(id), 0) FROM row)");
  });
}

Result<std::vector<model::RowId>> already_so_far(Ledger& ledger, int enough) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    constexpr std::string_view k_since =
        "(SELECT coalesce(max(id), 0) FROM run WHERE tripped_by IS NOT NULL)";
    std::vector<model::RowId> rows;
    // Few jobs get further than this: what follows reads every row.
    const auto confirmed =
        ask(db, fmt::format("SELECT coalesce(sum(confirmed), 0) FROM run WHERE id > {}", k_since));
    if (confirmed == 0 || confirmed >= enough) return rows;
    sqlite::Statement s{
        db, fmt::format("SELECT id FROM row WHERE settled_by = 'already' AND finished_at > "
                        "(SELECT coalesce(max(ended_at), 0) FROM run WHERE id = {}) AND NOT EXISTS "
                        "(SELECT 1 FROM row WHERE settled_by = 'answer' OR settled_by = 'read_back')",
                        k_since)};
    s.bind();
    while (s.step()) rows.push_back(s.int64(0));
    return rows;
  });
}

Result<std::optional<OtherBrand>> other_brand(Ledger& ledger, const std::vector<BrandTotals>& brands) {
  return ledger.state().guarded([&]() -> std::optional<OtherBrand> {
    sqlite::Statement imports_between{ledger.state().db,
                                      "SELECT count(*) FROM import WHERE last_row >= ?1 AND last_row < ?2"};
    const auto came_later = [&](const BrandTotals& one, const BrandTotals& other) {
      imports_between.bind(other.first, one.first).step();
      const bool later = imports_between.int64(0) > 0;
      imports_between.reset();
      return later;
    };
    for (const auto& before : brands) {
      if (before.named > 0) continue;
      for (const auto& now : brands) {
        if (now.named == 0 || now.to_send == 0) continue;
        const bool was_corrected = now.was_requested && !before.was_requested;
        if (!was_corrected && came_later(now, before)) return OtherBrand{before, now};
      }
    }
    return std::nullopt;
  });
}

}  // namespace cardvoid::ledger
