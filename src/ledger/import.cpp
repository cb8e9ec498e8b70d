#include <fmt/format.h>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/import.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "keyed_hash.hpp"
#include "large_import.hpp"
#include "state.hpp"
#include "take_effect.hpp"
#include "unchanged.hpp"

namespace cardvoid::ledger {

namespace {

// Large transactions: one fsync for so many lines, and a write-ahead log that stays bounded. From the moment
// that the key goes away, an import that is not the first is one transaction.
constexpr std::int64_t k_lines_per_transaction = 100'000;

// A line is mostly the row behind that of the line before, when the same list comes again: found without a
// look at the index. Where it never is, the guess costs little.
constexpr int k_lines_per_guess = 16;

// With more rows the filter takes too many new cards for known ones to be worth the key.
constexpr std::int64_t k_most_rows_for_filter = 30'000'000;

// With more templates or brands than that a first import leaves its survey to another reading.
constexpr std::size_t k_most_templates = 1000;

// Of a row that this import brought: two of its lines contradict each other, and it goes at the end.
constexpr std::int64_t k_within_input = 2;

constexpr std::string_view k_two_openids =
    "the same card is named with two different openids; neither line is sent";
constexpr std::string_view k_other_reason =
    "the same card again with another reason; the line that came first counts";
constexpr std::string_view k_conflicts_with_plan =
    "requests were made for this card with another openid or reason; not sent until the two agree again, or "
    "with another results database";
constexpr std::string_view k_stays_protected =
    "protected: never sent; the card stays as an earlier list named it until nothing protects it any more";
constexpr std::string_view k_already_sent =
    "requests were already sent for this card with another openid; to send this line, name another results "
    "database";

// Behind the last known row a list may leave out a few, which left it or never were there.
constexpr int k_rows_of_a_guess = 8;

constexpr std::string_view k_known =
    "SELECT id, openid, reason, source_line, status, conflict FROM row WHERE";

// Removes the rows and refused lines of an import that did not finish. Nothing was sent for them: sending
// begins after an import.
const std::string k_drop_leftovers = fmt::format(
    "DELETE FROM row WHERE id > {} AND NOT EXISTS (SELECT 1 FROM attempt WHERE row_id = row.id); "
    "DELETE FROM refused_line WHERE id > coalesce((SELECT last_refused FROM import ORDER BY id DESC LIMIT "
    "1), "
    "0)",
    k_last_in_plan);

// What was heard of rows known before, until the import is complete: in a temporary table, which SQLite keeps
// in a file. So an import that dies or is given up has changed none of them.
const sqlite::Connection& with_room_to_listen(sqlite::Connection& db) {
  db.execute(
      "PRAGMA temp.cache_size = -8192; DROP TABLE IF EXISTS temp.heard; CREATE TEMP TABLE heard (row_id "
      "INTEGER PRIMARY KEY, openid TEXT NOT NULL, reason TEXT NOT NULL, source_line INTEGER NOT NULL) "
      "STRICT");
  return db;
}

// A row that the input names.
struct KnownRow {
  model::RowId id = 0;
  std::string openid, reason;
  std::int64_t source_line = 0;
  bool is_pending = false;
  std::int64_t conflict = 0;
};

// As k_known selects it.
KnownRow known_in(const sqlite::Statement& s) {
  const bool is_pending = s.text(4) == model::to_text(model::Status::pending);
  return {s.int64(0), std::string{s.text(1)}, std::string{s.text(2)}, s.int64(3), is_pending, s.int64(5)};
}

void record_import(const sqlite::Connection& db, WallTime started_at, const ImportSummary& summary) {
  std::optional<std::int64_t> file_time;
  if (summary.file.changed_at) file_time = to_ms(*summary.file.changed_at);
  sqlite::Statement{
      db,
      "INSERT INTO import (started_at, finished_at, source, lines, added, known, duplicates, "
      "refused, conflicts, vanished, vanished_to_send, file, file_time, sha256, read_by, elsewhere, "
      "last_row, last_refused) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, nullif(?12, ''), ?13, "
      "nullif(?14, ''), nullif(?15, ''), ?16, (SELECT coalesce(max(id), 0) FROM row), (SELECT "
      "coalesce(max(id), 0) FROM refused_line))"}
      .bind(to_ms(started_at), to_ms(summary.finished_at), summary.source, summary.lines, summary.added,
            summary.known, summary.duplicates, summary.refused, summary.conflicts, summary.vanished,
            summary.vanished_to_send, summary.file.name, file_time, summary.file.sha256, summary.read_by,
            summary.elsewhere)
      .run();
}

}  // namespace

// Everything here may throw sqlite::Failure. ImportFindings::named tells a card that comes twice in this
// input from one known before.
class Import::Work {
 public:
  Work(Ledger::State& state, WallTime now, LineText text, model::Vanished vanished);
  void add(const model::InputRow& row);
  void refuse(std::int64_t line, std::string_view cause, std::string_view raw);
  void pass_over(bool names_a_card) {
    ++summary_.elsewhere;
    names_others_ = names_others_ || names_a_card;
  }
  bool is_first() const { return is_first_; }  // also when finish() has failed
  Result<ImportSummary> finish(std::string_view source, WallTime now, model::ListFile file,
                               std::string read_by, const Recipe& recipe);

  Ledger::State& state;

 private:
  void count_line();
  std::string text_of(const model::Card& card, bool is_current);
  const sqlite::Statement* guess(const model::Card& card, bool always);
  const sqlite::Statement* find(const model::Card& card);
  bool take_as_forgotten(const model::Card& card);
  void insert(const model::InputRow& row);
  std::optional<KnownRow> insert_or_find(const model::InputRow& row);
  void compare_new(const model::InputRow& row, const KnownRow& known);
  void compare_known(const model::InputRow& row, KnownRow known);
  void take_as_known(const model::InputRow& row, const KnownRow& known, bool again);
  void correct(const model::InputRow& row, const KnownRow& known);
  void note_change(const model::Card& card, const KnownRow& known);
  void contradict_new(const model::InputRow& row, const KnownRow& known);
  void contradict_known(const model::InputRow& row, const KnownRow& known);
  bool was_requested(model::RowId id);
  void refuse_line(std::int64_t line, std::string_view cause, std::string_view raw);
  void refuse_line(const model::InputRow& row, std::string_view cause);
  bool has_many_new() const;
  void take_key_away();
  void begin_if_large();
  void add_of_many(const model::InputRow& row);
  void take_waiting();
  void compare(const model::InputRow& row, KnownRow known);
  void note_added(const model::InputRow& row);
  std::optional<Survey> finish_survey();

  sqlite::Connection& db_;
  sqlite::Statement insert_, by_key_, after_last_, set_conflict_, refuse_, is_requested_, is_protected_,
      hear_, heard_, unhear_;
  bool last_was_known_ = false;  // there was a row for the last line
  model::RowId last_known_ = 0;
  bool guessed_right_ = false;
  int not_guessed_ = 0;
  std::int64_t strays_ = 0;  // lines whose row was found by the index
  bool is_first_ = false;
  std::optional<KeyedHash> hash_;       // none: nothing was ever forgotten
  std::int64_t many_lines_ = 0;         // so many new rows, or lines out of order, make it large
  bool is_one_transaction_ = false;     // from now on
  std::unique_ptr<LargeImport> large_;  // none: it is not large so far
  WaitingLines* taking_ = nullptr;      // the input has ended, and what waits is taken
  std::int64_t taken_ = 0;              // the number of the line that is taken
  std::optional<model::RowId> new_id_;  // of the row to insert; none: the next
  std::optional<Surveyor> surveyor_;    // of a first import whose rows are all as they came
  RowSet surveyed_;                     // rows that waited aside come behind those after them
  LineText text_;
  WallTime started_at_{};
  ImportFindings findings_;
  RowSet protected_before_;  // named by a protection as they stand, before this input changes any
  std::int64_t last_refused_before_;
  bool contradicts_itself_ = false;
  bool names_one_twice_ = false;  // a card with different values
  bool names_others_ = false;     // cards of other shards
  model::Vanished vanished_;
  ImportSummary summary_;
  std::int64_t in_transaction_ = 0;
};

// Inside the transaction that begin() opened.
Import::Work::Work(Ledger::State& of_ledger, WallTime now, LineText text, model::Vanished vanished)
    : state{of_ledger},
      db_{of_ledger.db},
      insert_{db_,
              "INSERT INTO row (brand_id, card_id, code, openid, reason, source_line, id) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"},
      by_key_{db_, fmt::format("{} brand_id = ?1 AND card_id = ?2 AND code = ?3", k_known)},
      after_last_{
          db_,
          // Plus: not by their index.
          fmt::format("{} +brand_id = ?1 AND +card_id = ?2 AND +code = ?3 AND id > ?4 AND id <= ?4 + {}",
                      k_known, k_rows_of_a_guess)},
      set_conflict_{db_, "UPDATE row SET conflict = ?2 WHERE id = ?1"},
      refuse_{db_, "INSERT INTO refused_line (source_line, cause, raw) VALUES (?1, ?2, ?3)"},
      is_requested_{db_, fmt::format("SELECT {} FROM row WHERE id = ?1", k_was_requested)},
      is_protected_{db_,
                    fmt::format("SELECT {} FROM (SELECT ?1 AS brand_id, ?2 AS card_id, ?3 AS code, ?4 AS "
                                "openid) AS row",
                                of_ledger.is_named_by_protections)},
      hear_{with_room_to_listen(db_), "INSERT INTO temp.heard VALUES (?1, ?2, ?3, ?4)"},
      heard_{db_, "SELECT openid, reason, source_line FROM temp.heard WHERE row_id = ?1"},
      unhear_{db_, "DELETE FROM temp.heard WHERE row_id = ?1"},
      text_{std::move(text)},
      started_at_{now},
      last_refused_before_{ask(db_, "SELECT coalesce(max(id), 0) FROM refused_line")},
      vanished_{vanished} {
  findings_.is_first = ask(db_, "SELECT NOT EXISTS (SELECT 1 FROM import)") != 0;
  findings_.last_row_before = ask(db_, "SELECT coalesce(max(id), 0) FROM row");
  protected_before_ = rows_named_by(db_, of_ledger.is_named_by_protections);
  findings_.is_protected = protected_before_;
  hash_ = KeyedHash::find(db_);
  // Its cards would all be new, and sent again.
  if (!hash_ && ask(db_, "SELECT EXISTS (SELECT 1 FROM row WHERE forgotten_at IS NOT NULL)"))
    refuse_value("forgotten rows without the key of their hashes");
  is_first_ = LargeImport::is_first(db_);
  many_lines_ = is_first_ ? 0 : std::max(state.many_lines, findings_.last_row_before / k_large_part);
  begin_if_large();
  if (is_first_ && of_ledger.is_named_by_protections == "FALSE") surveyor_.emplace(db_, k_most_templates);
}

// This card's row, if it is one of the next few behind that of the last known line. Without `always` it is
// looked for at times only, unless the guess before was right.
const sqlite::Statement* Import::Work::guess(const model::Card& card, bool always) {
  if (!always && !guessed_right_ && ++not_guessed_ % k_lines_per_guess != 0) return nullptr;
  guessed_right_ = after_last_.bind(card.brand_id, card.card_id, card.code, last_known_).step();
  if (!guessed_right_) return nullptr;
  last_known_ = after_last_.int64(0);
  return &after_last_;
}

// The row of this card, if there is one. The caller resets by_key_ and after_last_ when it has read it.
const sqlite::Statement* Import::Work::find(const model::Card& card) {
  if (const auto* const guessed = guess(card, false)) return guessed;
  if (!by_key_.bind(card.brand_id, card.card_id, card.code).step()) return nullptr;
  ++strays_;
  last_known_ = by_key_.int64(0);
  return &by_key_;
}

// A card whose row was settled and then forgotten: known, and never sent again. Whether the input now has
// another openid or reason for it cannot be told any more.
bool Import::Work::take_as_forgotten(const model::Card& card) {
  if (!by_key_.bind(card.brand_id, card.card_id, hash_->of(card.code)).step()) return false;
  const auto id = by_key_.int64(0);
  by_key_.reset();
  ++(findings_.named.has(id) ? summary_.duplicates : summary_.known);
  findings_.named.add(id);
  return true;
}

void Import::Work::insert(const model::InputRow& row) {
  const auto& card = row.card;
  insert_.bind(card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line, new_id_)
      .run();
}

// A new row, then nullopt; else the one that was there. Tries first what is likelier: a list is mostly new,
// or mostly known.
std::optional<KnownRow> Import::Work::insert_or_find(const model::InputRow& row) {
  const auto* found = last_was_known_ ? find(row.card) : nullptr;
  if (!found) {
    insert(row);
    last_was_known_ = db_.changes() == 0;
    if (!last_was_known_) return std::nullopt;
    found = find(row.card);
    if (!found) throw std::logic_error{"a row could be neither inserted nor found"};
  }
  auto known = known_in(*found);
  by_key_.reset();
  after_last_.reset();
  return known;
}

void Import::Work::add(const model::InputRow& row) {
  count_line();
  if (large_ && !taking_) return add_of_many(row);
  if (hash_ && take_as_forgotten(row.card)) return;
  if (auto known = insert_or_find(row))
    compare(row, std::move(*known));
  else
    note_added(row);
  if (!taking_) begin_if_large();
}

// Once many new rows have come, or most lines were found by the key's index.
void Import::Work::begin_if_large() {
  const bool has_strays = strays_ >= many_lines_ && strays_ > summary_.lines / 2;
  if (!has_strays && !has_many_new()) return;
  large_ = std::make_unique<LargeImport>(db_, state.filter_words);
  if (has_many_new()) take_key_away();
}

bool Import::Work::has_many_new() const {
  return summary_.added >= many_lines_ && findings_.last_row_before <= k_most_rows_for_filter;
}

void Import::Work::take_key_away() {
  is_one_transaction_ = !is_first_;
  large_->take_key_away();
}

void Import::Work::add_of_many(const model::InputRow& row) {
  const auto& card = row.card;
  const auto key = CardFilter::key_of(card);
  const auto number = large_->next_number();
  if (is_first_) new_id_ = number;
  const auto may_be_forgotten = [&] {
    return hash_ &&
           large_->may_have_row(CardFilter::key_of(card.brand_id, card.card_id, hash_->of(card.code)));
  };
  if (!large_->may_have_come(key) && !may_be_forgotten()) {
    insert(row);
    if (db_.changes() != 1) throw std::logic_error{"a new card has a row"};
    note_added(row);
    if (!large_->is_key_away() && has_many_new()) take_key_away();
    return;
  }
  const auto* const found = large_->may_wait(key) ? nullptr : guess(card, large_->is_key_away());
  if (!found) return large_->put_aside(number, key, row, text_(card, true));
  auto known = known_in(*found);
  after_last_.reset();
  compare(row, std::move(known));
}

void Import::Work::compare(const model::InputRow& row, KnownRow known) {
  if (known.id > findings_.last_row_before)
    compare_new(row, known);
  else
    compare_known(row, std::move(known));
}

void Import::Work::note_added(const model::InputRow& row) {
  ++summary_.added;
  if (!surveyor_) return;
  const auto& card = row.card;
  surveyor_->add({*new_id_, card.brand_id, card.card_id, card.code, card.openid, card.reason});
  surveyed_.add(*new_id_);
}

// With an earlier line of this input.
void Import::Work::compare_new(const model::InputRow& row, const KnownRow& known) {
  names_one_twice_ = names_one_twice_ || known.conflict == k_within_input ||
                     known.openid != row.card.openid || known.reason != row.card.reason;
  if (known.conflict == k_within_input) return refuse_line(row, k_two_openids);
  if (known.openid != row.card.openid) return contradict_new(row, known);
  if (known.reason != row.card.reason) return refuse_line(row, k_other_reason);
  ++summary_.duplicates;
}

// With a row of earlier imports, or with what this input has said of it so far.
void Import::Work::compare_known(const model::InputRow& row, KnownRow known) {
  const auto id = known.id;
  const bool again = findings_.named.has(id);
  findings_.named.add(id);
  if (findings_.contradicted.has(id)) return refuse_line(row, k_two_openids);
  if (again && heard_.bind(id).step()) {
    known.openid = heard_.text(0), known.reason = heard_.text(1), known.source_line = heard_.int64(2);
    heard_.reset();
  }
  const bool same_openid = known.openid == row.card.openid, same_reason = known.reason == row.card.reason;
  names_one_twice_ = names_one_twice_ || (again && !(same_openid && same_reason));
  if (same_openid && same_reason) return take_as_known(row, known, again);
  if (known.is_pending && !was_requested(id)) {
    // By what it says now: somebody was told that it is held, and a correction must not take that back.
    if (protected_before_.has(id)) {
      findings_.in_conflict.add(id);  // for a list that no longer names it and protects it no more
      return refuse_line(row, k_stays_protected);
    }
    if (!again) return correct(row, known);
    return same_openid ? refuse_line(row, k_other_reason) : contradict_known(row, known);
  }
  if (known.is_pending) {
    if (!findings_.in_conflict.has(id)) ++summary_.conflicts;
    findings_.in_conflict.add(id);
    note_change(row.card, known);
    return refuse_line(row, k_conflicts_with_plan);
  }
  if (same_openid) return take_as_known(row, known, again);  // too late for another reason
  note_change(row.card, known);
  refuse_line(row, k_already_sent);
}

void Import::Work::take_as_known(const model::InputRow& row, const KnownRow& known, bool again) {
  if (!again && known.is_pending && findings_.is_protected.has(known.id))
    return refuse_line(row, k_protected_cause);
  ++(again ? summary_.duplicates : summary_.known);
}

// No request was made for it, and nothing protects it as it stands: it will be what this input says.
void Import::Work::correct(const model::InputRow& row, const KnownRow& known) {
  const auto& card = row.card;
  hear_.bind(known.id, card.openid, card.reason, row.source_line).run();
  note_change(card, known);
  is_protected_.bind(card.brand_id, card.card_id, card.code, card.openid);
  const bool is_protected = is_protected_.step() && is_protected_.int64(0) != 0;
  is_protected_.reset();
  findings_.is_protected.set(known.id, is_protected);
  ++summary_.corrected;
  if (is_protected) refuse_line(row, k_protected_cause);
}

bool Import::Work::was_requested(model::RowId id) {
  const bool was = is_requested_.bind(id).step() && is_requested_.int64(0) != 0;
  is_requested_.reset();
  return was;
}

void Import::Work::note_change(const model::Card& card, const KnownRow& known) {
  const auto id = known.id;
  summary_.changed += !findings_.other_openid.has(id) && !findings_.other_reason.has(id);
  if (known.openid != card.openid) findings_.other_openid.add(id);
  if (known.reason != card.reason) findings_.other_reason.add(id);
}

// Two lines of this input name one card with two openids: neither counts.
void Import::Work::contradict_new(const model::InputRow& row, const KnownRow& known) {
  const auto& card = row.card;
  set_conflict_.bind(known.id, k_within_input).run();
  contradicts_itself_ = true;
  surveyor_.reset();  // the row goes
  --summary_.added;
  refuse_line(known.source_line, k_two_openids,
              text_of({card.brand_id, card.card_id, card.code, known.openid, known.reason}, false));
  refuse_line(row, k_two_openids);
}

// The row stays what it was, and is not sent. Where the line that came first is is known only if it said
// something new.
void Import::Work::contradict_known(const model::InputRow& row, const KnownRow& known) {
  const auto id = known.id;
  const auto& card = row.card;
  findings_.contradicted.add(id);
  findings_.in_conflict.add(id);
  ++summary_.conflicts;
  unhear_.bind(id).run();
  if (db_.changes() > 0) {
    --summary_.corrected;
    refuse_line(known.source_line, k_two_openids,
                text_of({card.brand_id, card.card_id, card.code, known.openid, known.reason}, false));
  } else {
    --summary_.known;
    note_change(card, known);
  }
  refuse_line(row, k_two_openids);
}

void Import::Work::refuse_line(std::int64_t line, std::string_view cause, std::string_view raw) {
  refuse_.bind(line, cause, raw).run();
  ++summary_.refused;
}

void Import::Work::refuse_line(const model::InputRow& row, std::string_view cause) {
  refuse_line(row.source_line, cause, text_of(row.card, true));
}

void Import::Work::refuse(std::int64_t line, std::string_view cause, std::string_view raw) {
  count_line();
  refuse_line(line, cause, raw);
}

// Commits now and then.
void Import::Work::count_line() {
  ++summary_.lines;
  if (++in_transaction_ <= k_lines_per_transaction || is_one_transaction_) return;
  db_.execute("COMMIT; BEGIN IMMEDIATE");
  in_transaction_ = 0;
}

// The text of a line that has waited is with it.
std::string Import::Work::text_of(const model::Card& card, bool is_current) {
  return taking_ && is_current ? taking_->text_of(taken_) : text_(card, is_current);
}

// Lines that waited come as the others do. New rows of a first import come under the numbers that keep them
// in the order of the input; those of another one behind the others, for with so many numbers between them
// their ranges would be long (RangeWriter).
void Import::Work::take_waiting() {
  taking_ = &large_->finish();
  const auto lines = summary_.lines;
  const auto take = [&](std::int64_t number, const model::InputRow& row) {
    taken_ = number;
    if (is_first_) new_id_ = number;
    add(row);
  };
  sqlite::Statement by_id{db_, fmt::format("{} id = ?1", k_known)};
  const auto take_known = [&](model::RowId id, std::int64_t number, const model::InputRow& row) {
    if (!by_id.bind(id).step()) throw sqlite::Failure{SQLITE_CORRUPT, fmt::format("row {} is not there", id)};
    auto known = known_in(by_id);
    by_id.reset();
    taken_ = number;
    compare(row, std::move(known));
  };
  if (taking_->count() < state.many_lines)
    taking_->each(take);
  else
    taking_->each_sorted(take_known, take);
  taking_->drop();
  taking_ = nullptr;
  large_.reset();
  summary_.lines = lines;
}

// nullopt: it must be read, or it would depend on the order in which the rows came. Counts of openids are
// lower bounds in any order.
std::optional<Survey> Import::Work::finish_survey() {
  if (!surveyor_) return std::nullopt;
  RangeWriter ids;
  surveyed_.each([&](model::RowId id) { ids.add(id); });
  auto survey = surveyor_->finish(ids.finish());
  if (survey.others.rows > 0 || !survey.reasons.is_exact) return std::nullopt;
  return survey;
}

Result<ImportSummary> Import::Work::finish(std::string_view source, WallTime now, model::ListFile file,
                                           std::string read_by, const Recipe& recipe) {
  if (large_) take_waiting();
  protect_new_rows(db_, state.is_named_by_protections, findings_.last_row_before,
                   [this](const model::Card& card, std::int64_t source_line) {
                     refuse_line(source_line, k_protected_cause, text_of(card, false));
                     --summary_.added;
                   });
  summary_.source = source;
  summary_.file = std::move(file), summary_.read_by = std::move(read_by);
  summary_.finished_at = now;
  if (contradicts_itself_) db_.execute(fmt::format("DELETE FROM row WHERE conflict = {}", k_within_input));
  take_effect(db_, findings_, vanished_, summary_);
  if (findings_.names_nothing && !names_others_ && summary_.newly_left > 0)
    return Error{Errc::bad_input,
                 tr("{}: names no card at all, and {} of earlier lists that no request was made for "
                    "would be held back; is it the right list? To send nothing, run nothing; to send "
                    "what an earlier list named, set input.vanished = \"send\"",
                    source, tr_n(summary_.newly_left, "{} card", "{} cards"))};
  sqlite::Statement{db_, "DELETE FROM refused_line WHERE id <= ?1"}.bind(last_refused_before_).run();
  record_import(db_, started_at_, summary_);
  summary_.is_repeatable = summary_.is_repeatable && !names_one_twice_;
  keep_recipe(db_, summary_, recipe);
  forget_counts(db_);
  if (is_first_ && state.is_named_by_protections == "FALSE" && summary_.added > 0) {
    RowKind of_all;
    of_all.status = model::to_text(model::Status::pending);
    keep_counts(db_, {{of_all, summary_.added}});
  }
  auto survey = finish_survey();
  const auto then = writes_to(db_);  // before others can write
  db_.execute("COMMIT");
  if (survey) state.kept_survey = {*std::move(survey), then};
  state.last_import = std::move(findings_);
  return summary_;
}

Import::Import(std::unique_ptr<Work> work) : work_{std::move(work)} {}
Import::Import(Import&&) noexcept = default;

Result<Import> Import::begin(Ledger& ledger, WallTime now, LineText text, model::Vanished vanished) {
  auto& state = ledger.state();
  return state.guarded([&] {
    state.last_import.reset();
    state.kept_survey.reset();
    state.db.execute("BEGIN IMMEDIATE");
    state.db.execute(k_drop_leftovers);
    return Import{std::make_unique<Work>(state, now, std::move(text), vanished)};
  });
}

namespace {

// Takes back an import that did not finish: the rows that it has brought. Others it has not changed.
void take_back(sqlite::Connection& db, bool was_first) {
  // No transaction is open when waiting for the lock was given up between two of them.
  if (!sqlite3_get_autocommit(db.get())) db.execute("ROLLBACK");
  sqlite::Transaction transaction{db};
  db.execute(k_drop_leftovers);
  db.execute(k_usual_cache);
  if (was_first) LargeImport::restore_indices(db);
  transaction.commit();
}

}  // namespace

Import::~Import() {
  if (!work_) return;
  auto& state = work_->state;
  const bool was_first = work_->is_first();
  work_.reset();  // its statements, before the transaction ends
  sqlite3_progress_handler(state.db.get(), 0, nullptr, nullptr);  // what was interrupted is taken back whole
  // An error leaves the rest to the next import, as a crash does.
  (void)state.guarded([&] { take_back(state.db, was_first); });
}

Result<void> Import::add(const model::InputRow& row) {
  return noted(work_->state.guarded([&] { work_->add(row); }));
}

Result<void> Import::refuse(std::int64_t source_line, std::string_view cause, std::string_view raw) {
  return noted(work_->state.guarded([&] { work_->refuse(source_line, cause, raw); }));
}

void Import::pass_over(bool names_a_card) { work_->pass_over(names_a_card); }

// After an error of the file nothing more is written to it.
Result<void> Import::noted(Result<void> done) {
  if (!done && done.error().code == Errc::io) work_.reset();
  return done;
}

Result<ImportSummary> Import::finish(std::string_view source, WallTime now, model::ListFile file,
                                     std::string read_by, const Recipe& recipe) {
  auto& state = work_->state;
  std::optional<Result<ImportSummary>> summary;
  auto done = noted(state.guarded(
      [&] { summary = work_->finish(source, now, std::move(file), std::move(read_by), recipe); }));
  if (!done) return done.error();
  if (!*summary) return *std::move(summary);
  work_.reset();
  (void)state.guarded([&] { state.checkpoint(); });
  return *std::move(summary);
}

}  // namespace cardvoid::ledger
