#include <fmt/format.h>
#include <cardvoid/ledger/plan.hpp>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>

#include "plan_digest.hpp"
#include "state.hpp"

// What has changed: since a plan that was shown, or by the latest import.
namespace cardvoid::ledger {

namespace {

constexpr std::size_t k_examples = 3;

// Row numbers as remember_plan() writes them. Answers for ascending ones.
class RangeReader {
 public:
  explicit RangeReader(std::string text) : text_{std::move(text)}, at_{text_.data()} { read(); }
  RangeReader(const RangeReader&) = delete;  // at_ points into text_
  bool has(model::RowId id) {
    while (last_ != 0 && id > last_) read();
    return last_ != 0 && id >= first_;
  }

 private:
  void read() {
    const char* const end = text_.data() + text_.size();
    first_ = last_ = 0;
    if (at_ < end && *at_ == ' ') ++at_;
    at_ = std::from_chars(at_, end, first_).ptr;
    last_ = first_;
    if (at_ < end && *at_ == '-') at_ = std::from_chars(at_ + 1, end, last_).ptr;
  }
  std::string text_;
  const char* at_;
  model::RowId first_ = 0, last_ = 0;  // of the range that is looked at; 0: behind the last one
};

// What rows said before they were changed in place. Answers for ascending row numbers.
class Corrections {
 public:
  // Those made after `last`.
  Corrections(const sqlite::Connection& db, std::int64_t last)
      : all_{db, "SELECT row_id, openid, reason FROM correction WHERE id > ?1 ORDER BY row_id, id"} {
    all_.bind(last);
    has_one_ = all_.step();
  }
  // True if there is one. The first of a row counts.
  bool find(model::RowId id) {
    while (has_one_ && all_.int64(0) < id) has_one_ = all_.step();
    return has_one_ && all_.int64(0) == id;
  }
  std::string_view openid() const { return all_.text(1); }
  std::string_view reason() const { return all_.text(2); }

 private:
  sqlite::Statement all_;
  bool has_one_ = false;
};

struct ShownPlan {
  std::string fingerprint, row_ids;
  WallTime made_at{};
  // What `retry` did later came after it: shown again, a plan that was confirmed has a new made_at.
  WallTime since{};
  std::int64_t to_send = 0, last_row = 0, last_correction = 0;
  bool is_listed() const { return row_ids != k_unlisted; }
};

// The latest plan with these digits.
std::optional<ShownPlan> shown_plan(const sqlite::Connection& db, std::string_view digits) {
  const RoomForRanges room{db};
  sqlite::Statement s{
      db,
      "SELECT fingerprint, row_ids, made_at, min(made_at, coalesce(confirmed_at, made_at)), to_send, "
      "last_row, last_correction FROM shown_plan WHERE substr(fingerprint, 1, length(?1)) = ?1 "
      "ORDER BY id DESC LIMIT 1"};
  if (!s.bind(digits).step()) return std::nullopt;
  return ShownPlan{std::string{s.text(0)},
                   std::string{s.text(1)},
                   from_ms(s.int64(2)),
                   from_ms(s.int64(3)),
                   s.int64(4),
                   s.int64(5),
                   s.int64(6)};
}

// What has become of a row since that plan.
enum class Change {
  none,          // to be sent then and now, as it was
  added,         // to be sent now: a new row
  returned,      // to be sent now: it was here, and was not to be sent
  put_back,      // to be sent now, by `retry`
  corrected,     // to be sent then and now, with another openid or reason
  left_to_send,  // to be sent then and now, though the list no longer has it
  // To be sent then and not now:
  invalidated,
  rejected,
  accepted,
  is_protected,
  conflict,
  left,
  held,
};

// A row that is to be sent, or was in that plan.
struct Compared {
  const sqlite::Statement& row;
  bool was_to_send = false, is_new = false, is_put_back = false;
  bool other_openid = false, other_reason = false;  // than it had in that plan

  model::RowId id() const { return row.int64(0); }
  bool is_to_send() const { return row.int64(1) != 0; }
  model::Status status() const { return status_in(row, 2); }
  bool in_conflict() const { return row.int64(3) != 0; }
  bool is_protected() const { return row.int64(4) != 0; }
  bool is_accepted() const { return row.int64(13) != 0; }
  bool is_absent() const { return row.int64(5) != 0; }
  bool is_left() const { return row.int64(5) == 1; }
  std::string code() const { return std::string{row.text(6)}; }
  std::int64_t source_line() const { return row.int64(7); }
  bool is_retried_since(WallTime time) const { return !row.is_null(8) && row.int64(8) >= to_ms(time); }
  model::Card card() const {
    return {std::string{row.text(9)}, std::string{row.text(10)}, code(), std::string{row.text(11)},
            std::string{row.text(12)}};
  }
};

Change of_row_to_send(const Compared& row) {
  if (row.is_put_back) return Change::put_back;
  if (!row.was_to_send) return row.is_new ? Change::added : Change::returned;
  if (row.other_openid || row.other_reason) return Change::corrected;
  return row.is_absent() ? Change::left_to_send : Change::none;
}

Change change_of(const Compared& row) {
  if (row.is_to_send()) return of_row_to_send(row);
  if (row.status() == model::Status::invalidated) return Change::invalidated;
  if (row.is_accepted()) return Change::accepted;
  if (row.status() == model::Status::rejected) return Change::rejected;
  if (row.is_protected()) return Change::is_protected;
  if (row.in_conflict()) return Change::conflict;
  return row.is_left() ? Change::left : Change::held;
}

// In the order in which Compared reads it.
const std::string k_rows = fmt::format(
    "SELECT id, {}, status, conflict, protected, absent, iif(forgotten_at IS NULL, code, ''), source_line, "
    "retried_at, brand_id, card_id, "
    "openid, reason, {} FROM row WHERE {} ORDER BY id",
    k_to_send, k_is_accepted, k_in_plan);

void compare(const sqlite::Connection& db, const ShownPlan& plan,
             const std::function<void(const Compared&)>& visit) {
  RangeReader planned{plan.row_ids};
  Corrections corrections{db, plan.last_correction};
  sqlite::Statement rows{db, k_rows};
  for (rows.bind(); rows.step();) {
    Compared row{rows};
    row.was_to_send = planned.has(row.id());
    if (!row.was_to_send && !row.is_to_send()) continue;
    row.is_new = row.id() > plan.last_row;
    row.is_put_back = row.is_retried_since(plan.since);
    if (row.was_to_send && corrections.find(row.id())) {
      row.other_openid = corrections.openid() != rows.text(11);
      row.other_reason = corrections.reason() != rows.text(12);
    }
    visit(row);
  }
}

void count(const Compared& row, PlanChange& change) {
  const auto note = [&row](std::int64_t& number, std::vector<PlanChange::Row>* examples = nullptr) {
    ++number;
    if (examples && examples->size() < k_examples) examples->push_back({row.code(), row.source_line()});
  };
  switch (change_of(row)) {
    case Change::none:
    case Change::left_to_send: return;  // part of both plans
    case Change::added: return note(change.added, &change.rows_added);
    case Change::returned: return note(change.returned, &change.rows_returned);
    case Change::put_back:
      change.retried_more += !row.was_to_send;
      return note(change.retried, &change.rows_retried);
    case Change::corrected: return note(change.corrected, &change.rows_corrected);
    case Change::invalidated: return note(change.invalidated);
    case Change::rejected: return note(change.rejected);
    case Change::accepted: return note(change.accepted);
    case Change::is_protected: return note(change.is_protected);
    case Change::conflict: return note(change.conflicts, &change.rows_in_conflict);
    case Change::left: return note(change.left, &change.rows_left);
    case Change::held: return note(change.held);
  }
}

Difference difference_of(const Compared& row, Difference::Kind kind,
                         Difference::HeldBack held_back = Difference::sent) {
  Difference difference;
  difference.kind = kind;
  difference.card = row.card();
  difference.source_line = row.source_line();
  difference.status = row.status();
  difference.held_back = held_back;
  difference.other_openid = row.other_openid, difference.other_reason = row.other_reason;
  difference.in_place = !row.in_conflict() && row.status() == model::Status::pending;
  return difference;
}

// nullopt: the same as in the plan, or settled by what a run has sent.
std::optional<Difference> difference_of(Compared row, const ImportFindings& findings) {
  switch (change_of(row)) {
    case Change::none:
    case Change::invalidated:
    case Change::rejected: return std::nullopt;
    case Change::added: return difference_of(row, Difference::added);
    case Change::returned: return difference_of(row, Difference::returned);
    case Change::put_back: return difference_of(row, Difference::put_back);
    case Change::corrected: return difference_of(row, Difference::changed);
    case Change::left_to_send: return difference_of(row, Difference::left);
    case Change::left: return difference_of(row, Difference::left, Difference::left_list);
    case Change::accepted: return difference_of(row, Difference::kept_back, Difference::accepted);
    case Change::is_protected: return difference_of(row, Difference::kept_back, Difference::is_protected);
    case Change::held: return difference_of(row, Difference::kept_back, Difference::held);
    case Change::conflict: break;
  }
  row.other_openid = findings.other_openid.has(row.id());
  row.other_reason = findings.other_reason.has(row.id());
  const bool is_named = row.other_openid || row.other_reason;  // by the list of now
  return difference_of(row, is_named ? Difference::changed : Difference::kept_back, Difference::conflict);
}

using Visit = std::function<void(const Difference&)>;

void each_since_plan(const sqlite::Connection& db, const ImportFindings& findings,
                     const std::string& fingerprint, const Visit& visit) {
  const auto plan = shown_plan(db, fingerprint);
  if (!plan || !plan->is_listed()) throw std::logic_error{"differences need the rows of a plan"};
  compare(db, *plan, [&](const Compared& row) {
    if (const auto difference = difference_of(row, findings)) visit(*difference);
  });
}

void each_since_import(const sqlite::Connection& db, const ImportFindings& findings, const Visit& visit) {
  sqlite::Statement rows{db, k_rows};
  for (rows.bind(); rows.step();) {
    Compared row{rows};
    const auto id = row.id();
    row.other_openid = findings.other_openid.has(id), row.other_reason = findings.other_reason.has(id);
    const bool was_missing = findings.missing_before.has(id);
    if (id > findings.last_row_before) {
      if (!row.is_protected()) visit(difference_of(row, Difference::added));  // else the line is refused
    } else if (row.other_openid || row.other_reason) {
      visit(difference_of(row, Difference::changed));
    } else if (!findings.named.has(id) && !was_missing) {
      visit(difference_of(row, Difference::left, row.is_left() ? Difference::left_list : Difference::sent));
    } else if (findings.named.has(id) && was_missing) {
      visit(difference_of(row, Difference::returned));
    }
  }
}

const ImportFindings& last_import_of(const Ledger& ledger) {
  if (!ledger.state().last_import) throw std::logic_error{"differences need a finished import"};
  return *ledger.state().last_import;
}

}  // namespace

Result<std::optional<PlanChange>> change_since(Ledger& ledger, std::string_view fingerprint_digits) {
  return ledger.state().guarded([&]() -> std::optional<PlanChange> {
    const auto& db = ledger.state().db;
    const auto plan = shown_plan(db, fingerprint_digits);
    if (!plan) return std::nullopt;
    PlanChange change;
    change.fingerprint = plan->fingerprint;
    change.made_at = plan->made_at;
    change.to_send = plan->to_send;
    change.is_listed = plan->is_listed();
    if (change.is_listed) compare(db, *plan, [&change](const Compared& row) { count(row, change); });
    return change;
  });
}

Result<Basis> basis_of_differences(Ledger& ledger) {
  const auto& findings = last_import_of(ledger);
  return ledger.state().guarded([&]() -> Basis {
    sqlite::Statement confirmed{
        ledger.state().db,
        "SELECT fingerprint, made_at, row_ids = ?1 FROM shown_plan WHERE confirmed_at IS NOT NULL "
        "ORDER BY confirmed_at DESC, id DESC LIMIT 1"};
    if (confirmed.bind(k_unlisted).step() && confirmed.int64(2) == 0)
      return {Basis::plan, std::string{confirmed.text(0)}, from_ms(confirmed.int64(1))};
    return {findings.is_first ? Basis::nothing : Basis::import, {}, {}};
  });
}

Result<void> each_difference(Ledger& ledger, const Basis& basis, const Visit& visit) {
  const auto& findings = last_import_of(ledger);
  return ledger.state().guarded([&] {
    const auto& db = ledger.state().db;
    if (basis.kind == Basis::plan) each_since_plan(db, findings, basis.fingerprint, visit);
    if (basis.kind == Basis::import) each_since_import(db, findings, visit);
  });
}

}  // namespace cardvoid::ledger
