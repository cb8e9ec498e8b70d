#include <algorithm>
#include <cardvoid/run/time_left.hpp>
#include <cmath>
#include <set>

#include "job.hpp"

// What must hold whenever a request leaves, and after every process (docs/guarantees.md).
namespace cardvoid::simulation {

using model::AttemptKind;
using model::RowId;

void Job::request_leaves(RowId row, AttemptKind kind, const Card& card) {
  const auto index = static_cast<std::size_t>(&card - platform_.cards().data());
  world_.stamp(index * 2 + (kind == AttemptKind::invalidate));
  world_.stamp(static_cast<std::uint64_t>(world_.instant().time_since_epoch().count()));
  if (index >= imported_) fail("a request for a card that is not in the plan", &card);

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

  const bool is_witness = kind == AttemptKind::read_back && card.was_proven;
  if (!is_witness) check_canary(card);
  if (job_.safety.window && !reads_only_ && !has_clock_steps_) {
    // Timers are late, and signing takes a moment.
    const auto now = world_.now().wall;
    if (!run::is_open(*job_.safety.window, now) && !run::is_open(*job_.safety.window, now - 20ms))
      fail("a request outside of the window", &card);
  }
  if (kind == AttemptKind::read_back) return;
  if (reads_only_) fail("reconcile invalidates", &card);
  if (protected_.contains(card.card.code)) fail("sent although it is protected", &card);
  if (card.was_proven) fail("sent although the platform had said INVALID", &card);
  if (card.is_doubtful) fail("sent in doubt, without a read-back", &card);
  if (const auto known = results_.find(card.card.code);
      known != results_.end() &&
      (known->second.status == "invalidated" || known->second.status == "rejected"))
    fail("sent although it is settled", &card);
  if (const auto known = results_.find(card.card.code); known != results_.end() && known->second.held)
    fail("sent although it is held", &card);
  if (!observer_) observer_ = std::make_unique<Observer>();
  observer_->intent.bind(row);
  if (!observer_->intent.step()) fail("sent before its intent was durable", &card);
  observer_->intent.reset();
  if (card.is_invalid()) ++tally_.second_calls;
}

// Until enough rows were read back as INVALID nothing leaves for another one beside a row that was begun.
void Job::check_canary(const Card& card) {
  if (reads_only_ || proven_ >= job_.safety.canary) return;
  for (const auto& other : platform_.cards())
    if (&other != &card && other.is_open && !other.is_accused && !is_settled_without_proof(other))
      fail(fmt::format("begun while {} of the canary is not proven", other.card.code), &card);
}

// One that was INVALID before us counts for nothing, and needs no read-back where its time tells.
// And what an earlier process left may be rejected now.
bool Job::is_settled_without_proof(const Card& card) {
  return (card.was_proven && !card.invalidated_by_us) || (card.was_read_first && !card.is_invalid());
}

void Job::is_read_back(const Card& card) {
  if (card.is_open) ++proven_;
}

void Job::check_report(const run::Report& report, Command command) {
  const auto& t = report.totals;
  const auto left = t.pending - t.protected_pending + t.in_flight + t.unresolved;
  const auto refused = t.rejected + t.protected_pending;
  if (report.exit_code == 0 && command == Command::run && (left > 0 || refused > 0))
    fail("exit code 0 and rows that are not INVALID");
  if (report.exit_code == 1 && (left > 0 || refused == 0)) fail("exit code 1 and rows left");
  if (report.exit_code == 75 && left == 0) fail("exit code 75 and nothing left");
  const int standing = left > 0 ? 76 : refused > 0 ? 1 : 0;  // nothing left to stop
  if (report.trip && report.exit_code != standing) fail("it stopped itself, and the exit code hides it");
  if (report.trip && report.trip->rows.empty()) fail("it stopped itself, and no row is to blame");
  if (command == Command::reconcile && report.exit_code == 0 && t.in_doubt() > 0)
    fail("reconcile ends with 0 and rows in doubt");
  if (t.rows() != static_cast<std::int64_t>(std::min(imported_, platform_.cards().size())) &&
      command == Command::run)
    fail("the totals have lost rows");
}

// A card that cannot be settled never keeps another from being settled. What a bad day left held waits for an
// operator.
void Job::check_nothing_is_held_up() {
  for (const auto& card : platform_.cards()) {
    const auto& status = results_[card.card.code].status;
    if (card.poison == Poison::none && status != "invalidated" && status != "rejected" &&
        status != "unresolved")
      fail("held up by another card", &card);
  }
}

void Job::check_results(bool at_the_end) {
  if (!disk_.contents().contains(k_database)) {  // it died too early
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
    sqlite::Statement rows{
        db,
        "SELECT code, status, coalesce(invalid_time, ''), coalesce(settled_by, ''), held, (SELECT count(*) "
        "FROM attempt WHERE row_id = row.id AND kind = 'invalidate' AND sent), coalesce(error_code, ''), "
        "coalesce(endpoint, '') FROM row WHERE id <= (SELECT "
        "max(last_row) FROM import)"};
    rows.bind();
    std::size_t count = 0;
    std::set<std::string> seen;
    while (rows.step()) {
      ++count;
      const std::string code{rows.text(0)};
      seen.insert(code);
      const ResultRow now{std::string{rows.text(1)}, std::string{rows.text(2)}, std::string{rows.text(3)},
                          rows.int64(4) != 0, rows.int64(5)};
      for (const int column : {1, 2, 3, 6, 7}) world_.stamp(rows.text(column));
      world_.stamp(static_cast<std::uint64_t>(now.posts_on_record * 2 + now.held));
      const auto& card = platform_.cards().at(static_cast<std::size_t>(std::stoi(code)) - 100);
      check_row(card, now, at_the_end);
      if (const auto before = results_.find(code); before != results_.end()) {
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
    if (at_the_end && count != platform_.cards().size()) fail("rows are missing");
  } catch (const sqlite::Failure& failure) {
    fail(fmt::format("the database cannot be read: {}", failure.what()));
  }
}

void Job::check_row(const Card& card, const ResultRow& row, bool at_the_end) {
  const bool invalidated = row.status == "invalidated", rejected = row.status == "rejected";
  const bool by_us = card.is_invalid() && card.invalidated_by_us;
  if (row.posts_on_record < card.posts_left) fail("a request is not on record", &card);
  if (tally_.kills + tally_.power_losses + tally_.disk_faults == 0 && row.posts_on_record != card.posts_left)
    fail("the record has requests that were never sent", &card);

  const auto before = results_.find(card.card.code);
  if (row.status == "unresolved" && !row.held && !reads_only_ && !protected_.contains(card.card.code) &&
      (before == results_.end() || before->second.status != "unresolved") &&
      std::max(card.posts_counted, card.gets_counted) < job_.limits.max_attempts)
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

  if (!at_the_end) return;
  ++tally_.ends[row.status + (invalidated ? " by " + row.settled_by : "")];
  if (row.status == "unresolved" && card.nature != Nature::stubborn && card.poison == Poison::none)
    fail("unresolved for no reason", &card);
  // Without a card that works it could be everyone's trouble.
  const auto witness =
      std::find_if(platform_.cards().begin(), platform_.cards().end(), [&](const Card& other) {
        const auto known = results_.find(other.card.code);
        return known != results_.end() && known->second.status == "invalidated";
      });
  const bool has_witness = witness != platform_.cards().end() && witness->poison == Poison::none;
  const bool is_open = row.status == "pending" || row.status == "in_flight";
  // A last card that nothing but trouble answers looks like an outage, every time.
  const bool looks_like_outage = card.poison != Poison::none && !is_strange(card.poison);
  if (is_open && !looks_like_outage && (has_witness || !is_strange(card.poison)))
    fail("never settled", &card);
  if (row.status == "unresolved" && !row.held && has_witness && is_strange(card.poison))
    fail("it cannot be settled and is not held", &card);
}

// What the database has on record for a card, for the reader of a trace.
void Job::show(const Card& card) {
  sqlite::Connection db{k_database, sqlite::Mode::read_write};
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite::Statement row{db,
                        "SELECT status, settled_by, first_sent_at, invalid_time, error_code FROM row WHERE "
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

void Job::fail(const std::string& what, const Card* card) {
  if (world_.traces() && card) show(*card);
  throw Violation{fmt::format("{}{}", what, card ? fmt::format(" (card {})", card->card.code) : "")};
}

}  // namespace cardvoid::simulation
