#pragma once
// The thin shell around dispatch::Dispatcher: carries out what it asks for – journal, connect, send, read the
// answer – through the doors of a run, and reports what happened. Decides nothing.

#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/dispatcher.hpp>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/doors.hpp>
#include <cardvoid/run/execute.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cardvoid::run {

// One run, from the first row to the moment when nothing is under way any more. Single-threaded: everything
// happens on the loop's thread, except what is submitted to the store. Everything handed in must outlive it.
class Runner {
 public:
  // `cursors`: one for each lane of the dispatcher; `run`: its number in the ledger.
  Runner(const model::Job& job, const Order& order, const Events& events, const Doors& doors,
         std::vector<ledger::Cursor> cursors, ledger::RunId run);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Nothing leaves before `hold_until`.
  void begin(std::optional<Instant> hold_until);
  // Nothing new from here on; what is in flight may end. The first reason stays.
  void stop(Error why);
  // Progress, and now and then a line for `status`. A few times a second.
  void beat();

  bool is_finished() const { return finished_; }
  const std::optional<Error>& ending() const { return ending_; }  // why it ended early
  const ledger::RunCounts& counts() const { return counts_; }
  dispatch::Snapshot snapshot() const { return dispatcher_.snapshot(doors_.loop.now().steady); }

 private:
  struct Flight {
    model::Candidate row;
    model::AttemptKind kind = model::AttemptKind::invalidate;
    model::Endpoint endpoint = model::Endpoint::primary;
    int attempt = 0;
    bool durable = false, connected = false;
    std::optional<model::Outcome> failure;  // why no connection came to be
    model::Standing standing;               // in the results
    Now started;                            // of the exchange; of the preparation when nothing was sent
  };

  void pump();
  bool carry_out(const dispatch::action::Fetch& fetch);
  bool carry_out(const dispatch::action::Prepare& prepare);
  bool carry_out(const dispatch::action::Send& send);
  bool carry_out(const dispatch::action::Withdraw& withdraw);
  bool carry_out(const dispatch::action::Release& release);
  bool carry_out(const dispatch::action::Wait& wait);
  bool carry_out(const dispatch::action::Finished& finished);
  void move(Flight& flight, model::Standing to);
  void check_prepared(model::RowId row);
  void end(model::RowId row, const model::Outcome& outcome);
  void abandon(Error error);
  void save_pulse(Now now);

  const Events& events_;
  const Doors doors_;
  const ledger::RunId run_;
  // Used by the store's work only, which may outlive us.
  std::vector<std::shared_ptr<ledger::Cursor>> cursors_;
  dispatch::Dispatcher dispatcher_;
  std::unordered_map<model::RowId, Flight> flights_;
  ledger::RunCounts counts_;
  std::uint64_t requests_ = 0;                             // of both kinds
  std::deque<std::pair<Instant, std::uint64_t>> sent_at_;  // how many there were when, over the last minute
  Instant next_pulse_{};
  std::optional<Error> ending_;
  bool pumping_ = false, finished_ = false, abandoned_ = false;
};

}  // namespace cardvoid::run
