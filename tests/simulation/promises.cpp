#include <fmt/ranges.h>

#include <algorithm>
#include <cardvoid/run/outlook.hpp>
#include <cmath>
#include <set>

#include "job.hpp"

// What must hold whenever a request leaves, and after every process (docs/guarantees.md).
namespace cardvoid::simulation {

using model::AttemptKind;
using model::RowId;

namespace {

// Codes are "100", "101", … (scenario.cpp).
std::size_t index_of(std::string_view code) {
  return static_cast<std::size_t>(std::stoi(std::string{code})) - 100;
}

// Of a list, by its description (lists.hpp).
std::size_t number_of(std::string_view description) {
  return static_cast<std::size_t>(std::stoi(std::string{description.substr(5)}));
}

}  // namespace

// An import is complete, and its list counts.
void Job::note_import(std::size_t number) {
  if (lists_.imported(number)) proven_ = 0;  // another plan
}

// The rows that are to be sent now, by what was promised. Equal plans have equal fingerprints, and others
// not.
void Job::note_plan(const std::string& fingerprint) {
  ++tally_.plans;
  to_send_.clear();
  std::set<std::string> left_out;
  auto& rows = observer().left_out;
  for (rows.bind(); rows.step();) left_out.emplace(rows.text(0));
  rows.reset();
  for (std::size_t i = 0; i < platform_.cards().size(); ++i) {
    const auto& card = platform_.cards()[i];
    const auto& code = card.card.code;
    if (!lists_.is_planned(i) || protected_.contains(code) || left_out.contains(code)) continue;
    const auto found = results_.find(code);
    const auto row = found == results_.end() ? ResultRow{} : found->second;
    if (row.status == "invalidated" || row.status == "rejected" || row.held) continue;
    if (!row.was_requested() && !lists_.listed(i) && !sends_vanished_) continue;
    const auto& says = row.was_requested() ? row.says : lists_.named(i);
    to_send_.insert(fmt::format("{} {} {}", code, says.openid, says.reason));
  }
  const auto plan = fmt::format("{}", fmt::join(to_send_, "\n"));
  const auto [known, is_new] = plans_.emplace(fingerprint, plan);
  if (known->second != plan) fail("two plans have the same fingerprint");
  for (const auto& [other, others] : plans_)
    if (is_new && other != fingerprint && others == plan) fail("one plan has two fingerprints");
}

// What a request says of its card, beside the code.
void Job::check_list(std::size_t index, const model::Card& as_sent) {
  const auto& card = platform_.cards()[index];
  const Lists::Named says{as_sent.openid, as_sent.reason};
  const auto known = results_.find(card.card.code);
  const bool was_requested = known != results_.end() && known->second.was_requested();
  if (was_requested && says != known->second.says)
    fail("sent with another openid or reason than before", &card);
  if (!was_requested && card.posts_left == 0) {
    if (!lists_.listed(index) && !sends_vanished_)
      fail("sent for the first time though it has left the list", &card);
    if (says != lists_.named(index)) fail("sent with another openid or reason than its list has", &card);
  }
  if (!to_send_.contains(fmt::format("{} {} {}", card.card.code, says.openid, says.reason)))
    fail("sent, and the fingerprint does not cover it", &card);
}

void Job::request_leaves(RowId row, AttemptKind kind, const Card& card, const model::Card& as_sent) {
  const auto index = static_cast<std::size_t>(&card - platform_.cards().data());
  world_.stamp(index * 2 + (kind == AttemptKind::invalidate));
  world_.stamp(static_cast<std::uint64_t>(world_.instant().time_since_epoch().count()));
  if (!lists_.is_planned(index)) fail("a request for a card that is not in the plan", &card);

  // Never more than the limit in any window, over processes and crashes too.
  const auto rate = job_.limits.requests_per_second;
  const auto most = static_cast<std::size_t>(std::ceil(rate));
  const nanoseconds window{static_cast<std::int64_t>(static_cast<double>(most) / rate * 1e9)};
  auto& departures = departures_[job_.limits.per == model::QuotaPer::brand ? card.card.brand_id : ""];
  departures.push_back(world_.instant());
  if (departures.size() > most) {
    if (world_.instant() - departures.front() < window) fail("above the limit", &card);
    departures.pop_front();
  }

  // Read back to see whether our credentials still work.
  const bool is_witness = kind == AttemptKind::read_back && card.was_proven && !card.is_open;
  if (!is_witness) check_canary(card);
  if (job_.safety.window && !reads_only_ && !has_clock_steps_) {
    // Timers are late, and signing takes a moment.
    const auto now = world_.now().wall;
    if (!run::is_open(*job_.safety.window, now) && !run::is_open(*job_.safety.window, now - 20ms))
      fail("a request outside of the window", &card);
  }
  check_intent(row, kind, card);
  if (kind == AttemptKind::read_back) return;
  if (reads_only_) fail("reconcile invalidates", &card);
  if (protected_.contains(card.card.code)) fail("sent although it is protected", &card);
  if (held_.contains(card.card.code)) fail("sent although protect has held it", &card);
  check_list(index, as_sent);
  if (card.was_proven) fail("sent although the platform had said INVALID", &card);
  if (card.is_doubtful) fail("sent in doubt, without a read-back", &card);
  if (const auto known = results_.find(card.card.code);
      known != results_.end() &&
      (known->second.status == "invalidated" || known->second.status == "rejected"))
    fail("sent although it is settled", &card);
  if (const auto known = results_.find(card.card.code); known != results_.end() && known->second.held)
    fail("sent although it is held", &card);
  if (card.is_invalid()) ++tally_.second_calls;
}

void Job::check_intent(RowId row, AttemptKind kind, const Card& card) {
  auto& intent = observer().intent;
  intent.bind(row, model::to_text(kind));
  if (!intent.step()) fail("sent before its intent was durable", &card);
  const bool invalidates = kind == AttemptKind::invalidate;
  if (invalidates && intent.text(0) != "in_flight") fail("sent before its row was in flight", &card);
  if (invalidates && intent.int64(1) != 0) fail("sent although its list contradicts what was sent", &card);
  if (invalidates && intent.int64(2) == 1) fail("sent although it is held back", &card);
  intent.reset();
}

// Until enough rows were read back as INVALID nothing leaves for another one beside a row that was begun.
void Job::check_canary(const Card& card) {
  if (reads_only_ || proven_ >= job_.safety.canary) return;
  for (const auto& other : platform_.cards())
    if (&other != &card && other.is_open && !is_settled_without_proof(other) && !is_left_aside(other))
      fail(fmt::format("begun while {} of the canary is not proven", other.card.code), &card);
}

// One that was INVALID before us counts for nothing, and needs no read-back where its time tells.
// And what an earlier process left may be rejected now.
bool Job::is_settled_without_proof(const Card& card) {
  return (card.was_proven && !card.invalidated_by_us) || (card.was_read_first && !card.is_invalid());
}

// Another one may be the canary meanwhile: it is accused, protected, or known to be odd.
bool Job::is_left_aside(const Card& card) const {
  const auto known = results_.find(card.card.code);
  const bool was_odd = known != results_.end() && (known->second.strange || known->second.held);
  return card.is_accused || is_protected(card) || was_odd;
}

void Job::is_read_back(const Card& card) {
  if (card.is_open) ++proven_;
}

// Of a card that the database knows by its number.
const Card& Job::card_of(RowId row) {
  sqlite::Statement code{observer().db, "SELECT code FROM row WHERE id = ?1"};
  code.bind(row);
  if (!code.step()) fail("no such row");
  return platform_.cards().at(index_of(code.text(0)));
}

void Job::check_trip(const model::Trip& trip) {
  const bool by_canary = trip.cause == model::TripCause::canary,
             by_already = trip.cause == model::TripCause::already;
  if (by_already && (job_.safety.expect_already || trip.rows.size() < k_already_that_stop))
    fail("stopped for cards that were INVALID already, and there is no reason");
  for (const auto row : trip.rows) {
    const auto& card = card_of(row);
    if (by_canary && !card.was_odd) fail("the canary failed in an outage", &card);
    if (by_already && card.invalidated_by_us)
      fail("stopped for a card that was INVALID already, and it was us", &card);
  }
}

// A list that is done already is the wrong list, or its results database was lost. What is under way when the
// run stops is settled.
void Job::check_already() const {
  const bool any_ours = std::any_of(platform_.cards().begin(), platform_.cards().end(),
                                    [](const Card& card) { return card.invalidated_by_us; });
  const auto most = static_cast<int>(k_already_that_stop) + job_.limits.max_in_flight;
  if (!job_.safety.expect_already && !any_ours && made_invalid_ == 0 && found_invalid_ > most)
    fail(fmt::format("{} cards were INVALID already, and the run goes on", found_invalid_));
}

void Job::check_report(const run::Report& report, Command command) {
  const auto& t = report.totals;
  const auto left = t.pending_to_send() + t.in_doubt();
  const auto refused = t.rejected + t.kept_back() + t.refused;
  if (report.exit_code == 0 && command == Command::run && (left > 0 || refused > 0))
    fail("exit code 0 and rows that are not INVALID");
  if (report.exit_code == 1 && (left > 0 || refused == 0)) fail("exit code 1 and rows left");
  if (report.exit_code == 75 && left == 0) fail("exit code 75 and nothing left");
  const int standing = left > 0      ? static_cast<int>(Errc::tripped)
                       : refused > 0 ? 1
                                     : 0;  // nothing left to stop
  if (report.trip && report.exit_code != standing) fail("it stopped itself, and the exit code hides it");
  if (report.trip && report.trip->rows.empty()) fail("it stopped itself, and no row is to blame");
  if (command == Command::reconcile && report.exit_code == 0 && t.in_doubt() > 0)
    fail("reconcile ends with 0 and rows in doubt");
  if (t.rows() != static_cast<std::int64_t>(lists_.planned()) && command == Command::run)
    fail("the totals have lost rows");
}

// A card that cannot be settled never keeps another from being settled. What a bad day left held waits for an
// operator.
void Job::check_nothing_is_held_up() {
  for (const auto& card : platform_.cards()) {
    if (is_left_out(card) || !lists_.is_planned(index_of(card.card.code))) continue;
    const auto& status = results_[card.card.code].status;
    if (!card.is_poisoned() && status != "invalidated" && status != "rejected" && status != "unresolved")
      fail("held up by another card", &card);
  }
}

void Job::check_results(bool at_the_end) {
  if (has_forgotten_) return;                    // the rows have no codes any more
  if (!disk_.contents().contains(k_database)) {  // it died too early
    lists_.forget();
    for (const auto& card : platform_.cards())
      if (card.posts_left > 0) fail("the database is gone and requests were sent", &card);
    return;
  }
  try {
    sqlite::Connection db{k_database, sqlite::Mode::read_write};
    sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite::Statement tables{db, "SELECT 1 FROM sqlite_schema WHERE name = 'results'"};
    tables.bind();
    if (!tables.step()) {
      lists_.forget();
      for (const auto& card : platform_.cards())
        if (card.posts_left > 0) fail("the database is gone and requests were sent", &card);
      return;
    }
    tables.reset();
    if (at_the_end) {
      sqlite::Statement check{db, "PRAGMA integrity_check"};
      check.bind();
      if (!check.step() || check.text(0) != "ok") fail("the database is damaged");
      check.reset();
    }
    sqlite::Statement requests{
        db, "SELECT count(*) FROM attempt WHERE outcome IS NOT NULL AND outcome <> 'withdrawn'"};
    requests.bind();
    requests.step();
    if (requests.int64(0) < told_) fail("a request was called on record and is not");
    requests.reset();
    sqlite::Statement counts{db,
                             "SELECT id, run.sent, coalesce(made, 0) FROM run LEFT JOIN (SELECT run_id, "
                             "count(*) AS made FROM attempt "
                             "WHERE kind = 'invalidate' AND sent GROUP BY run_id) ON run_id = id WHERE "
                             "run.sent <> coalesce(made, 0)"};
    counts.bind();
    if (counts.step())
      fail(fmt::format("run {} says that it sent {}, and {} are on record", counts.int64(0), counts.int64(1),
                       counts.int64(2)));
    counts.reset();
    sqlite::Statement newest{db, "SELECT source FROM import ORDER BY id DESC LIMIT 1"};
    newest.bind();
    newest.step() ? note_import(number_of(newest.text(0))) : lists_.forget();
    newest.reset();
    sqlite::Statement rows{
        db,
        "SELECT code, status, coalesce(invalid_time, ''), coalesce(settled_by, ''), held, (SELECT count(*) "
        "FROM attempt WHERE row_id = row.id AND kind = 'invalidate' AND sent), coalesce(error_code, ''), "
        "coalesce(endpoint, ''), strange, openid, reason, (SELECT count(*) FROM attempt WHERE row_id = "
        "row.id AND kind = 'read_back' AND sent), conflict FROM row WHERE id <= (SELECT max(last_row) FROM "
        "import)"};
    rows.bind();
    std::size_t count = 0;
    std::set<std::string> seen;
    while (rows.step()) {
      ++count;
      const std::string code{rows.text(0)};
      seen.insert(code);
      ResultRow now;
      now.status = rows.text(1), now.invalid_time = rows.text(2), now.settled_by = rows.text(3);
      now.held = rows.int64(4) != 0, now.strange = rows.int64(8) != 0;
      now.posts_on_record = rows.int64(5);
      now.says = {std::string{rows.text(9)}, std::string{rows.text(10)}};
      now.gets_on_record = rows.int64(11);
      now.conflicts = rows.int64(12) != 0;
      for (const int column : {1, 2, 3, 6, 7}) world_.stamp(rows.text(column));
      world_.stamp(static_cast<std::uint64_t>(now.posts_on_record * 2 + now.held));
      const auto& card = platform_.cards().at(index_of(code));
      check_row(card, now, at_the_end);
      const auto before = results_.find(code);
      if (now.status == "invalidated" && (before == results_.end() || before->second.status != "invalidated"))
        ++(now.settled_by == "already" ? found_invalid_ : made_invalid_);
      if (before != results_.end()) {
        const auto& was = before->second;
        const bool changed = now.status != was.status || now.invalid_time != was.invalid_time ||
                             now.settled_by != was.settled_by;
        // After a failed sync the machine shows what a power loss then takes away (fsync(2)).
        const bool was_never_durable = tally_.disk_faults > 0 && now.status == "in_flight";
        if (was.status == "invalidated" && changed && !was_never_durable)
          fail("a settled row has changed", &card);
      }
      results_[code] = now;
    }
    // After a failed sync an import may have been seen that a power loss then takes away (fsync(2)).
    const bool were_never_durable = tally_.disk_faults > 0 && tally_.power_losses > 0;
    if (count < results_.size() && !were_never_durable) fail("rows are gone");
    for (const auto& card : platform_.cards())
      if (card.posts_left > 0 && !seen.contains(card.card.code)) fail("a row is gone that was sent", &card);
    if (at_the_end && count != lists_.planned()) fail("rows are missing");
  } catch (const sqlite::Failure& failure) {
    fail(fmt::format("the database cannot be read: {}", failure.what()));
  }
}

void Job::check_row(const Card& card, const ResultRow& row, bool at_the_end) {
  const bool invalidated = row.status == "invalidated", rejected = row.status == "rejected";
  const bool by_us = card.is_invalid() && card.invalidated_by_us;
  if (row.posts_on_record < card.posts_left || row.gets_on_record < card.gets_left)
    fail("a request is not on record", &card);
  if (tally_.kills + tally_.power_losses + tally_.disk_faults == 0 && row.posts_on_record != card.posts_left)
    fail("the record has requests that were never sent", &card);

  const auto before = results_.find(card.card.code);
  // About such a card 429 counts as an attempt.
  const bool is_odd_one = card.was_throttled_alone() || (before != results_.end() && before->second.strange);
  if (row.status == "unresolved" && !row.held && !reads_only_ && !is_protected(card) &&
      (before == results_.end() || before->second.status != "unresolved") &&
      std::max(card.posts_counted, card.gets_counted) < job_.limits.max_attempts && !is_odd_one)
    fail("given up before its attempts were used up", &card);

  if (invalidated && !card.is_invalid()) fail("invalidated, says only the ledger", &card);
  if (invalidated && !card.times_said.contains(row.invalid_time))
    fail(fmt::format("the platform never said invalid_time {}", row.invalid_time), &card);
  if (row.status == "pending" && by_us) fail("pending, and we have invalidated it", &card);
  if (rejected && by_us) fail("rejected, and we have invalidated it", &card);
  if (rejected && !card.was_refused) fail("rejected without a refusal", &card);

  if (row.settled_by == "answer" && (card.posts_left == 0 || !card.was_proven))
    fail("settled by an answer that never came", &card);
  if (row.settled_by == "read_back" && row.posts_on_record == 0)
    fail("found INVALID after nothing was sent", &card);
  if (row.settled_by == "already" && by_us) fail("already INVALID, says the ledger, and it was us", &card);
  if (invalidated && card.nature == Nature::invalid_before && row.settled_by != "already" &&
      platform_.habits().again != Habits::new_time)
    fail(fmt::format("it was INVALID before the job, and the ledger says {}", row.settled_by), &card);

  check_what_it_says(card, row);

  if (!at_the_end) return;
  if (is_left_out(card)) {
    tally_.left += card.posts_left == 0;
    return;
  }
  ++tally_.ends[row.status + (invalidated ? " by " + row.settled_by : "")];
  // In an outage of the platform every card looks like this one; and without any card that has worked, so it
  // may be when the door is closed.
  const bool is_odd = is_strange(card.spoilt.by);
  const bool may_stay = card.is_poisoned() && (!is_odd || (row.strange && !has_witness()));
  if ((row.status == "pending" || row.status == "in_flight") && !may_stay) fail("never settled", &card);
  if (row.status == "unresolved" && card.nature != Nature::stubborn && !card.is_poisoned())
    fail("unresolved for no reason", &card);
  if (row.status == "unresolved" && !row.held && is_odd && !may_stay)
    fail("it cannot be settled and is not held", &card);
}

// A row that no request was made for is what the newest complete list says, but for one that is protected,
// which stays as it was; else it is what was sent.
void Job::check_what_it_says(const Card& card, const ResultRow& row) {
  const auto before = results_.find(card.card.code);
  // After a failed sync the machine shows what a power loss then takes away (fsync(2)).
  const bool is_durable = card.posts_left > 0 || tally_.disk_faults == 0;
  if (before != results_.end() && before->second.was_requested() && is_durable &&
      row.says != before->second.says)
    fail("another openid or reason than was sent", &card);
  if (row.was_requested()) return;
  const bool stayed = before != results_.end() && row.says == before->second.says;
  if (before != results_.end() && !stayed && protected_.contains(card.card.code) && is_durable)
    fail("changed in place although it is protected", &card);
  if (row.says != lists_.named(index_of(card.card.code)) && !(stayed && row.conflicts))
    fail("another openid or reason than its list has", &card);
}

// It has left the list before its first request, or since the list contradicted what was sent.
bool Job::is_left_out(const Card& card) const {
  const auto row = results_.find(card.card.code);
  const bool was_requested = row != results_.end() && row->second.was_requested();
  if (lists_.listed(index_of(card.card.code))) return false;
  const bool conflicts = row != results_.end() && row->second.conflicts;
  return conflicts || (!was_requested && !sends_vanished_);
}

bool Job::is_protected(const Card& card) const {
  return protected_.contains(card.card.code) || asked_.contains(card.card.code);
}

Job::Observer& Job::observer() {
  if (!observer_) observer_ = std::make_unique<Observer>();
  return *observer_;
}

// What the database has on record for a card, for the reader of a trace.
void Job::show(const Card& card) const {
  sqlite::Connection db{k_database, sqlite::Mode::read_write};
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite::Statement row{db,
                        "SELECT status, settled_by, first_sent_at, invalid_time, error_code, held, strange, "
                        "conflict, absent, protected FROM row WHERE "
                        "code = ?1"};
  sqlite::Statement attempts{
      db,
      "SELECT n, run_id, kind, sent, started_at, attempt.finished_at, outcome FROM attempt "
      "JOIN row ON id = row_id WHERE code = ?1 ORDER BY n"};
  for (auto* statement : {&row, &attempts}) {
    statement->bind(card.card.code);
    while (statement->step()) {
      std::string line;
      for (int i = 0; i < statement->columns(); ++i)
        line += fmt::format("{} {}, ", statement->column_name(i), statement->text(i));
      world_.tell("{}", line);
    }
  }
}

void Job::fail(const std::string& what, const Card* card) const {
  if (world_.traces() && card) show(*card);
  throw Violation{fmt::format("{}{}", what, card ? fmt::format(" (card {})", card->card.code) : "")};
}

}  // namespace cardvoid::simulation
