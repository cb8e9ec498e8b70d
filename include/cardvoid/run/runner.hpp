#pragma once
// The thin shell around dispatch::Dispatcher. Does what the dispatcher asks for (journal, connect, send, read
// the answer) through the ports of a run, and reports what happened. Decides nothing.

#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/dispatcher.hpp>
#include <cardvoid/dispatch/rate_meter.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/ports.hpp>
#include <cardvoid/run/steering.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cardvoid::run {

using std::chrono::nanoseconds;

// One run, from the first row until nothing is in flight. Single-threaded: on the loop's thread, except the
// work submitted to the store. All arguments must outlive it.
class Runner {
 public:
  // `cursors`: one for each lane of the dispatcher; `run`: its number in the ledger; `canary_passed`: rows of
  // this plan that passed the canary in earlier runs.
  Runner(const model::Job& job, const Order& order, Observer& observer, const Ports& ports,
         std::vector<ledger::Cursor> cursors, ledger::RunId run, int canary_passed);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Sends nothing before `hold_until`.
  void begin(std::optional<Instant> hold_until);
  // A card that an earlier run invalidated, if there is one: read back when our credentials are in question.
  // Call before begin().
  void know_witness(model::Candidate witness);
  // Cards that earlier runs found INVALID before us, when they found nothing else. Call before begin().
  void know_already(std::vector<model::RowId> rows) { dispatcher_.know_already(std::move(rows)); }
  // Starts nothing new; what is in flight may end. The first reason counts.
  void stop(Error why);
  // Carries out a command of `by` from another process, before it returns; not protect and unprotect.
  // `saved` is called when `status` shows it, which may be never.
  using Answered = std::function<void(const SteeringAnswer&)>;
  SteeringAnswer steer(const Steering& steering, const std::string& by, Answered saved = {});
  // Protect and unprotect. A card that is named is not sent from here on, whether its row is at hand, is
  // being fetched, or comes later. `answered` is called when that is durable, which may be never: then
  // nothing was promised.
  void protect(const Steering& steering, const std::string& by, Answered answered);
  // Reports progress, sometimes writes a line for `status`, and checks that the window is still open. Call it
  // a few times a second.
  void tick();

  bool is_finished() const { return finished_; }
  const std::optional<Error>& ending() const { return ending_; }  // why it ended early
  const std::optional<model::Trip>& trip() const { return dispatcher_.trip(); }
  // As they are on record: requests that may have left are sent ones, also where their end is not known.
  ledger::RunCounts counts() const;
  dispatch::Snapshot snapshot() const;

 private:
  struct Flight {
    model::Candidate row;
    model::AttemptKind kind = model::AttemptKind::invalidate;
    model::Endpoint endpoint = model::Endpoint::primary;
    int attempt = 0;
    bool durable = false, connected = false;
    bool confirmed = false;                 // and counted as such
    std::optional<model::Outcome> failure;  // why there is no connection
    model::RowState standing;               // in the results
    Now started;                            // of the exchange; of the preparation when nothing was sent
  };

  void pump();
  void measure(Instant now);
  bool carry_out(const dispatch::action::Fetch& fetch);
  bool carry_out(const dispatch::action::Prepare& prepare);
  bool carry_out(const dispatch::action::Send& send);
  bool carry_out(const dispatch::action::Withdraw& withdraw);
  bool carry_out(const dispatch::action::Release& release);
  bool carry_out(const dispatch::action::Wait& wait);
  bool carry_out(const dispatch::action::Finished& finished);
  void leave_out_protected(std::vector<model::Candidate>& rows) const;
  void move(Flight& flight, model::RowState to);
  void check_prepared(model::RowId row);
  void end(model::RowId row, const model::Outcome& outcome);
  void abandon(Error error);
  void check_clocks(Now now);
  void save_pulse(Now now, std::function<void()> saved = {});
  SteeringAnswer answer(int code, std::string message) const;
  struct AtHand;  // what became of the rows in memory that a protection names
  AtHand hold_at_hand(const ledger::Protectee& who);
  void tell_of(const Steering& steering, const std::string& by, const SteeringAnswer& told);

  Observer& observer_;
  const Ports ports_;
  const ledger::RunId run_;
  const double limit_;  // requests/s: the job's
  const bool match_openid_;
  // Only for the store's work, which may outlive us.
  std::vector<std::shared_ptr<ledger::Cursor>> cursors_;
  dispatch::Dispatcher dispatcher_;
  const std::optional<milliseconds> max_duration_;
  std::optional<Instant> over_at_;          // by max_duration_
  std::optional<dispatch::Window> window_;  // never for `reconcile`
  std::optional<WallTime> closes_at_;
  nanoseconds clocks_apart_{0};  // wall minus steady clock, when closes_at_ was found
  std::unordered_map<model::RowId, Flight> flights_;
  // Of this run's `protect` commands. A row that was fetched before one was durable may come after it.
  std::vector<ledger::Protectee> protected_;
  ledger::RunCounts counts_;    // `sent` without the open ones
  std::int64_t open_ = 0;       // invalidations whose intent stands on record, and whose end does not
  std::uint64_t requests_ = 0;  // of both kinds
  dispatch::RateMeter rate_;
  double measured_ = 0;     // requests/s of the last minute
  bool was_apart_ = false;  // held up, or in its canary
  Instant next_pulse_{};
  std::optional<Error> ending_;
  bool pumping_ = false, finished_ = false, abandoned_ = false;
  bool tripped_ = false;  // and on record
};

}  // namespace cardvoid::run
