#include "job.hpp"

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/forget.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/import.hpp>
#include <cardvoid/sqlite/connection.hpp>

#include "state.hpp"

namespace cardvoid::simulation {

using model::AttemptKind;
using model::RowId;

namespace {

constexpr auto k_job_name = "simulation";
constexpr int k_unavailable = static_cast<int>(Errc::unavailable),
              k_stopped = static_cast<int>(Errc::stopped);

}  // namespace

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
                                          &Tally::steered,
                                          &Tally::clock_steps,
                                          &Tally::outages,
                                          &Tally::reconciles,
                                          &Tally::retries,
                                          &Tally::canaries,
                                          &Tally::limited,
                                          &Tally::windows,
                                          &Tally::protections,
                                          &Tally::poisoned,
                                          &Tally::changed_lists,
                                          &Tally::left,
                                          &Tally::plans,
                                          &Tally::done_before,
                                          &Tally::protected_by_command,
                                          &Tally::unchanged,
                                          &Tally::forgotten};
  for (const auto count : counts) this->*count += other.*count;
  for (const auto& [mishap, count] : other.mishaps) mishaps[mishap] += count;
  for (const auto& [poison, count] : other.poisons) poisons[poison] += count;
  for (const auto& [code, count] : other.exit_codes) exit_codes[code] += count;
  for (const auto& [end, count] : other.ends) ends[end] += count;
  for (const auto& [cause, count] : other.trips) trips[cause] += count;
}

std::string Tally::text() const {
  auto text = fmt::format(
      "{} jobs with {} rows, {} processes, {} requests\n"
      "  died: {} killed, {} by power loss; of these {} before the first request, {} inside a disk "
      "operation\n"
      "  {} disk faults, {} signals, {} steered, {} clock steps, {} outages, {} reconciles, {} retries, {} "
      "runs with a --max-duration, {} with a window, {} lists of protected cards, {} calls for a card that "
      "was "
      "INVALID already\n",
      jobs, rows, processes, requests, kills, power_losses, crashes_before_requests, crashes_in_commit,
      disk_faults, signals, steered, clock_steps, outages, reconciles, retries, limited, windows, protections,
      second_calls);
  text += fmt::format("  {} jobs with a canary; trips:", canaries);
  for (const auto& [cause, count] : trips) text += fmt::format(" {} {}", cause, count);
  text += "\n  mishaps:";
  for (const auto& [mishap, count] : mishaps) text += fmt::format(" {} {}", to_text(mishap), count);
  text += fmt::format("\n  {} jobs with cards that cannot be settled:", poisoned);
  for (const auto& [poison, count] : poisons) text += fmt::format(" {} {}", to_text(poison), count);
  text += fmt::format(
      "\n  {} jobs whose list changes, with {} plans, {} of them of a list as it was; {} rows left before "
      "their first request",
      changed_lists, plans, unchanged, left);
  text += fmt::format(
      "\n  {} jobs whose cards are mostly INVALID already; {} cards held by protect in mid-run; {} "
      "rows forgotten",
      done_before, protected_by_command, forgotten);
  text += "\n  processes by exit code:";
  for (const auto& [code, count] : exit_codes) text += fmt::format(" {}: {}", code, count);
  text += "\n  rows by end:";
  for (const auto& [end, count] : ends) text += fmt::format(" {}: {}", end, count);
  return text + "\n";
}

Job::Job(Disk& disk, std::uint64_t seed, bool traces)
    : disk_{disk},
      seed_{seed},
      world_{seed, traces},
      chance_{seed ^ 0x9E3779B97F4A7C15ULL},
      limits_{seed ^ 0xC2B2AE3D27D4EB4FULL},
      steering_{seed ^ 0xD1B54A32D192ED03ULL},
      protecting_{seed ^ 0x1D8E4E27C47D124FULL},
      platform_{world_, {}},
      lists_{platform_.cards(), seed ^ 0xE7037ED1A0B428DBULL} {
  job_.name = k_job_name;
  set_time_zone("UTC");
  disk_.reset(seed);
  if (traces)
    disk_.before = [this](const Operation& operation) {
      constexpr const char* k_kinds[] = {"write", "truncate", "sync", "remove"};
      world_.tell("    disk {}: {} {} at {}, {} bytes", operation.number, k_kinds[operation.kind],
                  operation.file, operation.offset, operation.size);
    };
  draw_cards();
  draw_safety();
  draw_already();
  draw_poison();
  draw_habits();
  draw_weather();
  draw_events();
  draw_lists();
}

Job::~Job() { disk_.before = nullptr; }

void Job::run() {
  lists_.begin(
      static_cast<std::size_t>(chance_.between(1, static_cast<std::int64_t>(platform_.cards().size()))));
  const auto processes = chance_.between(1, 6);
  for (std::int64_t i = 0; i < processes; ++i) {
    const auto luck = chance_.between(0, 99);
    const int code = live(luck < 4    ? Command::plan
                          : luck < 14 ? Command::reconcile
                          : luck < 24 ? Command::retry
                                      : Command::run);
    world_.pass(chance_.happens(0.5) ? chance_.between(0ms, 2'000ms) : chance_.between(0ms, 40'000ms));
    if ((code == 0 || code == 1) && chance_.happens(0.4)) break;
    if (chance_.happens(0.3)) lists_.complete();
    if (list_changes_) lists_.change();
  }

  calm_down();
  finish();
}

int Job::run_with(const std::function<void(Disk&)>& trouble) {
  lists_.begin(platform_.cards().size());
  calm_down();
  trouble(disk_);
  fault_armed_ = true;
  const int code = live(Command::run);
  world_.pass(1s);
  finish();
  return code;
}

void Job::run_with_poison(const Spoilt& spoilt, std::size_t first, std::size_t count, int canary) {
  for (auto& card : platform_.cards())
    card.spoilt = {}, card.nature = Nature::ordinary, card.invalid_time.clear();
  while (platform_.cards().size() < first + count + 3) add_card(Nature::ordinary);
  for (auto i = first; i < first + count; ++i) platform_.cards()[i].spoilt = spoilt;
  job_.safety = {};
  job_.safety.canary = canary;
  tally_.poisoned = 1;
  lists_.begin(platform_.cards().size());
  calm_down();
  finish();
}

void Job::calm_down() {
  is_calm_ = true;
  weather_.is_calm = true;
  platform_.calm_down();
  world_.step_clock(-world_.clock_error());
  lists_.complete();
  if (!list_changes_) return;
  lists_.settle([this](std::size_t card) -> std::optional<Lists::Named> {
    const auto row = results_.find(platform_.cards()[card].card.code);
    if (row == results_.end() || !row->second.was_requested()) return std::nullopt;
    return row->second.says;
  });
}

// All is well, but for the cards that cannot be settled, and the same command carries on.
void Job::finish() {
  int code = run_until_settled();
  if (code != 0 && code != 1) {  // what is held waits for an operator
    live(Command::reconcile);
    live(Command::retry);
    run_until_settled();
  }
  world_.pass(60s);
  check_results(true);
  tally_.mishaps = platform_.mishaps();
  tally_.requests = platform_.received();
  if (limits_.happens(0.1)) forget_and_run_again();
}

// The cards of settled rows are forgotten, and the same list sends none of them again.
void Job::forget_and_run_again() {
  {
    auto ledger = ledger::Ledger::open(k_database, k_job_name, ledger::Access::create);
    if (!ledger) fail(ledger.error().what);
    const auto now = world_.now().wall;
    const auto forgotten = ledger::forget(*ledger, now + 1s, now);
    if (!forgotten) fail(forgotten.error().what);
    tally_.forgotten += static_cast<std::uint64_t>(forgotten->rows());
  }
  has_forgotten_ = true;
  live(Command::run);
}

// Two runs, and one more for each card that may stop one.
int Job::run_until_settled() {
  int code = -1;
  auto stops = most_stops();
  // With one such card alone, and none for which it is the canary, the first run has no reason to stop.
  const bool is_lone =
      tally_.poisoned > 0 && tally_.done_before == 0 && stops == 1 && job_.safety.canary == 0;
  for (int i = 0; i < 2 && code != 0 && code != 1; ++i) {
    code = live(Command::run);
    if (is_lone) check_nothing_is_held_up();
    if (is_lone && i == 0 && code > k_stopped) fail(fmt::format("one card alone ends the run with {}", code));
    if (code >= k_unavailable && code != k_stopped && stops > 0) --stops, --i;
    world_.pass(1s);
  }
  check_nothing_is_held_up();
  return code;
}

// There are cards that have worked, and each can be read back to see whether our credentials still do.
bool Job::has_witness() const {
  bool any = false;
  for (const auto& card : platform_.cards()) {
    if (card.was_proven && card.spoilt.has(model::AttemptKind::read_back)) return false;
    any = any || card.was_proven;
  }
  return any;
}

// Each of these cards is held, settled or put last by the run that it stops.
std::size_t Job::most_stops() const {
  const auto& cards = platform_.cards();
  const auto trips_by_already = tally_.done_before == 0 ? 0 : cards.size() / k_already_that_stop;
  return trips_by_already +
         static_cast<std::size_t>(std::count_if(cards.begin(), cards.end(), [](const Card& card) {
           return card.is_poisoned() || card.nature == Nature::stubborn || card.nature == Nature::refused;
         }));
}

// One process, from its start to its end: 0 … 78, or -1 when it died.
int Job::live(Command command) {
  ++tally_.processes;
  world_.stamp(tally_.processes);
  reads_only_ = command != Command::run;
  for (auto& card : platform_.cards()) {
    card.posts_counted = card.gets_counted = 0;
    card.is_open = card.is_accused = card.was_odd = false;
    card.gets_at_start = card.gets_left;
  }
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
  found_invalid_ = made_invalid_ = 0;
  check_results(false);
  if (command == Command::run) check_already();
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
  if (steering_.happens(0.2)) {
    world_.steer_from_step(static_cast<std::uint64_t>(steering_.between(1, 150)),
                           job_.limits.requests_per_second, steering_.draw());
    ++tally_.steered;
  }
  if (protecting_.happens(0.15))
    world_.do_at_step(static_cast<std::uint64_t>(protecting_.between(1, 150)),
                      [this](run::Runner& runner) { protect_one(runner); });
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

// Hours around the present, so that the run sees them close.
void Job::draw_window() {
  job_.safety.window.reset();
  if (is_calm_ || !limits_.happens(0.1)) return;
  ++tally_.windows;
  constexpr int k_day = 24 * 60;
  const auto opens = local_minute(world_.now().wall) + k_day + static_cast<int>(limits_.between(-3, 1));
  job_.safety.window = {opens % k_day, (opens + static_cast<int>(limits_.between(1, 4))) % k_day};
}

// Some of the cards must not be sent by the next run; which, changes from one to the next.
Result<void> Job::protect_some(ledger::Ledger& ledger) {
  protected_.clear();
  if (!is_calm_ && limits_.happens(0.15)) {
    ++tally_.protections;
    for (const auto& card : platform_.cards())
      if (limits_.happens(0.2)) protected_.insert(card.card.code);
  }
  if (protected_.empty()) {
    const auto cleared = ledger::protect(ledger, nullptr);
    return cleared ? Result<void>{} : cleared.error();
  }
  const auto named = ledger::protect(
      ledger, [at = protected_.begin(), this]() mutable -> Result<std::optional<model::Protection>> {
        if (at == protected_.end()) return std::optional<model::Protection>{};
        model::Protection protection;
        protection.code = *at++;
        return std::optional{protection};
      });
  return named ? Result<void>{} : named.error();
}

// The command `protect` while a run is under way.
void Job::protect_one(run::Runner& runner) {
  auto& cards = platform_.cards();
  const auto index =
      static_cast<std::size_t>(protecting_.between(0, static_cast<std::int64_t>(cards.size()) - 1));
  const auto& card = cards[index];
  run::Steering order{run::Steering::protect};
  order.who.code = card.card.code;
  order.note = "asked by its owner";
  world_.tell("protect {}", card.card.code);
  asked_.insert(card.card.code);
  runner.protect(order, "somebody", [this, &card, index](const run::SteeringAnswer& answer) {
    if (!answer.protection || answer.protection->held == 0 || !lists_.is_planned(index)) return;
    world_.tell("{} is held", card.card.code);
    if (card.invalidated_by_us || card.is_doubtful)
      fail("answered held, and an invalidation has left", &card);
    held_.insert(card.card.code);
    ++tally_.protected_by_command;
  });
}

// Their owners have changed their minds.
Result<void> Job::unprotect_all(ledger::Ledger& ledger) {
  if (asked_.empty()) return {};
  if (const auto begun = ledger::begin_changes(ledger); !begun) return begun;
  for (const auto& code : asked_)
    if (const auto removed =
            ledger::remove_protection(ledger, {code, {}}, {"somebody", world_.now().wall, {}});
        !removed)
      return removed.error();
  held_.clear();
  asked_.clear();
  return ledger::commit_changes(ledger);
}

// What a run goes by.
Result<std::string> Job::plan_now(ledger::Ledger& ledger) {
  const auto fingerprint = ledger::fingerprint(ledger);
  if (!fingerprint) return fingerprint.error();
  const auto totals = ledger::totals(ledger), counted = ledger::recounted_totals(ledger);
  if (!totals) return totals.error();
  if (!counted) return counted.error();
  if (!(*totals == *counted)) fail("the totals that are kept are not those of the rows");
  return fmt::format("{} pending {} conflicts {} left {} protected {} refused {} kept back {} to send {}",
                     *fingerprint, totals->pending, totals->conflicts, totals->left,
                     totals->protected_pending, totals->refused, totals->kept_back(), totals->to_send());
}

// nullopt: the list is to be imported.
Result<std::optional<std::string>> Job::plan_if_unchanged(ledger::Ledger& ledger,
                                                          const std::string& settings) {
  const auto recipe = run::recipe_of(settings, Lists::description(lists_.number()));
  const auto last = ledger::unchanged_since_import(ledger, recipe);
  if (!last) return last.error();
  if (!*last) return std::optional<std::string>{};
  auto plan = plan_now(ledger);
  if (!plan) return plan.error();
  return std::optional{*std::move(plan)};
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
  // The lists are small. In every second process an import does as a large one, in every fourth with a filter
  // that is full.
  if (tally_.processes % 2 == 1) ledger->state().many_lines = 3;
  ledger->state().filter_words = tally_.processes % 4 == 1 ? 1 : 1'000;
  if (command == Command::retry) {
    ledger::Choice choice;
    if (is_calm_)
      choice.status = model::Status::unresolved;
    else if (chance_.happens(0.5))
      choice.status = chance_.one_of(std::array{model::Status::rejected, model::Status::unresolved});
    const auto put_back = ledger::put_back(*ledger, choice);
    if (!put_back) return judge(put_back.error());
    world_.tell("{} rows put back, {} are in doubt", put_back->retried, put_back->in_doubt);
    if (put_back->retried > 0) proven_ = 0;
    return put_back->in_doubt > 0 ? 75 : 0;
  }
  if (command != Command::reconcile) {
    if (is_calm_)
      if (const auto free = unprotect_all(*ledger); !free) return judge(free.error());
    if (const auto named = protect_some(*ledger); !named) return judge(named.error());
    const auto settings = fmt::format("{} {}", sends_vanished_, fmt::join(protected_, " "));
    const auto before = plan_if_unchanged(*ledger, settings);
    if (!before) return judge(before.error());
    const auto source = lists_.source();
    const auto imported = run::import_from(
        *source, *ledger, [] { return false; },
        sends_vanished_ ? model::Vanished::send : model::Vanished::hold, settings);
    if (!imported) return judge(imported.error());
    note_import(lists_.number());
    const auto after = plan_now(*ledger);
    if (!after) return judge(after.error());
    if (*before && **before != *after)
      fail(fmt::format("the import of an unchanged list is not what it was taken for: {} and then {}",
                       **before, *after));
    if (*before) ++tally_.unchanged;
  }
  const auto fingerprint = ledger::fingerprint(*ledger);
  if (!fingerprint) return judge(fingerprint.error());
  if (disk_.crashed()) throw Crash{};
  if (command != Command::reconcile) note_plan(*fingerprint);
  if (command == Command::plan) {
    observer_.reset();
    return 0;
  }

  // How long ago an earlier process sent is told from the machine's clock.
  if (has_clock_steps_ && tally_.clock_steps > 0) departures_.clear();
  Network network{world_, platform_, weather_, job_, *this};
  Store store{world_, *ledger, [this] { return disk_.crashed(); }};
  run::Order order;
  order.command = command == Command::run ? "run" : "reconcile";
  order.read_back_only = command == Command::reconcile;
  order.fingerprint = *fingerprint;
  if (!is_calm_ && limits_.happens(0.1)) {
    order.max_duration = limits_.between(1ms, 30'000ms);
    ++tally_.limited;
  }
  draw_window();
  const run::Ports ports{world_, network, store, [this] { return world_.chance.draw(); }};
  const auto report = run::execute(job_, *ledger, order, *this, ports);
  const auto trip = report ? report->trip : std::nullopt;
  if (trip && !disk_.crashed()) check_trip(*trip);
  observer_.reset();  // else the ledger would not be the last to close the database
  if (!report) return judge(report.error());
  if (disk_.crashed()) throw Crash{};
  if (report->stopped) world_.tell("stopped: {}", report->stopped->what);
  check_report(*report, command);
  if (trip) {
    proven_ = 0;  // the next one begins with a canary
    ++tally_.trips[std::string{model::to_text(trip->cause)}];
  }
  return report->exit_code;
}

}  // namespace cardvoid::simulation
