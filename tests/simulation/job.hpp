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
                limited = 0, windows = 0, protections = 0, poisoned = 0;
  std::map<Mishap, std::uint64_t> mishaps;
  std::map<Poison, std::uint64_t> poisons;  // cards, by kind
  std::map<int, std::uint64_t> exit_codes;
  std::map<std::string, std::uint64_t> ends;  // of rows: "invalidated by answer", …
  void add(const Tally& other);
  std::string text() const;
};

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

  const Tally& tally() const { return tally_; }
  std::uint64_t fingerprint() const { return world_.fingerprint(); }

 private:
  struct ResultRow {
    std::string status, invalid_time, settled_by;
    bool held = false;
    std::int64_t posts_on_record = 0;
  };
  enum class Command { plan, run, reconcile, retry };

  // Looks at the database as another program would, while the process has it open.
  struct Observer {
    sqlite::Connection db{k_database, sqlite::Mode::read_only};
    sqlite::Statement intent{db,
                             "SELECT 1 FROM row JOIN attempt ON row_id = id WHERE id = ?1 AND status = "
                             "'in_flight' AND kind = 'invalidate' AND outcome IS NULL"};
  };

  void notice(const dispatch::Notice& notice) override { world_.tell("! {}", notice.text); }
  void recorded(const ledger::Attempt&) override { ++told_; }
  void draw_safety();
  void draw_cards();
  void draw_poison();
  void draw_habits();
  void draw_weather();
  void draw_events();
  void calm_down();
  void finish();
  int run_until_settled();
  std::size_t most_stops() const;
  int live(Command command);
  int work(Command command);
  void draw_window();
  Result<void> protect_some(ledger::Ledger& ledger);
  void arm();
  void disarm();
  void die();
  void check_results(bool at_the_end);
  void check_row(const Card& card, const ResultRow& row, bool at_the_end);
  void check_nothing_is_held_up();
  void check_report(const run::Report& report, Command command);
  void request_leaves(model::RowId row, model::AttemptKind kind, const Card& card) override;
  void is_read_back(const Card& card) override;
  void check_canary(const Card& card);
  static bool is_settled_without_proof(const Card& card);
  [[noreturn]] void fail(const std::string& what, const Card* card = nullptr);
  void show(const Card& card);

  Disk& disk_;
  const std::uint64_t seed_;
  World world_;
  Chance chance_;
  Chance limits_, steering_;  // of a run: apart, so that what a seed was known for before stays as it was
  model::Job job_;
  Platform platform_;
  Weather weather_;
  Tally tally_;
  std::size_t imported_ = 0;                               // rows in the input so far
  std::map<std::string, ResultRow> results_;               // by code, as they stood last
  std::map<std::string, std::deque<Instant>> departures_;  // by quota
  int proven_ = 0;                   // rows that the canary was passed by at most, of the plan as it is
  std::int64_t told_ = 0;            // requests that processes called on record
  std::set<std::string> protected_;  // codes, by the list of the latest import
  bool is_calm_ = false, has_clock_steps_ = false, fault_armed_ = false, reads_only_ = false;
  std::unique_ptr<Observer> observer_;
};

}  // namespace cardvoid::simulation
