#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "state.hpp"

// Bringing input into the plan. Rows are known by their content – brand, template and code – never by
// position.
namespace cardvoid::ledger {

namespace {

// Large transactions: one fsync for so many lines, and a write-ahead log that stays bounded.
constexpr std::int64_t k_lines_per_transaction = 100'000;

// A line is mostly the row behind that of the line before, when the same list comes again: found without a
// look at the index. Where it never is, the guess costs little.
constexpr int k_lines_per_guess = 16;

// Until an import is complete it must lift no conflict: its transactions commit, and it may yet die or turn
// out untrustworthy. So what agrees again is `agreed`, which counts as a conflict, and is none at the end.
enum Conflict : std::int64_t { agreed = -2, before = -1, none = 0, with_plan = 1, within_input = 2 };

constexpr std::string_view k_two_openids =
    "the same card is named with two different openids; neither line is sent";
constexpr std::string_view k_other_reason =
    "the same card again with another reason; the line that came first counts";
constexpr std::string_view k_conflicts_with_plan =
    "planned with another openid or reason by an earlier import; not sent until the two agree again, or with "
    "another results database";
constexpr std::string_view k_already_sent =
    "requests were already sent for this card with another openid; to send this line, name another results "
    "database";

constexpr std::string_view k_known =
    "SELECT id, openid, reason, source_line, status, conflict, protected FROM row WHERE";

// Rows of an import that died or was given up. Nothing was sent for them: sending begins after an import.
constexpr const char* k_drop_leftovers =
    "DELETE FROM row WHERE id > (SELECT coalesce(max(last_row), 0) FROM import) "
    "AND NOT EXISTS (SELECT 1 FROM attempt WHERE row_id = row.id); "
    "DELETE FROM refused_line WHERE id > coalesce((SELECT last_refused FROM import ORDER BY id DESC LIMIT "
    "1), 0)";

}  // namespace

Importing::Importing(sqlite::Connection& db, LineText line_text)
    : insert{db,
             "INSERT INTO row (brand_id, card_id, code, openid, reason, source_line, id) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"},
      by_key{db, fmt::format("{} brand_id = ?1 AND card_id = ?2 AND code = ?3", k_known)},
      after_last{db,
                 // Plus: not by their index.
                 fmt::format("{} +brand_id = ?1 AND +card_id = ?2 AND +code = ?3 AND id = ?4", k_known)},
      set_conflict{db, "UPDATE row SET conflict = ?2 WHERE id = ?1"},
      refuse{db, "INSERT INTO refused_line (source_line, cause, raw) VALUES (?1, ?2, ?3)"},
      text{std::move(line_text)},
      last_refused_before{ask(db, "SELECT coalesce(max(id), 0) FROM refused_line")} {
  seen.last_row_before = ask(db, "SELECT coalesce(max(id), 0) FROM row");
}

const sqlite::Statement* Importing::find(const model::Card& card) {
  auto* found = &by_key;
  const bool guesses = guessed_right || ++not_guessed % k_lines_per_guess == 0;
  if (guesses) guessed_right = after_last.bind(card.brand_id, card.card_id, card.code, last_known + 1).step();
  if (guesses && guessed_right)
    found = &after_last;
  else if (!by_key.bind(card.brand_id, card.card_id, card.code).step())
    return nullptr;
  last_known = found->int64(0);
  return found;
}

void Importing::refuse_line(std::int64_t line, std::string_view cause, std::string_view raw) {
  refuse.bind(line, cause, raw).run();
  ++summary.refused;
}

namespace {

// Counts what the input does not name, and keeps it on record for the next one.
void note_missing(const sqlite::Connection& db, const Seen& seen, ImportSummary& summary) {
  sqlite::Statement rows{db, fmt::format("SELECT id, {} FROM row WHERE id <= ?1", k_to_send)};
  sqlite::Statement add{db, "INSERT INTO missing VALUES (?1)"},
      remove{db, "DELETE FROM missing WHERE row_id = ?1"};
  rows.bind(seen.last_row_before);
  while (rows.step()) {
    const auto id = rows.int64(0);
    const bool is_named = seen.rows.has(id), was_missing = seen.missing_before.has(id);
    if (!is_named) summary.vanished_to_send += rows.int64(1);
    summary.vanished += !is_named;
    summary.newly_vanished += !is_named && !was_missing;
    summary.returned += is_named && was_missing;
    if (!is_named && !was_missing) add.bind(id).run();
    if (is_named && was_missing) remove.bind(id).run();
  }
}

}  // namespace

Result<void> Ledger::begin_import(WallTime now, LineText text) {
  return state_->guarded([&] {
    state_->seen.reset();
    auto& db = state_->db;
    db.execute("BEGIN IMMEDIATE");
    db.execute(k_drop_leftovers);
    db.execute("UPDATE row SET conflict = -1 WHERE conflict <> 0");
    const bool had_conflicts = db.changes() > 0;
    protect_known_rows(db, state_->is_named_by_protections);
    state_->importing.emplace(db, std::move(text));
    state_->importing->had_conflicts = had_conflicts;
    state_->importing->started_at = now;
    // A results database of an earlier version has no such table yet.
    db.execute("CREATE TABLE IF NOT EXISTS missing (row_id INTEGER PRIMARY KEY REFERENCES row (id)) STRICT");
    sqlite::Statement missing{db, "SELECT row_id FROM missing"};
    for (missing.bind(); missing.step();) state_->importing->seen.missing_before.add(missing.int64(0));
    if (FirstImport::is_possible(db)) state_->importing->first = std::make_unique<FirstImport>(db);
  });
}

Result<void> Ledger::add(const model::InputRow& row) {
  return state_->guarded([&] {
    auto& import = *state_->importing;
    auto& summary = import.summary;
    const auto& card = row.card;
    state_->count_line();
    if (import.first) {
      import.new_id = import.first->next_id();
      if (import.first->may_have_come(card))
        return import.first->put_aside(*import.new_id, row, import.text(card, true));
    }
    // What is likelier first: a list is mostly new, or mostly known.
    const auto* known = import.is_on_known_ground ? import.find(card) : nullptr;
    if (!known) {
      import.insert
          .bind(card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line,
                import.new_id)
          .run();
      import.is_on_known_ground = state_->db.changes() == 0;
      if (!import.is_on_known_ground) {
        ++summary.added;
        return;
      }
      known = import.find(card);
    }

    const auto id = known->int64(0);
    const std::string openid{known->text(1)}, reason{known->text(2)};
    const auto earlier_line = known->int64(3);
    const bool is_pending = known->text(4) == model::to_text(model::Status::pending);
    const auto conflict = known->int64(5);
    const bool is_protected = known->int64(6) != 0;
    import.by_key.reset();
    import.after_last.reset();
    const bool same_openid = openid == card.openid, same_reason = reason == card.reason;
    const bool new_in_this_input = id > import.seen.last_row_before;
    const bool again = new_in_this_input || import.seen.rows.has(id);
    if (!new_in_this_input) import.seen.rows.add(id);
    const auto refuse_this = [&](std::string_view cause) {
      import.refuse_line(row.source_line, cause, import.text(card, true));
    };
    const auto note_change = [&] {
      summary.changed += !import.seen.other_openid.has(id) && !import.seen.other_reason.has(id);
      if (!same_openid) import.seen.other_openid.add(id);
      if (!same_reason) import.seen.other_reason.add(id);
    };

    if (conflict == within_input) return refuse_this(k_two_openids);
    if (same_openid && same_reason) {
      if (conflict == before) {
        import.set_conflict.bind(id, std::int64_t{agreed}).run();
        import.has_ended_conflicts = true;
      }
      if (is_protected && is_pending && !again) return refuse_this(k_is_protected);
      ++(again ? summary.duplicates : summary.known);
    } else if (new_in_this_input && same_openid) {
      refuse_this(k_other_reason);
    } else if (new_in_this_input) {
      import.set_conflict.bind(id, std::int64_t{within_input}).run();
      import.contradicts_itself = true;
      --summary.added;
      import.refuse_line(earlier_line, k_two_openids,
                         import.text({card.brand_id, card.card_id, card.code, openid, reason}, false));
      refuse_this(k_two_openids);
    } else if (is_pending) {
      import.set_conflict.bind(id, std::int64_t{with_plan}).run();
      if (conflict != with_plan) ++summary.conflicts;
      note_change();
      refuse_this(k_conflicts_with_plan);
    } else if (same_openid) {
      ++(again ? summary.duplicates : summary.known);  // too late for another reason
    } else {
      note_change();
      refuse_this(k_already_sent);
    }
  });
}

void Ledger::State::count_line() {
  ++importing->summary.lines;
  if (++importing->in_transaction <= k_lines_per_transaction) return;
  db.execute("COMMIT; BEGIN IMMEDIATE");
  importing->in_transaction = 0;
}

Result<void> Ledger::refuse(std::int64_t source_line, std::string_view cause, std::string_view raw) {
  return state_->guarded([&] {
    state_->count_line();
    state_->importing->refuse_line(source_line, cause, raw);
  });
}

// What waited aside comes as lines do, under the numbers that keep it in the order of the input.
Result<void> Ledger::finish_first_import() {
  Result<void> taken;
  const auto made = state_->guarded([&] {
    auto& import = *state_->importing;
    auto first = std::exchange(import.first, nullptr);
    const auto lines = import.summary.lines;
    auto of_the_source = std::move(import.text);
    std::string_view waiting;
    import.text = [&](const model::Card& card, bool is_current) {
      return is_current ? std::string{waiting} : of_the_source(card, false);
    };
    taken = first->finish([&](model::RowId id, const model::InputRow& row, std::string_view text) {
    import.new_id = id;
    waiting = text;
    return add(row);
    });
    import.text = std::move(of_the_source);
    import.summary.lines = lines;
});
return made ? taken : made;
}

Result<ImportSummary> Ledger::finish_import(std::string_view source, WallTime now) {
  if (state_->importing->first)
    if (const auto finished = finish_first_import(); !finished) return finished.error();
  return state_->guarded([&] {
    auto& db = state_->db;
    auto& import = *state_->importing;
    protect_new_rows(db, state_->is_named_by_protections, import);
    auto summary = import.summary;
    summary.source = source;
    summary.finished_at = now;
    // Each of these reads the whole table.
    if (import.contradicts_itself) db.execute("DELETE FROM row WHERE conflict = 2");
    if (import.had_conflicts)
      db.execute(
          "UPDATE row SET conflict = 1 WHERE conflict = -1");  // the input has nothing to say about these
    // A row whose conflict is over was in no plan that was confirmed meanwhile.
    if (import.has_ended_conflicts) {
      db.execute(
          "UPDATE row SET conflict = 0 WHERE conflict = -2; UPDATE run SET by_confirm = 0 WHERE by_confirm");
      db.execute(k_forget_canary);
    }
    sqlite::Statement{db, "DELETE FROM refused_line WHERE id <= ?1"}.bind(import.last_refused_before).run();
    note_missing(db, import.seen, summary);
    sqlite::Statement{
        db,
        "INSERT INTO import (started_at, finished_at, source, lines, added, known, duplicates, "
        "refused, conflicts, vanished, vanished_to_send, last_row, last_refused) VALUES (?1, ?2, ?3, ?4, ?5, "
        "?6, ?7, ?8, ?9, ?10, ?11, (SELECT coalesce(max(id), 0) FROM row), (SELECT coalesce(max(id), 0) FROM "
        "refused_line))"}
        .bind(import.started_at.time_since_epoch().count(), now.time_since_epoch().count(), source,
              summary.lines, summary.added, summary.known, summary.duplicates, summary.refused,
              summary.conflicts, summary.vanished, summary.vanished_to_send)
        .run();
    db.execute("COMMIT");
    state_->seen = std::move(import.seen);
    state_->importing.reset();
    state_->checkpoint();
    return summary;
  });
}

Result<void> Ledger::each_difference(const std::function<void(const Difference&)>& visit) {
  return state_->guarded([&] {
    if (!state_->seen) throw std::logic_error{"each_difference needs an import that was finished"};
    const auto& seen = *state_->seen;
    sqlite::Statement s{
        state_->db,
        "SELECT id, brand_id, card_id, code, openid, source_line, status, protected FROM row WHERE id <= "
        "(SELECT max(last_row) FROM import) ORDER BY id"};
    s.bind();
    while (s.step()) {
      const auto id = s.int64(0);
      Difference found;
      found.other_openid = seen.other_openid.has(id), found.other_reason = seen.other_reason.has(id);
      const bool was_missing = seen.missing_before.has(id);
      const bool is_refused = s.int64(7) != 0;  // not added, then, but protected
      if (id > seen.last_row_before && is_refused) continue;
      if (id > seen.last_row_before)
        found.kind = Difference::added;
      else if (found.other_openid || found.other_reason)
        found.kind = Difference::changed;
      else if (!seen.rows.has(id) && !was_missing)
        found.kind = Difference::vanished;
      else if (seen.rows.has(id) && was_missing)
        found.kind = Difference::returned;
      else
        continue;
      found.brand_id = s.text(1), found.card_id = s.text(2), found.code = s.text(3), found.openid = s.text(4);
      found.source_line = s.int64(5);
      found.status = *model::status_from_text(s.text(6));
      visit(found);
    }
  });
}

Result<void> Ledger::abandon_import() {
  return state_->guarded([&] {
    const bool is_first = state_->importing && state_->importing->first;
    state_->importing.reset();
    // There is none when waiting for the lock was given up between two of them.
    if (!sqlite3_get_autocommit(state_->db.get())) state_->db.execute("ROLLBACK");
    sqlite::Transaction transaction{state_->db};
    state_->db.execute(k_drop_leftovers);
    if (is_first) FirstImport::restore_index(state_->db);
    // Conflicts stay, to be safe, until the next import looks again: those before it and those that it found.
    state_->db.execute("UPDATE row SET conflict = 1 WHERE conflict < 0");
    transaction.commit();
  });
}

}  // namespace cardvoid::ledger
