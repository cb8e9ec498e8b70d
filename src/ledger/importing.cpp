#include <fmt/format.h>

#include "state.hpp"

// Bringing input into the plan. Rows are known by their content – brand, template and code – never by
// position.
namespace cardvoid::ledger {

namespace {

// Large transactions: one fsync for so many rows, and a write-ahead log that stays bounded.
constexpr std::int64_t k_rows_per_transaction = 100'000;

std::string as_line(const model::Card& card) {
  return fmt::format("code={} card_id={} brand_id={} openid={}", card.code, card.card_id, card.brand_id,
                     card.openid);
}

}  // namespace

Importing::Importing(sqlite::Connection& db)
    : insert{db,
             "INSERT INTO row (brand_id, card_id, code, openid, reason, source_line) VALUES (?1, ?2, ?3, ?4, "
             "?5, ?6) "
             "ON CONFLICT DO NOTHING"},
      find{db,
           "SELECT id, openid, source_line, status = 'pending' AND NOT EXISTS (SELECT 1 FROM attempt WHERE "
           "row_id = row.id) "
           "FROM row WHERE brand_id = ?1 AND card_id = ?2 AND code = ?3"},
      drop{db, "DELETE FROM row WHERE id = ?1"},
      refuse{db, "INSERT INTO refused_line (source_line, cause, raw) VALUES (?1, ?2, ?3)"} {}

Result<void> Ledger::begin_import(WallTime now) {
  return state_->guarded([&] {
    auto& db = state_->db;
    db.execute("BEGIN IMMEDIATE; DELETE FROM refused_line");
    state_->importing.emplace(db);
    state_->importing->started_at = now;
    sqlite::Statement last{db, "SELECT coalesce(max(id), 0) FROM row"};
    last.bind();
    last.step();
    state_->importing->seen.resize(static_cast<std::size_t>(last.int64(0)) + 1);
    last.reset();
  });
}

Result<void> Ledger::add(const model::InputRow& row) {
  return state_->guarded([&] {
    auto& import = *state_->importing;
    const auto& card = row.card;
    auto& db = state_->db;
    if (++import.in_transaction > k_rows_per_transaction) {
      db.execute("COMMIT; BEGIN IMMEDIATE");
      import.in_transaction = 0;
    }
    const auto refuse = [&](std::int64_t line, std::string_view cause, const std::string& raw) {
      import.refuse.bind(line, cause, raw).run();
      ++import.summary.refused;
    };
    constexpr std::string_view k_two_openids =
        "the same card is named with two different openids; neither line is sent";
    ++import.summary.lines;
    if (!import.contradicted.empty() &&
        import.contradicted.contains({card.brand_id, card.card_id, card.code})) {
      refuse(row.source_line, k_two_openids, as_line(card));
      return;
    }
    import.insert.bind(card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line)
        .run();
    if (db.changes() == 1) {
      const auto id = static_cast<std::size_t>(sqlite3_last_insert_rowid(db.get()));
      if (import.seen.size() <= id) import.seen.resize(std::max(id + 1, import.seen.size() * 2));
      import.seen[id] = true;
      ++import.summary.added;
      return;
    }

    import.find.bind(card.brand_id, card.card_id, card.code);
    import.find.step();
    const auto id = import.find.int64(0);
    const auto earlier_line = import.find.int64(2);
    const bool same_openid = import.find.text(1) == card.openid, untouched = import.find.int64(3) != 0;
    auto earlier = card;
    earlier.openid = import.find.text(1);
    import.find.reset();
    const bool in_this_input = import.seen[static_cast<std::size_t>(id)];
    if (same_openid) {
      import.seen[static_cast<std::size_t>(id)] = true;
      ++(in_this_input ? import.summary.duplicates : import.summary.known);
    } else if (untouched) {
      // Nothing was ever sent for it: which of the two is right is for people to say.
      import.drop.bind(id).run();
      import.contradicted.insert({card.brand_id, card.card_id, card.code});
      if (in_this_input) --import.summary.added;
      refuse(earlier_line, k_two_openids, as_line(earlier));
      refuse(row.source_line, k_two_openids, as_line(card));
    } else {
      refuse(row.source_line,
             "requests were already sent for this card with another openid; this line is not sent",
             as_line(card));
      import.seen[static_cast<std::size_t>(id)] = true;
    }
  });
}

Result<void> Ledger::refuse(std::int64_t source_line, std::string_view cause, std::string_view raw) {
  return state_->guarded([&] {
    auto& import = *state_->importing;
    ++import.summary.lines;
    ++import.summary.refused;
    import.refuse.bind(source_line, cause, raw).run();
  });
}

Result<ImportSummary> Ledger::finish_import(std::string_view source, WallTime now) {
  return state_->guarded([&] {
    auto& import = *state_->importing;
    auto summary = import.summary;
    summary.source = source;
    summary.finished_at = now;
    const auto& seen = import.seen;
    std::int64_t here = 0;
    for (const bool bit : seen) here += bit;
    {
      sqlite::Statement count{state_->db, "SELECT count(*) FROM row"};
      count.bind();
      count.step();
      summary.vanished = count.int64(0) - here;
      sqlite::Statement insert{
          state_->db,
          "INSERT INTO import (started_at, finished_at, source, lines, added, known, duplicates, "
          "refused, vanished) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
      insert.bind(import.started_at.time_since_epoch().count(), now.time_since_epoch().count(), source,
                  summary.lines, summary.added, summary.known, summary.duplicates, summary.refused,
                  summary.vanished);
      insert.run();
    }
    state_->db.execute("COMMIT");
    state_->importing.reset();
    sqlite3_wal_checkpoint_v2(state_->db.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    return summary;
  });
}

Result<void> Ledger::abandon_import() {
  return state_->guarded([&] {
    state_->importing.reset();
    state_->db.execute("ROLLBACK");
  });
}

}  // namespace cardvoid::ledger
