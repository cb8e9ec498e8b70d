#pragma once
// One simulated job from its first import to its last row: processes that come and go, and what must hold
// after each of them (docs/guarantees.md).

#include <cardvoid/ledger/records.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "disk.hpp"
#include "lists.hpp"
#include "platform.hpp"
#include "process.hpp"
#include "world.hpp"

namespace cardvoid::simulation {

// What was gone through, over many seeds.
struct Tally {
  std::uint64_t jobs = 0, rows = 0, processes = 0, requests = 0, second_calls = 0;
  std::uint64_t kills = 0, power_losses = 0, crashes_before_requests = 0, crashes_in_commit = 0,
                disk_faults = 0;
  std::uint64_t canaries = 0;                  // jobs with one
  std::map<std::string, std::uint64_t> trips;  // by cause
  std::uint64_t signals = 0, steered = 0, clock_steps = 0, outages = 0, reconciles = 0, retries = 0,
                limited = 0, windows = 0, protections = 0, poisoned = 0, changed_lists = 0, left = 0,
                plans = 0, done_before = 0, protected_by_command = 0, unchanged = 0, forgotten = 0;
  std::map<Mishap, std::uint64_t> mishaps;
  std::map<Poison, std::uint64_t> poisons;  // cards, by kind
  std::map<int, std::uint64_t> exit_codes;
  std::map<std::string, std::uint64_t> ends;  // of rows: "invalidated by answer", …
  void add(const Tally& other);
  std::string text() const;
};

// "The canary" for lists that are done: docs/answers.md.
inline constexpr std::size_t k_already_that_stop = 20;

// No folder can be made there and no file: only the simulated disk knows the name.
inline constexpr auto k_database = "/dev/null/results.db";

class Job : public Watch, private run::Observer {
 public:
  // Everything is drawn from the seed. The disk is emptied first. `traces`: every step is printed.
  Job(Disk& disk, std::uint64_t seed, bool traces);
  ~Job() override;

  // A life drawn from the seed, until every row is settled. Throws Violation.
  void run();
  // One process on a good day, but for this trouble with the disk; then the rest as above. The exit code of
  // that process; -1: it died.
  int run_with(const std::function<void(Disk&)>& trouble);

  // Good days only, and all cards are ordinary but for `count` from the place `first` on, from 0.
  void run_with_poison(const Spoilt& spoilt, std::size_t first, std::size_t count, int canary);

  const Tally& tally() const { return tally_; }
  std::uint64_t fingerprint() const { return world_.fingerprint(); }

 private:
  struct ResultRow {
    std::string status, invalid_time, settled_by;
    Lists::Named says;
    bool held = false, strange = false, conflicts = false;
    std::int64_t posts_on_record = 0, gets_on_record = 0;
    bool was_requested() const { return posts_on_record + gets_on_record > 0; }
  };
  enum class Command { plan, run, reconcile, retry };

  // Looks at the database as another program would, while the process has it open.
  struct Observer {
    sqlite::Connection db{k_database, sqlite::Mode::read_only};
    sqlite::Statement intent{
        db,
        "SELECT status, conflict, absent FROM row JOIN attempt ON row_id = id WHERE id = ?1 AND kind = ?2 "
        "AND outcome IS NULL AND run_id = (SELECT max(id) FROM run)"},
        left_out{db,
                 "SELECT code FROM row WHERE conflict UNION ALL SELECT code FROM protection WHERE removed_at "
                 "IS NULL"};
  };
  Observer& observer();

  void notice(const dispatch::Notice& notice) override { world_.tell("! {}", notice.text); }
  void recorded(const ledger::Attempt&) override { ++told_; }
  void draw_safety();
  void draw_already();
  Card& add_card(Nature nature);
  void make_invalid(Card& card);
  void draw_cards();
  void draw_poison();
  void draw_habits();
  void draw_weather();
  void draw_events();
  void draw_lists();
  void calm_down();
  void finish();
  void forget_and_run_again();
  int run_until_settled();
  std::size_t most_stops() const;
  bool has_witness() const;
  int live(Command command);
  int work(Command command);
  void draw_window();
  Result<void> protect_some(ledger::Ledger& ledger);
  Result<std::string> plan_now(ledger::Ledger& ledger);
  Result<std::optional<std::string>> plan_if_unchanged(ledger::Ledger& ledger, const std::string& settings);
  void protect_one(run::Runner& runner);
  Result<void> unprotect_all(ledger::Ledger& ledger);
  bool is_protected(const Card& card) const;
  void arm();
  void disarm();
  void die();
  void check_results(bool at_the_end);
  void check_row(const Card& card, const ResultRow& row, bool at_the_end);
  void check_what_it_says(const Card& card, const ResultRow& row);
  bool is_left_out(const Card& card) const;
  void check_nothing_is_held_up();
  void check_report(const run::Report& report, Command command);
  void request_leaves(model::RowId row, model::AttemptKind kind, const Card& card,
                      const model::Card& as_sent) override;
  void is_read_back(const Card& card) override;
  void note_import(std::size_t number);
  void note_plan(const std::string& fingerprint);
  void check_list(std::size_t index, const model::Card& as_sent);
  void check_intent(model::RowId row, model::AttemptKind kind, const Card& card);
  void check_canary(const Card& card);
  const Card& card_of(model::RowId row);
  void check_already() const;
  void check_trip(const model::Trip& trip);
  bool is_left_aside(const Card& card) const;
  static bool is_settled_without_proof(const Card& card);
  [[noreturn]] void fail(const std::string& what, const Card* card = nullptr) const;
  void show(const Card& card) const;

  Disk& disk_;
  const std::uint64_t seed_;
  World world_;
  Chance chance_;
  Chance limits_, steering_,
      protecting_;  // of a run: apart, so that what a seed was known for before stays as it was
  model::Job job_;
  Platform platform_;
  Weather weather_;
  Tally tally_;
  Lists lists_;
  bool sends_vanished_ = false, list_changes_ = false;
  std::map<std::string, std::string> plans_;               // what each fingerprint stands for
  std::set<std::string> to_send_;                          // rows of the plan that is sent, as text
  std::map<std::string, ResultRow> results_;               // by code, as they stood last
  std::map<std::string, std::deque<Instant>> departures_;  // by quota
  int proven_ = 0;  // rows that the canary was passed by at most, of the plan as it is
  int found_invalid_ = 0, made_invalid_ = 0;  // rows that the last process settled
  std::int64_t told_ = 0;                     // requests that processes called on record
  std::set<std::string> protected_;           // codes, by the list of the latest import
  std::set<std::string> asked_;               // to be protected by the command, while a run was under way
  std::set<std::string> held_;                // of these, answered "held"
  bool is_calm_ = false, has_clock_steps_ = false, fault_armed_ = false, reads_only_ = false,
       has_forgotten_ = false;
  std::unique_ptr<Observer> observer_;
};

}  // namespace cardvoid::simulation
