#include <fmt/format.h>
#include <cardvoid/ledger/import.hpp>

#include <stdexcept>
#include <utility>

#include "first_import.hpp"
#include "state.hpp"

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
constexpr std::string_view k_is_protected = "protected by safety.protect: never sent";
constexpr std::string_view k_already_sent =
    "requests were already sent for this card with another openid; to send this line, name another results "
    "database";

constexpr std::string_view k_known =
    "SELECT id, openid, reason, source_line, status, conflict, protected FROM row WHERE";

// Removes the rows and refused lines of an import that did not finish. Nothing was sent for them: sending
// begins after an import.
const std::string k_drop_leftovers = fmt::format(
    "DELETE FROM row WHERE id > {} AND NOT EXISTS (SELECT 1 FROM attempt WHERE row_id = row.id); "
    "DELETE FROM refused_line WHERE id > coalesce((SELECT last_refused FROM import ORDER BY id DESC LIMIT "
    "1), "
    "0)",
    k_last_in_plan);

// A row that the input names.
struct KnownRow {
  model::RowId id = 0;
  std::string openid, reason;
  std::int64_t source_line = 0;
  bool is_pending = false;
  std::int64_t conflict = none;
  bool is_protected = false;
};

// Counts what the input does not name, and keeps it on record for the next one.
void note_missing(const sqlite::Connection& db, const ImportFindings& findings, ImportSummary& summary) {
  sqlite::Statement rows{db, fmt::format("SELECT id, {} FROM row WHERE id <= ?1", k_to_send)};
  sqlite::Statement add{db, "UPDATE row SET absent = 2 WHERE id = ?1"},
      remove{db, "UPDATE row SET absent = 0 WHERE id = ?1"};
  rows.bind(findings.last_row_before);
  while (rows.step()) {
    const auto id = rows.int64(0);
    const bool is_named = findings.named.has(id), was_missing = findings.missing_before.has(id);
    if (!is_named) summary.vanished_to_send += rows.int64(1);
    summary.vanished += !is_named;
    summary.newly_vanished += !is_named && !was_missing;
    summary.returned += is_named && was_missing;
    if (!is_named && !was_missing) add.bind(id).run();
    if (is_named && was_missing) remove.bind(id).run();
  }
}

void record_import(const sqlite::Connection& db, WallTime started_at, const ImportSummary& summary) {
  sqlite::Statement{
      db,
      "INSERT INTO import (started_at, finished_at, source, lines, added, known, duplicates, "
      "refused, conflicts, vanished, vanished_to_send, last_row, last_refused) VALUES (?1, ?2, ?3, ?4, ?5, "
      "?6, ?7, ?8, ?9, ?10, ?11, (SELECT coalesce(max(id), 0) FROM row), (SELECT coalesce(max(id), 0) FROM "
      "refused_line))"}
      .bind(to_ms(started_at), to_ms(summary.finished_at), summary.source, summary.lines, summary.added,
            summary.known, summary.duplicates, summary.refused, summary.conflicts, summary.vanished,
            summary.vanished_to_send)
      .run();
}

}  // namespace

// Everything here may throw sqlite::Failure. ImportFindings::named tells a card that comes twice in this
// input from one known before.
class Import::Work {
 public:
  Work(Ledger::State& state, WallTime now, LineText text, bool had_conflicts);
  void add(const model::InputRow& row);
  void refuse(std::int64_t line, std::string_view cause, std::string_view raw);
  bool is_first() const { return is_first_; }  // also when finish() has failed
  ImportSummary finish(std::string_view source, WallTime now);

  Ledger::State& state;

 private:
  void count_line();
  const sqlite::Statement* find(const model::Card& card);
  std::optional<KnownRow> insert_or_find(const model::InputRow& row);
  void compare(const model::InputRow& row, const KnownRow& known);
  void note_change(const model::Card& card, const KnownRow& known);
  void note_contradiction(const model::InputRow& row, const KnownRow& known);
  void refuse_line(std::int64_t line, std::string_view cause, std::string_view raw);
  void refuse_line(const model::InputRow& row, std::string_view cause);
  void finish_first();
  void settle_conflicts();

  sqlite::Connection& db_;
  sqlite::Statement insert_, by_key_, after_last_, set_conflict_, refuse_;
  bool last_was_known_ = false;  // there was a row for the last line
  model::RowId last_known_ = 0;
  bool guessed_right_ = false;
  int not_guessed_ = 0;
  bool is_first_ = false;
  std::unique_ptr<FirstImport> first_;  // while lines of a first import are put aside
  std::optional<model::RowId> new_id_;  // of the row to insert; none: the next
  LineText text_;
  WallTime started_at_{};
  ImportFindings findings_;
  std::int64_t last_refused_before_;
  bool had_conflicts_, has_ended_conflicts_ = false, contradicts_itself_ = false;
  ImportSummary summary_;
  std::int64_t in_transaction_ = 0;
};

// Inside the transaction that begin() opened.
Import::Work::Work(Ledger::State& of_ledger, WallTime now, LineText text, bool had_conflicts)
    : state{of_ledger},
      db_{of_ledger.db},
      insert_{db_,
              "INSERT INTO row (brand_id, card_id, code, openid, reason, source_line, id) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"},
      by_key_{db_, fmt::format("{} brand_id = ?1 AND card_id = ?2 AND code = ?3", k_known)},
      after_last_{db_,
                  // Plus: not by their index.
                  fmt::format("{} +brand_id = ?1 AND +card_id = ?2 AND +code = ?3 AND id = ?4", k_known)},
      set_conflict_{db_, "UPDATE row SET conflict = ?2 WHERE id = ?1"},
      refuse_{db_, "INSERT INTO refused_line (source_line, cause, raw) VALUES (?1, ?2, ?3)"},
      text_{std::move(text)},
      started_at_{now},
      last_refused_before_{ask(db_, "SELECT coalesce(max(id), 0) FROM refused_line")},
      had_conflicts_{had_conflicts} {
  findings_.last_row_before = ask(db_, "SELECT coalesce(max(id), 0) FROM row");
  sqlite::Statement missing{db_, "SELECT id FROM row WHERE absent"};
  for (missing.bind(); missing.step();) findings_.missing_before.add(missing.int64(0));
  is_first_ = FirstImport::is_possible(db_);
  if (is_first_) first_ = std::make_unique<FirstImport>(db_);
}

// The row of this card, if there is one. The caller resets by_key_ and after_last_ when it has read it.
const sqlite::Statement* Import::Work::find(const model::Card& card) {
  auto* found = &by_key_;
  const bool guesses = guessed_right_ || ++not_guessed_ % k_lines_per_guess == 0;
  if (guesses)
    guessed_right_ = after_last_.bind(card.brand_id, card.card_id, card.code, last_known_ + 1).step();
  if (guesses && guessed_right_)
    found = &after_last_;
  else if (!by_key_.bind(card.brand_id, card.card_id, card.code).step())
    return nullptr;
  last_known_ = found->int64(0);
  return found;
}

// A new row, then nullopt; else the one that was there. Tries first what is likelier: a list is mostly new,
// or mostly known.
std::optional<KnownRow> Import::Work::insert_or_find(const model::InputRow& row) {
  const auto& card = row.card;
  const auto* found = last_was_known_ ? find(card) : nullptr;
  if (!found) {
    insert_.bind(card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line, new_id_)
        .run();
    last_was_known_ = db_.changes() == 0;
    if (!last_was_known_) return std::nullopt;
    found = find(card);
  }
  KnownRow known;
  known.id = found->int64(0);
  known.openid = found->text(1), known.reason = found->text(2);
  known.source_line = found->int64(3);
  known.is_pending = found->text(4) == model::to_text(model::Status::pending);
  known.conflict = found->int64(5);
  known.is_protected = found->int64(6) != 0;
  by_key_.reset();
  after_last_.reset();
  return known;
}

void Import::Work::add(const model::InputRow& row) {
  count_line();
  if (first_) {
    new_id_ = first_->next_id();
    if (first_->may_have_come(row.card)) return first_->put_aside(*new_id_, row, text_(row.card, true));
  }
  if (const auto known = insert_or_find(row))
    compare(row, *known);
  else
    ++summary_.added;
}

void Import::Work::compare(const model::InputRow& row, const KnownRow& known) {
  const bool same_openid = known.openid == row.card.openid, same_reason = known.reason == row.card.reason;
  const bool new_in_this_input = known.id > findings_.last_row_before;
  const bool again = new_in_this_input || findings_.named.has(known.id);
  if (!new_in_this_input) findings_.named.add(known.id);

  if (known.conflict == within_input) return refuse_line(row, k_two_openids);
  if (same_openid && same_reason) {
    if (known.conflict == before) {
      set_conflict_.bind(known.id, std::int64_t{agreed}).run();
      has_ended_conflicts_ = true;
    }
    if (known.is_protected && known.is_pending && !again) return refuse_line(row, k_is_protected);
    ++(again ? summary_.duplicates : summary_.known);
  } else if (new_in_this_input && same_openid) {
    refuse_line(row, k_other_reason);
  } else if (new_in_this_input) {
    note_contradiction(row, known);
  } else if (known.is_pending) {
    set_conflict_.bind(known.id, std::int64_t{with_plan}).run();
    if (known.conflict != with_plan) ++summary_.conflicts;
    note_change(row.card, known);
    refuse_line(row, k_conflicts_with_plan);
  } else if (same_openid) {
    ++(again ? summary_.duplicates : summary_.known);  // too late for another reason
  } else {
    note_change(row.card, known);
    refuse_line(row, k_already_sent);
  }
}

void Import::Work::note_change(const model::Card& card, const KnownRow& known) {
  const auto id = known.id;
  summary_.changed += !findings_.other_openid.has(id) && !findings_.other_reason.has(id);
  if (known.openid != card.openid) findings_.other_openid.add(id);
  if (known.reason != card.reason) findings_.other_reason.add(id);
}

// Two lines of this input name one card with two openids: neither counts.
void Import::Work::note_contradiction(const model::InputRow& row, const KnownRow& known) {
  const auto& card = row.card;
  set_conflict_.bind(known.id, std::int64_t{within_input}).run();
  contradicts_itself_ = true;
  --summary_.added;
  refuse_line(known.source_line, k_two_openids,
              text_({card.brand_id, card.card_id, card.code, known.openid, known.reason}, false));
  refuse_line(row, k_two_openids);
}

void Import::Work::refuse_line(std::int64_t line, std::string_view cause, std::string_view raw) {
  refuse_.bind(line, cause, raw).run();
  ++summary_.refused;
}

void Import::Work::refuse_line(const model::InputRow& row, std::string_view cause) {
  refuse_line(row.source_line, cause, text_(row.card, true));
}

void Import::Work::refuse(std::int64_t line, std::string_view cause, std::string_view raw) {
  count_line();
  refuse_line(line, cause, raw);
}

// Commits now and then.
void Import::Work::count_line() {
  ++summary_.lines;
  if (++in_transaction_ <= k_lines_per_transaction) return;
  db_.execute("COMMIT; BEGIN IMMEDIATE");
  in_transaction_ = 0;
}

// What waits aside comes as lines do, under the numbers that keep it in the order of the input.
void Import::Work::finish_first() {
  const auto first = std::exchange(first_, nullptr);
  const auto lines = summary_.lines;
  const auto of_the_source = std::move(text_);
  std::string_view waiting;
  text_ = [&](const model::Card& card, bool is_current) {
    return is_current ? std::string{waiting} : of_the_source(card, false);
  };
  first->finish([&](model::RowId id, const model::InputRow& row, std::string_view text) {
    new_id_ = id;
    waiting = text;
    add(row);
  });
  text_ = of_the_source;
  summary_.lines = lines;
}

// Each of these reads the whole table.
void Import::Work::settle_conflicts() {
  if (contradicts_itself_) db_.execute("DELETE FROM row WHERE conflict = 2");
  // The input says nothing about these.
  if (had_conflicts_) db_.execute("UPDATE row SET conflict = 1 WHERE conflict = -1");
  // A row whose conflict is over was in no plan that was confirmed meanwhile.
  if (has_ended_conflicts_) {
    db_.execute(
        "UPDATE row SET conflict = 0 WHERE conflict = -2; UPDATE run SET by_confirm = 0 WHERE by_confirm");
    db_.execute(k_forget_canary);
  }
}

ImportSummary Import::Work::finish(std::string_view source, WallTime now) {
  if (first_) finish_first();
  protect_new_rows(db_, state.is_named_by_protections, findings_.last_row_before,
                   [this](const model::Card& card, std::int64_t source_line) {
                     refuse_line(source_line, k_is_protected, text_(card, false));
                     --summary_.added;
                   });
  summary_.source = source;
  summary_.finished_at = now;
  settle_conflicts();
  sqlite::Statement{db_, "DELETE FROM refused_line WHERE id <= ?1"}.bind(last_refused_before_).run();
  note_missing(db_, findings_, summary_);
  record_import(db_, started_at_, summary_);
  db_.execute("COMMIT");
  state.last_import = std::move(findings_);
  return summary_;
}

Import::Import(std::unique_ptr<Work> work) : work_{std::move(work)} {}
Import::Import(Import&&) noexcept = default;

Result<Import> Import::begin(Ledger& ledger, WallTime now, LineText text) {
  auto& state = ledger.state();
  return state.guarded([&] {
    state.last_import.reset();
    state.db.execute("BEGIN IMMEDIATE");
    state.db.execute(k_drop_leftovers);
    state.db.execute("UPDATE row SET conflict = -1 WHERE conflict <> 0");
    const bool had_conflicts = state.db.changes() > 0;
    protect_known_rows(state.db, state.is_named_by_protections);
    return Import{std::make_unique<Work>(state, now, std::move(text), had_conflicts)};
  });
}

namespace {

// Takes back an import that did not finish. Conflicts stay, to be safe, until the next import looks again:
// those before it and those that it found.
void take_back(sqlite::Connection& db, bool was_first) {
  // No transaction is open when waiting for the lock was given up between two of them.
  if (!sqlite3_get_autocommit(db.get())) db.execute("ROLLBACK");
  sqlite::Transaction transaction{db};
  db.execute(k_drop_leftovers);
  if (was_first) FirstImport::restore_index(db);
  db.execute("UPDATE row SET conflict = 1 WHERE conflict < 0");
  transaction.commit();
}

}  // namespace

Import::~Import() {
  if (!work_) return;
  auto& state = work_->state;
  const bool was_first = work_->is_first();
  work_.reset();  // its statements, before the transaction ends
  // An error leaves the rest to the next import, as a crash does.
  (void)state.guarded([&] { take_back(state.db, was_first); });
}

Result<void> Import::add(const model::InputRow& row) {
  return noted(work_->state.guarded([&] { work_->add(row); }));
}

Result<void> Import::refuse(std::int64_t source_line, std::string_view cause, std::string_view raw) {
  return noted(work_->state.guarded([&] { work_->refuse(source_line, cause, raw); }));
}

// After an error of the file nothing more is written to it.
Result<void> Import::noted(Result<void> done) {
  if (!done && done.error().code == Errc::io) work_.reset();
  return done;
}

Result<ImportSummary> Import::finish(std::string_view source, WallTime now) {
  auto& state = work_->state;
  std::optional<ImportSummary> summary;
  auto done = noted(state.guarded([&] {
    summary = work_->finish(source, now);
    work_.reset();
    state.checkpoint();
  }));
  if (!done) return done.error();
  return std::move(*summary);
}

Result<void> each_difference(Ledger& ledger, const std::function<void(const Difference&)>& visit) {
  return ledger.state().guarded([&] {
    if (!ledger.state().last_import) throw std::logic_error{"each_difference needs a finished import"};
    const auto& findings = *ledger.state().last_import;
    sqlite::Statement s{
        ledger.state().db,
        fmt::format("SELECT id, brand_id, card_id, code, openid, source_line, status, protected FROM row "
                    "WHERE {} ORDER BY id",
                    k_in_plan)};
    s.bind();
    while (s.step()) {
      const auto id = s.int64(0);
      Difference difference;
      difference.other_openid = findings.other_openid.has(id),
      difference.other_reason = findings.other_reason.has(id);
      const bool was_missing = findings.missing_before.has(id);
      const bool is_refused = s.int64(7) != 0;  // not added, then, but protected
      if (id > findings.last_row_before && is_refused) continue;
      if (id > findings.last_row_before)
        difference.kind = Difference::added;
      else if (difference.other_openid || difference.other_reason)
        difference.kind = Difference::changed;
      else if (!findings.named.has(id) && !was_missing)
        difference.kind = Difference::vanished;
      else if (findings.named.has(id) && was_missing)
        difference.kind = Difference::returned;
      else
        continue;
      difference.brand_id = s.text(1), difference.card_id = s.text(2), difference.code = s.text(3),
      difference.openid = s.text(4);
      difference.source_line = s.int64(5);
      difference.status = *model::status_from_text(s.text(6));
      visit(difference);
    }
  });
}

}  // namespace cardvoid::ledger
