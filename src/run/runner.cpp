#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/run/runner.hpp>
#include <chrono>
#include <memory>
#include <variant>

#include "outcome_of.hpp"

namespace cardvoid::run {

namespace {

using namespace std::chrono_literals;
using model::AttemptKind;
using model::RowId;

constexpr auto k_pulse_interval = 2s;
// The two clocks drift by less than this. More means that one was set, or that the machine slept.
constexpr auto k_most_drift = 1s;

dispatch::Settings dispatch_settings(const model::Job& job, const Order& order, std::size_t lanes,
                                     int canary_passed) {
  dispatch::Settings settings;
  settings.requests_per_second = job.limits.requests_per_second;
  settings.lanes = lanes;
  settings.max_in_flight = job.limits.max_in_flight;
  settings.card.request_timeout = job.limits.request_timeout;
  settings.card.retry = {job.limits.backoff_base, job.limits.backoff_cap, job.limits.max_attempts};
  settings.endpoints = {job.limits.failover_after, job.limits.failover_cooldown};
  settings.row_limit = order.row_limit;
  settings.safety.read_back_only = order.read_back_only;
  settings.safety.canary = job.safety.canary;
  settings.safety.canary_passed = canary_passed;
  settings.safety.max_failure_rate = job.safety.max_failure_rate;
  settings.safety.expect_already = job.safety.expect_already;
  return settings;
}

dispatch::Notice words_for_other_brand() {
  return {dispatch::Notice::warning,
          "a verified answer about this card names another brand_id than was asked for; the platform's own "
          "example does so too, and the card counts. Is brand_id right? status shows how many did"};
}

std::vector<std::unique_ptr<dispatch::Pace>> paces_for(const std::vector<ledger::Cursor>& cursors,
                                                       const Ports& ports) {
  if (!ports.paces) return {};
  Ports::Brands brands;
  for (const auto& cursor : cursors) brands.push_back(cursor.brand_id);
  return ports.paces(brands);
}

}  // namespace

Runner::Runner(const model::Job& job, const Order& order, Observer& observer, const Ports& ports,
               std::vector<ledger::Cursor> cursors, ledger::RunId run, int canary_passed)
    : observer_{observer},
      ports_{ports},
      run_{run},
      limit_{job.limits.requests_per_second},
      match_openid_{job.safety.match_openid},
      dispatcher_{dispatch_settings(job, order, cursors.size(), canary_passed), paces_for(cursors, ports)},
      max_duration_{order.max_duration} {
  if (job.safety.window && !order.read_back_only) window_.emplace(*job.safety.window, local_minute);
  for (auto& cursor : cursors) cursors_.push_back(std::make_shared<ledger::Cursor>(std::move(cursor)));
  ports_.store.on_failure([this](Error error) { abandon(std::move(error)); });
}

void Runner::begin(std::optional<Instant> hold_until) {
  if (!match_openid_)
    observer_.notice({dispatch::Notice::warning,
                      "safety.match_openid = false: an answer about a card counts with any member's openid"});
  if (hold_until) dispatcher_.hold(*hold_until);
  const auto now = ports_.loop.now();
  if (max_duration_) over_at_ = now.steady + *max_duration_;
  check_clocks(now);
  pump();
}

void Runner::know_witness(model::Candidate witness) {
  const auto lane = std::find_if(cursors_.begin(), cursors_.end(), [&](const auto& cursor) {
    return !cursor->brand_id || *cursor->brand_id == witness.card.brand_id;
  });
  if (lane == cursors_.end()) return;
  dispatcher_.know_witness(static_cast<dispatch::LaneId>(lane - cursors_.begin()), witness,
                           ports_.loop.now());
  auto& flight = flights_[witness.id];
  flight.standing = {model::Status::invalidated, false};
  flight.confirmed = true;  // by an earlier run, and not counted here
  flight.row = std::move(witness);
}

void Runner::stop(Error why) {
  dispatcher_.stop(std::move(why));
  pump();
}

// Does all that the dispatcher asks for now.
void Runner::pump() {
  if (pumping_ || finished_) return;
  pumping_ = true;
  bool more = true;
  while (more) {
    const auto action = dispatcher_.next(ports_.loop.now().steady);
    more = std::visit([this](const auto& what) { return carry_out(what); }, action);
  }
  pumping_ = false;
  for (const auto& notice : dispatcher_.take_notices()) observer_.notice(notice);
}

bool Runner::carry_out(const dispatch::action::Fetch& fetch) {
  auto rows = std::make_shared<std::vector<model::Candidate>>();
  ports_.store.submit(
      [rows, cursor = cursors_[fetch.lane], fetch](ledger::Ledger& ledger) -> Result<void> {
        if (fetch.set_apart_only) cursor->skip_to_set_apart();
        auto fetched = ledger::fetch(ledger, *cursor, fetch.count);
        if (!fetched) return fetched.error();
        *rows = std::move(*fetched);
        return {};
      },
      [this, rows, fetch] {
        const bool exhausted = static_cast<int>(rows->size()) < fetch.count;
        leave_out_protected(*rows);
        dispatcher_.offer(fetch.lane, *rows, exhausted, ports_.loop.now());
        for (auto& row : *rows) {
          const auto id = row.id;
          auto& flight = flights_[id];
          flight.standing = {row.status, row.held};
          flight.row = std::move(row);
        }
        pump();
      });
  return true;
}

// Such a row was fetched before its protection was durable.
void Runner::leave_out_protected(std::vector<model::Candidate>& rows) const {
  const auto is_named = [this](const model::Candidate& row) {
    return std::any_of(protected_.begin(), protected_.end(),
                       [&row](const ledger::Protectee& who) { return who.names(row.card); });
  };
  for (auto& row : rows) row.is_protected = row.is_protected || is_named(row);
  std::erase_if(rows, [](const model::Candidate& row) {
    return row.is_protected && row.status == model::Status::pending;
  });
}

bool Runner::carry_out(const dispatch::action::Prepare& prepare) {
  const auto id = prepare.row;
  auto& flight = flights_.at(id);
  flight.kind = prepare.kind;
  flight.endpoint = prepare.endpoint;
  flight.attempt = prepare.attempt;
  flight.started = ports_.loop.now();
  flight.connected = false;
  flight.failure.reset();
  flight.durable = false;
  const ledger::Intent intent{id, prepare.attempt, run_, prepare.endpoint, flight.started.wall, prepare.kind};
  if (prepare.kind == AttemptKind::invalidate) {
    move(flight, {model::Status::in_flight, flight.standing.held});
    ++open_;
  }
  ports_.store.submit(
      [intent, counts = counts()](ledger::Ledger& ledger) -> Result<void> {
        const auto opened = ledger::open_attempt(ledger, intent);
        if (!opened || intent.kind == AttemptKind::read_back) return opened;
        return ledger::save_counts(ledger, intent.run, counts);
      },
      [this, id] {
        const auto recorded = flights_.find(id);
        if (recorded == flights_.end()) return;  // withdrawn meanwhile
        recorded->second.durable = true;
        check_prepared(id);
      });
  ports_.transport.connect(id, prepare.endpoint, prepare.fresh_connection,
                           [this, id](const std::optional<net::ConnectFailure>& failure) {
                             auto& connecting = flights_.at(id);
                             connecting.connected = true;
                             if (failure) connecting.failure = outcome_of(*failure);
                             check_prepared(id);
                           });
  return true;
}

ledger::RunCounts Runner::counts() const {
  auto counts = counts_;
  counts.sent += open_;
  return counts;
}

void Runner::move(Flight& flight, model::RowState to) {
  const auto before = std::exchange(flight.standing, to);
  observer_.moved(before, to);
}

void Runner::check_prepared(RowId row) {
  const auto& flight = flights_.at(row);
  if (abandoned_ || !flight.durable || !flight.connected) return;
  if (flight.failure) {
    const auto failure = *flight.failure;
    end(row, failure);
    return;
  }
  dispatcher_.prepared(row, ports_.loop.now().steady);
  pump();
}

bool Runner::carry_out(const dispatch::action::Send& send) {
  auto& flight = flights_.at(send.row);
  flight.started = ports_.loop.now();
  ports_.transport.send(
      send.row, flight.kind, flight.row.card,
      [this, id = send.row] {
        auto& sending = flights_.at(id);
        sending.started = ports_.loop.now();
        dispatcher_.written(id, sending.started);
      },
      [this, id = send.row](const Result<Reply>& reply) {
        if (!reply) return abandon(reply.error());
        const auto& answered = flights_.at(id);
        end(id,
            outcome_of(*reply, answered.kind, answered.row.card, {match_openid_, ports_.loop.now().wall}));
      });
  return true;
}

void Runner::end(RowId row, const model::Outcome& outcome) {
  if (abandoned_) return;
  const auto now = ports_.loop.now();
  auto& flight = flights_.at(row);
  const bool sent = model::was_sent(outcome.kind);
  // One piece of memory for all who record it and tell of it.
  struct Ended {
    ledger::Attempt attempt;
    model::Ruling ruling;
  };
  const auto ended = std::make_shared<Ended>();
  ended->ruling = dispatcher_.ended(row, outcome, now, ports_.draw());
  const auto& ruling = ended->ruling;
  auto& attempt = ended->attempt;
  attempt.row = row;
  attempt.n = flight.attempt;
  attempt.run = run_;
  attempt.kind = flight.kind;
  attempt.endpoint = flight.endpoint;
  attempt.sent = sent;
  attempt.started_at = flight.started.wall;
  attempt.finished_at = now.wall;
  attempt.latency = std::chrono::duration_cast<std::chrono::microseconds>(now.steady - flight.started.steady);
  attempt.outcome = outcome;
  move(flight, {ruling.status, ruling.held});
  if (sent) ++requests_;
  if (outcome.other_brand && ++counts_.other_brand == 1) observer_.notice(words_for_other_brand());
  if (flight.kind == AttemptKind::invalidate) --open_, counts_.sent += sent;
  // A canary row is invalidated before its read-back has come.
  const bool confirmed = ruling.status == model::Status::invalidated;
  if (confirmed != std::exchange(flight.confirmed, confirmed)) counts_.confirmed += confirmed ? 1 : -1;
  if (ruling.finished && ruling.settled_by == model::SettledBy::already) ++counts_.already;
  if (ruling.status == model::Status::rejected) ++counts_.rejected;
  if (ruling.finished && ruling.status == model::Status::unresolved) ++counts_.unresolved;
  counts_.canary = dispatcher_.trip() ? 0 : dispatcher_.canary_passed();
  observer_.attempted(attempt, flight.row);
  // Before the row that caused it: a crash in between must not lose that the next run needs a canary.
  if (dispatcher_.trip() && !std::exchange(tripped_, true))
    ports_.store.submit([run = run_, trip = *dispatcher_.trip()](ledger::Ledger& ledger) {
      return ledger::save_trip(ledger, run, trip);
    });
  ports_.store.submit(
      [ended, run = run_, counts = counts()](ledger::Ledger& ledger) -> Result<void> {
        const auto closed = ledger::close_attempt(ledger, ended->attempt, ended->ruling);
        return closed ? ledger::save_counts(ledger, run, counts) : closed;
      },
      [this, ended] { observer_.recorded(ended->attempt); });
  if (ruling.finished && row != dispatcher_.witness()) flights_.erase(row);
  pump();
}

bool Runner::carry_out(const dispatch::action::Withdraw& withdraw) {
  std::optional<model::Status> status;  // a read-back has changed none
  if (withdraw.kind == AttemptKind::invalidate) {
    status = withdraw.status;
    auto& flight = flights_.at(withdraw.row);
    move(flight, {withdraw.status, flight.standing.held});
    --open_;
  }
  ports_.store.submit(
      [withdraw, status, run = run_, counts = counts()](ledger::Ledger& ledger) -> Result<void> {
        const auto withdrawn = ledger::withdraw_attempt(ledger, withdraw.row, withdraw.attempt, status);
        return withdrawn && status ? ledger::save_counts(ledger, run, counts) : withdrawn;
      });
  ports_.transport.release(withdraw.row);
  if (!withdraw.is_kept) flights_.erase(withdraw.row);
  return true;
}

bool Runner::carry_out(const dispatch::action::Release& release) {
  flights_.erase(release.row);
  return true;
}

bool Runner::carry_out(const dispatch::action::Wait& wait) {
  ports_.loop.call_at(wait.until, [this] { pump(); });
  return false;
}

// Nothing can be recorded any more: what is in flight is cut off and stays in doubt.
void Runner::abandon(Error error) {
  if (finished_) return;
  abandoned_ = true;
  carry_out(dispatch::action::Finished{std::move(error)});
}

bool Runner::carry_out(const dispatch::action::Finished& finished) {
  finished_ = true;
  ending_ = finished.stopped;
  ports_.transport.close();
  observer_.progress(snapshot(), counts_);
  return false;
}

// Stops the run at the end of --max-duration (steady clock) or when the window closes (wall clock).
void Runner::check_clocks(Now now) {
  std::optional<Instant> end = over_at_;
  bool is_by_window = false;
  if (window_) {
    if (!window_->is_open(now.wall))
      return dispatcher_.stop({Errc::stopped, fmt::format("the window {} is closed", window_->text())});
    const nanoseconds apart = now.wall.time_since_epoch() - now.steady.time_since_epoch();
    if (!closes_at_ || std::chrono::abs(apart - clocks_apart_) > k_most_drift) {
      closes_at_ = window_->next_change(now.wall);
      clocks_apart_ = apart;
    }
    if (closes_at_) {
      const auto closes = now.steady + (*closes_at_ - now.wall);
      is_by_window = !end || closes < *end;
      if (is_by_window) end = closes;
    }
  }
  if (!end) return;
  dispatcher_.stop_at(
      *end, {Errc::stopped, is_by_window
                                ? fmt::format("the window {} is closed", window_->text())
                                : fmt::format("--max-duration {} is over", format_duration(*max_duration_))});
}

void Runner::tick() {
  const auto now = ports_.loop.now();
  if (!dispatcher_.stopped()) {
    check_clocks(now);
    if (dispatcher_.stopped()) pump();
    if (finished_) return;
  }
  measure(now.steady);
  observer_.progress(snapshot(), counts_);
  if (now.steady < next_pulse_) return;
  save_pulse(now);
}

// Neither an outage nor the canary says anything about the pace after it.
void Runner::measure(Instant now) {
  const auto state = snapshot();
  const bool is_apart =
      state.canary > 0 || std::any_of(state.reasons_to_wait.begin(), state.reasons_to_wait.end(),
                                      [](const auto& reason) { return reason.holds_up(); });
  if (std::exchange(was_apart_, is_apart) && !is_apart) rate_.begin_again();
  measured_ = rate_.note(now, requests_);
}

dispatch::Snapshot Runner::snapshot() const {
  const auto now = ports_.loop.now();
  auto state = dispatcher_.snapshot(now.steady);
  state.reasons_to_wait = dispatcher_.reasons_to_wait(now);
  state.measured = measured_;
  return state;
}

// Writes the state of the run for `status`.
void Runner::save_pulse(Now now, std::function<void()> saved) {
  next_pulse_ = now.steady + k_pulse_interval;
  const auto state = snapshot();
  ledger::Pulse pulse;
  pulse.run = run_;
  pulse.at = now.wall;
  pulse.rate = state.measured;
  pulse.allowed_rate = state.rate;
  pulse.in_flight = state.in_flight, pulse.waiting = state.waiting;
  pulse.canary = state.canary, pulse.canary_passed = state.canary_passed;
  pulse.canary_already = state.canary_already;
  pulse.primary_state = dispatch::EndpointHealth::to_text(state.primary);
  pulse.backup_state = dispatch::EndpointHealth::to_text(state.backup);
  pulse.reasons_to_wait = state.reasons_to_wait;
  ports_.store.submit([pulse](ledger::Ledger& ledger) { return ledger::save_pulse(ledger, pulse); },
                      std::move(saved));
}

}  // namespace cardvoid::run
