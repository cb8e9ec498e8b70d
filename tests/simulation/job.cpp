#include "job.hpp"

#include <algorithm>
#include <cardvoid/input/source.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/import.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cmath>

namespace cardvoid::simulation {

using model::AttemptKind;
using model::RowId;

namespace {

// No folder can be made there and no file: only the simulated disk knows the name.
constexpr auto k_database = "/dev/null/results.db";
constexpr auto k_job_name = "simulation";

class ListOfCards : public input::Source {
 public:
  ListOfCards(const std::vector<Card>& cards, std::size_t count) : cards_{cards}, count_{count} {}
  Result<std::optional<input::Record>> next() override {
    if (at_ == count_) return std::optional<input::Record>{};
    const auto line = static_cast<std::int64_t>(at_) + 2;
    return std::optional<input::Record>{model::InputRow{cards_[at_++].card, line}};
  }
  std::string description() const override { return "a list"; }

 private:
  const std::vector<Card>& cards_;
  std::size_t count_, at_ = 0;
};

}  // namespace

// Looks at the database as another program would, while the process has it open.
struct Job::Observer {
  sqlite::Connection db{k_database, sqlite::Mode::read_only};
  sqlite::Statement intent{db,
                           "SELECT 1 FROM row JOIN attempt ON row_id = id WHERE id = ?1 AND status = "
                           "'in_flight' AND kind = 'invalidate' AND outcome IS NULL"};
};

void Tally::add(const Tally& other) {
  std::uint64_t Tally::*const counts[] = {&Tally::jobs,
                                          &Tally::rows,
                                          &Tally::processes,
                                          &Tally::requests,
                                          &Tally::second_calls,
                                          &Tally::kills,
                                          &Tally::power_losses,
                                          &Tally::crashes_before_requests,
                                          &Tally::crashes_in_commit,
                                          &Tally::disk_faults,
                                          &Tally::signals,
                                          &Tally::clock_steps,
                                          &Tally::outages,
                                          &Tally::reconciles,
                                          &Tally::retries};
  for (const auto count : counts) this->*count += other.*count;
  for (const auto& [mishap, count] : other.mishaps) mishaps[mishap] += count;
  for (const auto& [code, count] : other.exit_codes) exit_codes[code] += count;
  for (const auto& [end, count] : other.ends) ends[end] += count;
}

std::string Tally::text() const {
  auto text = fmt::format(
      "{} jobs with {} rows, {} processes, {} requests\n"
      "  died: {} killed, {} by power loss; of these {} before the first request, {} inside a disk "
      "operation\n"
      "  {} disk faults, {} signals, {} clock steps, {} outages, {} reconciles, {} retries, {} calls for a "
      "card that was "
      "INVALID already\n",
      jobs, rows, processes, requests, kills, power_losses, crashes_before_requests, crashes_in_commit,
      disk_faults, signals, clock_steps, outages, reconciles, retries, second_calls);
  text += "  mishaps:";
  for (const auto& [mishap, count] : mishaps) text += fmt::format(" {} {}", to_text(mishap), count);
  text += "\n  processes by exit code:";
  for (const auto& [code, count] : exit_codes) text += fmt::format(" {}: {}", code, count);
  text += "\n  rows by end:";
  for (const auto& [end, count] : ends) text += fmt::format(" {}: {}", end, count);
  return text + "\n";
}

Job::Job(Disk& disk, std::uint64_t seed, bool traces)
    : disk_{disk}, world_{seed, traces}, chance_{seed ^ 0x9E3779B97F4A7C15ULL}, platform_{world_, {}} {
  disk_.reset(seed);
  if (traces)
    disk_.before = [this](const Operation& operation) {
      constexpr const char* k_kinds[] = {"write", "truncate", "sync", "remove"};
      world_.tell("    disk {}: {} {} at {}, {} bytes", operation.number, k_kinds[operation.kind],
                  operation.file, operation.offset, operation.size);
    };
  draw_cards();
  draw_habits();
  draw_weather();
  draw_events();
}

Job::~Job() { disk_.before = nullptr; }

void Job::draw_cards() {
  auto& limits = job_.limits;
  limits.requests_per_second = chance_.one_of(std::array{0.5, 1.0, 5.0, 5.0, 20.0, 100.0});
  limits.max_in_flight = chance_.one_of(std::array{1, 2, 8, 32});
  limits.max_attempts = chance_.one_of(std::array{1, 2, 3, 8});
  limits.backoff_base = chance_.one_of(std::array{10ms, 500ms});
  limits.backoff_cap = chance_.one_of(std::array{1'000ms, 10'000ms});
  limits.request_timeout = chance_.one_of(std::array{2'000ms, 10'000ms});
  limits.failover_after = chance_.one_of(std::array{1, 3});
  limits.failover_cooldown = chance_.one_of(std::array{1'000ms, 30'000ms});
  job_.name = k_job_name;
  job_.safety.acknowledge = "simulated";
  const bool two_brands = chance_.happens(0.2);
  if (two_brands && chance_.happens(0.7)) limits.per = model::QuotaPer::brand;

  const bool some_stubborn = chance_.happens(0.25);
  const auto count = chance_.between(1, 10);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto luck = chance_.between(0, 99);
    auto nature = Nature::ordinary;
    if (luck < 10)
      nature = Nature::refused;
    else if (luck < 18)
      nature = Nature::invalid_before;
    else if (luck < 22)
      nature = Nature::taken_over;
    else if (luck < 32 && some_stubborn)
      nature = Nature::stubborn;
    auto& card = platform_.add({two_brands && i % 2 ? "1005" : "1004", "pTemplate",
                                fmt::format("{}", 100 + i), fmt::format("o{}", i), i % 3 ? "closed" : ""},
                               nature);
    if (nature == Nature::invalid_before) {
      card.invalid_time = format_rfc3339(std::chrono::floor<std::chrono::seconds>(world_.wall()) - 30h);
      card.invalid_since = world_.instant() - 30h;
    }
  }
  tally_.jobs = 1;
  tally_.rows = static_cast<std::uint64_t>(count);
}

void Job::draw_habits() {
  auto& habits = platform_.habits();
  habits.again = chance_.one_of(std::array{Habits::same_time, Habits::new_time, Habits::refuses});
  habits.says_effective_at_first = chance_.happens(0.15);
  habits.not_found_is_404 = chance_.happens(0.5);
  habits.whole_seconds = chance_.happens(0.5);
  if (chance_.happens(0.4)) habits.lag = chance_.between(0ms, chance_.happens(0.5) ? 900ms : 4'500ms);
  if (chance_.happens(0.5)) habits.clock_ahead = chance_.between(-90s, 90s);
  habits.limit = job_.limits.requests_per_second * (job_.limits.per == model::QuotaPer::brand ? 2 : 1);
  if (chance_.happens(0.3)) habits.thinking = {1ms, chance_.between(50ms, 3'000ms)};

  habits.probability.assign(k_mishaps, 0);
  const double how_bad = chance_.one_of(std::array{0.0, 0.03, 0.1, 0.3});
  for (int i = 1; i < k_mishaps; ++i) {
    const bool stops = i >= k_first_stopping;
    if (chance_.happens(stops ? 0.1 : 0.3))
      habits.probability[static_cast<std::size_t>(i)] = stops ? how_bad / 8 : how_bad;
  }
}

void Job::draw_weather() {
  if (chance_.happens(0.4)) {
    const auto count = chance_.between(1, 8);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto from = world_.instant() + chance_.between(0ms, 180'000ms);
      const auto lasts = chance_.happens(0.5) ? chance_.between(100ms, 5'000ms) : chance_.between(5s, 120s);
      weather_.outages.push_back(
          {chance_.one_of(std::array{Weather::Outage::refuses_connections,
                                     Weather::Outage::refuses_connections, Weather::Outage::black_hole,
                                     Weather::Outage::gateway_errors, Weather::Outage::wrong_certificate}),
           chance_.one_of(std::array{model::Endpoint::primary, model::Endpoint::backup}), from,
           from + lasts});
    }
    tally_.outages = static_cast<std::uint64_t>(count);
  }
  if (chance_.happens(0.3)) weather_.connect_fails = chance_.one_of(std::array{0.02, 0.2});
  if (chance_.happens(0.4)) weather_.kept_connection_fails = chance_.one_of(std::array{0.02, 0.2});
  if (chance_.happens(0.4)) weather_.slow = chance_.one_of(std::array{0.05, 0.3});
  // Together at most the five seconds that the dispatcher allows for.
  weather_.arrives_late = chance_.happens(0.5) && platform_.habits().lag <= 900ms;
  if (chance_.happens(0.2)) weather_.one_way = {1ms, 400ms};
}

void Job::draw_events() {
  for (auto& card : platform_.cards())
    if (card.nature == Nature::taken_over)
      world_.after(chance_.between(0ms, 60'000ms), [this, &card] { platform_.take_over(card); });
  if (chance_.happens(0.15))
    world_.after(chance_.between(0ms, 30'000ms), [this] { platform_.halve_limit(); });
  if (chance_.happens(0.15)) {
    has_clock_steps_ = true;
    weather_.arrives_late = false;  // that a row may still be on its way is told from the machine's clock
    const auto count = chance_.between(1, 3);
    for (std::int64_t i = 0; i < count; ++i)
      world_.after(chance_.between(0ms, 120'000ms), [this] {
        if (is_calm_) return;
        world_.step_clock(chance_.happens(0.5) ? chance_.between(-600s, 600s) : chance_.between(-5s, 5s));
        ++tally_.clock_steps;
      });
  }
}

void Job::run() {
  imported_ =
      static_cast<std::size_t>(chance_.between(1, static_cast<std::int64_t>(platform_.cards().size())));
  const auto processes = chance_.between(1, 6);
  for (std::int64_t i = 0; i < processes; ++i) {
    const auto luck = chance_.between(0, 99);
    const int code = live(luck < 4    ? Command::plan
                          : luck < 14 ? Command::reconcile
                          : luck < 24 ? Command::retry
                                      : Command::run);
    world_.pass(chance_.happens(0.5) ? chance_.between(0ms, 2'000ms) : chance_.between(0ms, 40'000ms));
    if ((code == 0 || code == 1) && chance_.happens(0.4)) break;
    if (chance_.happens(0.3)) imported_ = platform_.cards().size();
  }

  calm_down();
  finish();
}

int Job::run_with(const std::function<void(Disk&)>& trouble) {
  calm_down();
  trouble(disk_);
  fault_armed_ = true;
  const int code = live(Command::run);
  world_.pass(1s);
  finish();
  return code;
}

void Job::calm_down() {
  is_calm_ = true;
  weather_.is_calm = true;
  platform_.calm_down();
  world_.step_clock(-world_.clock_error());
  imported_ = platform_.cards().size();
}

// All is well, and the same command carries on.
void Job::finish() {
  int code = -1;
  const auto run_again = [&](int times) {
    for (int i = 0; i < times && code != 0 && code != 1; ++i) {
      code = live(Command::run);
      world_.pass(1s);
    }
  };
  run_again(2);
  if (code != 0 && code != 1) {  // what is held waits for an operator
    live(Command::reconcile);
    live(Command::retry);
    run_again(2);
  }
  world_.pass(60s);
  check_results(true);
  tally_.mishaps = platform_.mishaps();
  tally_.requests = platform_.received();
}

// One process, from its start to its end: 0 … 78, or -1 when it died.
int Job::live(Command command) {
  ++tally_.processes;
  world_.stamp(tally_.processes);
  reads_only_ = command != Command::run;
  for (auto& card : platform_.cards()) card.posts_counted = card.gets_counted = 0;
  if (command == Command::reconcile) ++tally_.reconciles;
  if (command == Command::retry) ++tally_.retries;
  if (!is_calm_) arm();
  const auto requests_before = platform_.received();
  int code = -1;
  try {
    code = work(command);
    if (disk_.crashed()) {  // while it closed its files
      die();
      code = -1;
    }
  } catch (const Crash&) {
    if (disk_.crashed()) {
      ++tally_.crashes_in_commit;
      die();
    }
    code = -1;
  }
  if (code < 0 && platform_.received() == requests_before) ++tally_.crashes_before_requests;
  observer_.reset();
  world_.bury();
  disarm();
  world_.tell("the process has ended: {}", code < 0 ? "it died" : fmt::format("exit code {}", code));
  ++tally_.exit_codes[code];
  world_.stamp(static_cast<std::uint64_t>(code + 2));
  check_results(false);
  return code;
}

void Job::arm() {
  const auto luck = chance_.between(0, 99);
  const auto soon =
      disk_.operations() +
      static_cast<std::uint64_t>(chance_.happens(0.5) ? chance_.between(0, 30) : chance_.between(0, 200));
  if (luck < 40) {
    world_.crash_at_step(
        static_cast<std::uint64_t>(chance_.happens(0.5) ? chance_.between(1, 40) : chance_.between(1, 300)),
        [this] { die(); });
  } else if (luck < 55) {
    disk_.crash_at(soon);
  } else if (luck < 65) {
    fault_armed_ = true;
    disk_.fail_at(soon, chance_.one_of(std::array{Fault::disk_full, Fault::write_error, Fault::sync_error}),
                  chance_.happens(0.5) ? Lasting::once : Lasting::until_cleared);
  } else if (luck < 73) {
    world_.signal_at_step(static_cast<std::uint64_t>(chance_.between(1, 300)));
    ++tally_.signals;
  }
}

void Job::disarm() {
  disk_.clear_faults();
  disk_.crash_at(UINT64_MAX);
  fault_armed_ = false;
}

void Job::die() {
  const bool power = chance_.happens(0.5);
  world_.tell("{}", power ? "the machine loses power" : "the process is killed");
  power ? disk_.power_loss() : disk_.kill();
  ++(power ? tally_.power_losses : tally_.kills);
}

int Job::work(Command command) {
  // Whether an error of the ledger is ours to explain.
  const auto judge = [&](const Error& error) {
    if (disk_.crashed()) throw Crash{};
    if (!fault_armed_) fail(fmt::format("exit code {}: {}", static_cast<int>(error.code), error.what));
    ++tally_.disk_faults;
    world_.tell("{}", error.what);
    if (error.code != Errc::io)
      fail(fmt::format("a disk fault ends with exit code {}: {}", static_cast<int>(error.code), error.what));
    return static_cast<int>(error.code);
  };
  auto ledger = ledger::Ledger::open(k_database, k_job_name, ledger::Access::create);
  if (!ledger) return judge(ledger.error());
  if (command == Command::retry) {
    ledger::Choice choice;
    if (is_calm_)
      choice.status = model::Status::unresolved;
    else if (chance_.happens(0.5))
      choice.status = chance_.one_of(std::array{model::Status::rejected, model::Status::unresolved});
    const auto put_back = ledger->put_back(choice);
    if (!put_back) return judge(put_back.error());
    world_.tell("{} rows put back, {} are in doubt", put_back->retried, put_back->in_doubt);
    return put_back->in_doubt > 0 ? 75 : 0;
  }
  if (command != Command::reconcile) {
    ListOfCards source{platform_.cards(), imported_};
    const auto imported = run::import_from(source, *ledger, [] { return false; });
    if (!imported) return judge(imported.error());
  }
  const auto fingerprint = ledger->fingerprint();
  if (!fingerprint) return judge(fingerprint.error());
  if (command == Command::plan) return 0;

  // How long ago an earlier process sent is told from the machine's clock.
  if (has_clock_steps_ && tally_.clock_steps > 0) departures_.clear();
  Network network{world_, platform_, weather_, job_, *this};
  Store store{world_, *ledger, [this] { return disk_.crashed(); }};
  run::Order order;
  order.command = command == Command::run ? "run" : "reconcile";
  order.read_back_only = command == Command::reconcile;
  order.fingerprint = *fingerprint;
  run::Events events;
  events.notice = [&](const dispatch::Notice& notice) { world_.tell("! {}", notice.text); };
  const run::Doors doors{world_, network, store, [this] { return world_.chance.draw(); }};
  const auto report = run::execute(job_, *ledger, order, events, doors);
  observer_.reset();
  if (!report) return judge(report.error());
  if (disk_.crashed()) throw Crash{};
  if (report->stopped) world_.tell("stopped: {}", report->stopped->what);
  check_report(*report, command);
  return report->exit_code;
}

void Job::request_leaves(RowId row, AttemptKind kind, const Card& card) {
  const auto index = static_cast<std::size_t>(&card - platform_.cards().data());
  world_.stamp(index * 2 + (kind == AttemptKind::invalidate));
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

  if (kind == AttemptKind::read_back) return;
  if (reads_only_) fail("reconcile invalidates", &card);
  if (card.was_proven) fail("sent although the platform had said INVALID", &card);
  if (card.is_doubtful) fail("sent in doubt, without a read-back", &card);
  if (const auto known = results_.find(card.card.code);
      known != results_.end() &&
      (known->second.status == "invalidated" || known->second.status == "rejected"))
    fail("sent although it is settled", &card);
  if (!observer_) observer_ = std::make_unique<Observer>();
  observer_->intent.bind(row);
  if (!observer_->intent.step()) fail("sent before its intent was durable", &card);
  observer_->intent.reset();
  if (card.is_invalid()) ++tally_.second_calls;
}

void Job::check_report(const run::Report& report, Command command) {
  const auto& t = report.totals;
  const auto left = t.pending + t.in_flight + t.unresolved;
  if (report.exit_code == 0 && command == Command::run && (left > 0 || t.rejected > 0))
    fail("exit code 0 and rows that are not INVALID");
  if (report.exit_code == 1 && (left > 0 || t.rejected == 0)) fail("exit code 1 and rows left");
  if (report.exit_code == 75 && left == 0) fail("exit code 75 and nothing left");
  if (command == Command::reconcile && report.exit_code == 0 && t.in_doubt() > 0)
    fail("reconcile ends with 0 and rows in doubt");
  if (t.rows() != static_cast<std::int64_t>(std::min(imported_, platform_.cards().size())) &&
      command == Command::run)
    fail("the totals have lost rows");
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
    sqlite::Statement rows{
        db,
        "SELECT code, status, coalesce(invalid_time, ''), coalesce(settled_by, ''), held, (SELECT count(*) "
        "FROM attempt WHERE row_id = row.id AND kind = 'invalidate' AND sent) FROM row WHERE id <= (SELECT "
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
  if (row.status == "unresolved" && !row.held && !reads_only_ &&
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
  if (row.status == "pending" || row.status == "in_flight") fail("never settled", &card);
  if (row.status == "unresolved" && card.nature != Nature::stubborn) fail("unresolved for no reason", &card);
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
