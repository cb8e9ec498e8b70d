#include "take_effect.hpp"

#include <fmt/format.h>

namespace cardvoid::ledger {

namespace {

// What a row says of itself, and what an import makes of it.
struct Flags {
  std::int64_t absent = 0, conflict = 0, is_protected = 0;
  bool operator==(const Flags&) const = default;
};

// Of `row.absent`.
enum Absent : std::int64_t { named = 0, held_back = 1, sent_all_the_same = 2 };

class Effect {
 public:
  Effect(sqlite::Connection& db, ImportFindings& findings, model::Vanished vanished, ImportSummary& summary)
      : db_{db},
        findings_{findings},
        vanished_{vanished},
        summary_{summary},
        rows_{
            db,
            "SELECT id, status = 'pending', status IN ('pending', 'in_flight', 'unresolved') AND NOT held, "
            "status = 'invalidated', absent, conflict, protected, forgotten_at IS NOT NULL FROM row WHERE id "
            "<= ?1"},
        was_requested_{db, fmt::format("SELECT {} FROM row WHERE id = ?1", k_was_requested)},
        set_{db, "UPDATE row SET absent = ?2, conflict = ?3, protected = ?4 WHERE id = ?1"} {}

  void on_every_row() {
    correct();
    for (rows_.bind(findings_.last_row_before); rows_.step();) look_at_row();
    // The plan as it is now was not confirmed, and the canary said nothing of what came into it.
    if (comes_in_ || leaves_) db_.execute("UPDATE run SET by_confirm = 0 WHERE by_confirm");
    if (comes_in_) db_.execute(k_forget_canary);
    if (is_unprotected_) db_.execute("UPDATE run SET by_confirm = 0 WHERE by_confirm");
    // A row that differs from the list, that the list does not have, or that is protected while it is in
    // doubt means something else to the same list when a run has changed its status.
    summary_.is_repeatable = summary_.changed == 0 && summary_.vanished == 0 && !protects_doubt_;
  }

 private:
  // Changes rows in place, and keeps what they said.
  void correct() {
    if (summary_.corrected == 0) return;
    sqlite::Statement{db_,
                      "INSERT INTO correction (row_id, openid, reason, made_at) SELECT row.id, row.openid, "
                      "row.reason, ?1 FROM temp.heard JOIN main.row ON row.id = heard.row_id ORDER BY row.id"}
        .bind(to_ms(summary_.finished_at))
        .run();
    db_.execute(
        "UPDATE row SET openid = heard.openid, reason = heard.reason, source_line = heard.source_line FROM "
        "temp.heard WHERE row.id = heard.row_id");
    comes_in_ = true;
  }

  void look_at_row() {
    const auto id = rows_.int64(0);
    const bool is_pending = rows_.int64(1) != 0, is_open = rows_.int64(2) != 0,
               is_invalidated = rows_.int64(3) != 0;
    const Flags before{rows_.int64(4), rows_.int64(5), rows_.int64(6)};
    const bool is_named = findings_.named.has(id);
    Flags now;
    now.absent = is_named ? named : of_absent(id, is_pending, before.absent);
    // The input may have no word on it: then what was wrong with it stays wrong.
    now.conflict = is_named ? findings_.in_conflict.has(id) : before.conflict;
    now.is_protected = findings_.is_protected.has(id);
    if (rows_.int64(7) != 0)  // forgotten: settled, and nothing can name it any more
      now.conflict = before.conflict, now.is_protected = before.is_protected;

    protects_doubt_ = protects_doubt_ || (now.is_protected && !is_pending && !is_invalidated);
    findings_.names_nothing = findings_.names_nothing && !is_named;
    if (before.absent != named) findings_.missing_before.add(id);
    const bool is_left = now.absent == held_back;
    summary_.vanished += !is_named;
    summary_.vanished_to_send += !is_named && is_open && !is_left && !now.conflict && !now.is_protected;
    summary_.newly_vanished += !is_named && before.absent == named;
    summary_.returned += is_named && before.absent != named;
    summary_.newly_left += is_left && before.absent != held_back;
    leaves_ = leaves_ || (is_left && before.absent != held_back);
    comes_in_ = comes_in_ || (!is_left && before.absent == held_back) || (!now.conflict && before.conflict);
    is_unprotected_ = is_unprotected_ || (!now.is_protected && before.is_protected && !is_invalidated);
    if (now != before) set_.bind(id, now.absent, now.conflict, now.is_protected).run();
  }

  // Of a row that is not named. What is held back gets no request, and so needs no second look.
  Absent of_absent(model::RowId id, bool is_pending, std::int64_t before) {
    if (!is_pending || vanished_ == model::Vanished::send) return sent_all_the_same;
    if (before == held_back) return held_back;
    const bool was_requested = was_requested_.bind(id).step() && was_requested_.int64(0) != 0;
    was_requested_.reset();
    return was_requested ? sent_all_the_same : held_back;
  }

  sqlite::Connection& db_;
  ImportFindings& findings_;
  model::Vanished vanished_;
  ImportSummary& summary_;
  sqlite::Statement rows_, was_requested_, set_;
  bool comes_in_ = false, leaves_ = false, is_unprotected_ = false, protects_doubt_ = false;
};

}  // namespace

void take_effect(sqlite::Connection& db, ImportFindings& findings, model::Vanished vanished,
                 ImportSummary& summary) {
  findings.names_nothing = summary.added == 0;
  Effect{db, findings, vanished, summary}.on_every_row();
}

}  // namespace cardvoid::ledger
