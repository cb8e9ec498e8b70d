#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <cardvoid/dispatch/dispatcher.hpp>
#include <cardvoid/dispatch/inquiry.hpp>
#include <cardvoid/dispatch/pacer.hpp>
#include <cassert>
#include <utility>

#include "lane.hpp"
#include "platform_health.hpp"

namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using model::AttemptKind;
using model::RowId;

// A request is prepared twice as long before its permit as preparing took lately, within these bounds. So its
// commit and its connection are done in time, and a crash leaves few rows in doubt.
constexpr milliseconds k_least_lead = 100ms, k_most_lead = 2s;
constexpr int k_most_prepared = 256;
constexpr int k_most_over = 16;   // prepared beyond max_in_flight: each has a connection, some 100 KiB
constexpr auto k_recent = 10min;  // answers 429 that people are told the number of
// Until an answer has proved keys and endpoint, only so many requests are out: wrong keys cost a handful.
constexpr int k_unproven_in_flight = 3;
constexpr int k_fetch_count = 256;

Mandate mandate_of(const model::Candidate& candidate, bool read_back_only) {
  if (candidate.held) return Mandate::held;
  return candidate.is_protected || read_back_only ? Mandate::read_only : Mandate::invalidate;
}

}  // namespace

Dispatcher::Dispatcher(Settings settings, std::vector<std::unique_ptr<Pace>> paces)
    : settings_{settings},
      load_{std::make_unique<Load>()},
      health_{std::make_unique<PlatformHealth>(settings.endpoints)},
      safety_{settings.safety},
      inquiry_{std::make_unique<Inquiry>()},
      requests_per_second_{settings.requests_per_second} {
  paces.resize(settings.lanes);
  lanes_.reserve(settings.lanes);  // tasks refer to their lanes
  for (auto& pace : paces) {
    if (!pace) pace = std::make_unique<Pacer>(settings.requests_per_second);
    lanes_.emplace_back(std::move(pace), *load_);
  }
}

Dispatcher::~Dispatcher() = default;

Action Dispatcher::next(Instant now) {
  if (stop_later_ && now >= stop_later_->at) stop(stop_later_->why);
  held_by_pace_.end(now);
  if (stopped()) return next_stopping().value_or(action::Wait{Instant::max()});
  if (auto action = next_protected()) return *action;
  if (auto action = next_put_back(now)) return *action;
  if (is_out_of_patience(now)) return next(now);
  promote_due(now);
  if (!paused_) {
    if (auto action = next_send(now)) return *action;
    if (auto action = next_prepare(now)) return *action;
    if (stopped()) return next(now);  // both endpoints have been down for too long
  }
  if (auto action = next_fetch()) return *action;
  if (is_done() && has_evidence_at_end()) {
    inquiry_->clear();
    clear_accused();
    return next(now);
  }
  if (is_done()) {
    auto why = why_at_end();
    if (!why) return action::Finished{};
    stop(std::move(*why));
    return next(now);
  }
  held_by_pace_.begin(now, paced_until(now));
  return action::Wait{wake_at(now)};
}

// Nothing is at hand but cards that wait for evidence, and nothing was asked for.
bool Dispatcher::is_done() const {
  const bool nothing_at_hand =
      stopped() ? tasks_.empty() : tasks_.size() == inquiry_->accused_count() && !inquiry_->is_asking();
  return nothing_at_hand &&
         std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.is_fetching(); });
}

// Only cards that are known to be odd wait, and others have worked: whose fault it is is clear enough.
bool Dispatcher::has_evidence_at_end() const {
  return inquiry_->is_open() && inquiry_->is_about_odd_cards_only() && safety_.is_proven();
}

// Everything is done. nullopt: as it should be.
std::optional<Error> Dispatcher::why_at_end() const {
  if (inquiry_->is_open()) return inquiry_->why();
  if (!std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.is_exhausted(); }))
    return Error{Errc::stopped, fmt::format("the limit of {} for this run is reached",
                                            counted(settings_.row_limit.value_or(0), "row"))};
  return safety_.doubts_at_end();
}

bool Dispatcher::is_out_of_patience(Instant now) {
  if (paused_) return false;
  auto why = health_->tired_of_errors(now);
  if (!why) return false;
  stop(std::move(*why));
  return true;
}

// Takes back what is prepared or connecting, drops what only waits, and ends when nothing is in flight.
std::optional<Action> Dispatcher::next_stopping() {
  const auto withdraw = [this](RowId row) {
    const auto& task = tasks_.at(row);
    const action::Withdraw taken_back{row, task.card.next().kind, task.attempt, task.card.standing()};
    tasks_.erase(row);
    return taken_back;
  };
  for (auto& lane : lanes_)
    if (lane.prepared_count() > 0) return withdraw(lane.withdraw_first());
  for (const auto& [row, task] : tasks_) {
    if (task.phase == Phase::in_flight) continue;
    if (task.phase == Phase::preparing) {
      task.lane.end_prepare();
      return withdraw(row);
    }
    const action::Release release{row};
    forget(row);
    return release;
  }
  if (is_done()) return action::Finished{stopped()};
  return std::nullopt;
}

// What is prepared and will not leave soon goes back to its queue.
std::optional<Action> Dispatcher::next_put_back(Instant now) {
  for (auto& lane : lanes_) {
    if (lane.prepared_count() == 0) continue;
    const bool is_too_early =
        rate_set_ && lane.pace().due_after(lane.prepared_count() - 1, now) > now + prepare_lead();
    if (!paused_ && !is_too_early) continue;
    const auto row = lane.withdraw_last();
    auto& task = tasks_.at(row);
    task.phase = Phase::ready;
    health_->endpoints.abandoned(task.endpoint, task.started);
    lane.add_first(row, queue_of(task));
    return action::Withdraw{row, task.card.next().kind, task.attempt, task.card.standing(), true};
  }
  return std::nullopt;
}

// Cards that were protected since the last action.
std::optional<Action> Dispatcher::next_protected() {
  for (auto at = protected_.begin(); at != protected_.end();) {
    const auto row = *at;
    const auto found = tasks_.find(row);
    if (found != tasks_.end() && found->second.phase == Phase::preparing) {
      ++at;  // until it is prepared
      continue;
    }
    at = protected_.erase(at);
    // An invalidation in flight ends as it ends: ended().
    if (found == tasks_.end() || found->second.phase == Phase::in_flight) continue;
    if (auto action = take_back(row, found->second)) return action;
  }
  return std::nullopt;
}

// No invalidation follows for this card; a read-back does, if it is in doubt.
std::optional<Action> Dispatcher::take_back(RowId row, Task& task) {
  if (task.card.next().kind != AttemptKind::invalidate) return std::nullopt;
  auto& lane = task.lane;
  action::Withdraw withdraw{row, AttemptKind::invalidate, task.attempt, task.card.standing()};
  const bool was_prepared = task.phase == Phase::prepared;
  if (was_prepared) {
    lane.withdraw(row);
    health_->endpoints.abandoned(task.endpoint, task.started);
  }
  if (task.phase == Phase::fresh || task.phase == Phase::ready) lane.remove(row, queue_of(task));
  if (task.card.read_back_instead()) {
    if (task.phase != Phase::waiting) {
      task.phase = Phase::ready;
      lane.add(row, queue_of(task));
    }
    withdraw.is_kept = true;
    return was_prepared ? std::optional<Action>{withdraw} : std::nullopt;
  }
  if (task.phase == Phase::waiting) lane.end_wait();
  safety_.leave_canary(row);
  tasks_.erase(row);
  return was_prepared ? Action{withdraw} : Action{action::Release{row}};
}

void Dispatcher::promote_due(Instant now) {
  while (!due_.empty() && due_.top().at <= now) {
    const auto row = due_.top().row;
    due_.pop();
    const auto found = tasks_.find(row);
    if (found == tasks_.end() || found->second.phase != Phase::waiting) continue;
    auto& task = found->second;
    task.phase = Phase::ready;
    task.lane.end_wait();
    task.lane.add(row, queue_of(task));
  }
}

std::optional<Action> Dispatcher::next_send(Instant now) {
  if (load_->in_flight >= settings_.max_in_flight) return std::nullopt;
  Lane* longest_due = nullptr;  // so that lanes which share max_in_flight get their turns
  do {
    longest_due = nullptr;
    for (auto& lane : lanes_)
      if (lane.prepared_count() > 0 && lane.pace().next_at() <= now &&
          (!longest_due || lane.pace().next_at() < longest_due->pace().next_at()))
        longest_due = &lane;
    if (!longest_due) return std::nullopt;
  } while (!longest_due->pace().take(now));
  const auto row = longest_due->send();
  auto& task = tasks_.at(row);
  task.permit = task.started = now;
  task.phase = Phase::in_flight;
  return action::Send{row};
}

std::chrono::nanoseconds Dispatcher::prepare_lead() const {
  return std::clamp<std::chrono::nanoseconds>(2 * prepare_takes_, k_least_lead, k_most_lead);
}

bool Dispatcher::has_room(const Lane& lane) const {
  const auto ahead = requests_per_second_ * std::chrono::duration<double>{prepare_lead()}.count();
  const int most = std::min(k_most_prepared, settings_.max_in_flight);
  return lane.load().preparing < std::min(ahead + 2, static_cast<double>(most)) &&
         load_->preparing < k_most_prepared &&
         load_->preparing + load_->in_flight < settings_.max_in_flight + k_most_over &&
         (safety_.is_proven() || load_->in_flight + load_->preparing < k_unproven_in_flight);
}

bool Dispatcher::may_start_fresh(const Lane& lane, Instant now) const {
  // Rows already begun come first when they pile up, so that an outage leaves few rows in doubt.
  const auto begun = static_cast<std::size_t>(lane.load().waiting) + lane.size(Queue::resends) +
                     lane.size(Queue::read_backs);
  if (static_cast<int>(begun) >= std::max(2 * settings_.max_in_flight, 16)) return false;
  if (!health_->budget.exhausted()) return true;
  return load_->total() == 0 && health_->budget.allows_fresh_row(now);
}

Queue Dispatcher::queue_of(const Task& task) const {
  if (task.card.is_set_apart()) return Queue::set_apart;
  return task.phase == Phase::fresh ? Queue::fresh : queue_for(task.card.next().kind);
}

// The row of this lane that may be prepared now.
std::optional<RowId> Dispatcher::next_row(const Lane& lane, Instant now) const {
  if (inquiry_->is_asking()) {
    const auto& task = tasks_.at(witness_->row);
    return &task.lane == &lane && task.phase == Phase::ready ? std::optional{witness_->row} : std::nullopt;
  }
  if (!safety_.is_canary_over()) return next_row_of_canary(lane, now);
  if (const auto row = lane.first(Queue::read_backs)) return row;
  if (const auto row = lane.first(Queue::resends)) return row;
  if (const auto row = first_allowed(lane, Queue::fresh, now)) return row;
  return lane.has_only_set_apart() ? first_allowed(lane, Queue::set_apart, now) : std::nullopt;
}

// What earlier runs left in doubt is read back first. Then one row at a time, over all lanes: from its
// invalidation to its end nothing else is under way.
std::optional<RowId> Dispatcher::next_row_of_canary(const Lane& lane, Instant now) const {
  if (const auto canary = safety_.canary_row()) {
    const auto& task = tasks_.at(*canary);
    return &task.lane == &lane && task.phase == Phase::ready ? canary : std::nullopt;
  }
  if (const auto row = lane.first(Queue::read_backs)) return row;
  if (load_->total() > 0) return std::nullopt;
  for (const auto& other : lanes_)
    if (other.size(Queue::read_backs) > 0) return std::nullopt;
  if (are_only_set_apart_left()) return first_allowed(lane, Queue::set_apart, now);
  // Not at first what an earlier run left in doubt and is to be sent again: it may never be answered well.
  const auto resend = lane.first(Queue::resends);
  if (resend && !tasks_.at(*resend).card.was_left_in_doubt()) return resend;
  const auto fresh = first_allowed(lane, Queue::fresh, now);
  return fresh ? fresh : resend;
}

// The first row of this queue, unless it is fresh and none may be started now.
std::optional<RowId> Dispatcher::first_allowed(const Lane& lane, Queue queue, Instant now) const {
  const auto row = lane.first(queue);
  const bool is_fresh = row && tasks_.at(*row).phase == Phase::fresh;
  return !is_fresh || may_start_fresh(lane, now) ? row : std::nullopt;
}

bool Dispatcher::are_only_set_apart_left() const {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.has_only_set_apart() && (lane.size(Queue::set_apart) > 0 || lane.is_exhausted());
  });
}

std::optional<Action> Dispatcher::next_prepare(Instant now) {
  for (auto& lane : lanes_) {
    if (!has_room(lane) || ready_to_prepare_at(lane, now) > now) continue;
    const auto row = next_row(lane, now);
    if (!row) continue;
    if (const auto endpoint = health_->endpoints.choose(now, tasks_.at(*row).card.next().avoid))
      return prepare(lane, row_for(lane, *row, *endpoint), *endpoint, now);
    auto why = health_->tired_of_waiting(now);
    if (why && load_->in_flight + load_->preparing == 0) stop(std::move(*why));
    return std::nullopt;
  }
  return std::nullopt;
}

// Whether an endpoint serves again is asked with another card than one that meets nothing but trouble.
RowId Dispatcher::row_for(const Lane& lane, RowId row, model::Endpoint endpoint) const {
  const bool is_probe = health_->endpoints.state(endpoint) != EndpointHealth::State::closed;
  if (!is_probe || !tasks_.at(row).card.is_troubled() || !may_begin_another()) return row;
  return lane.first(Queue::fresh).value_or(row);
}

// As far as the canary allows it.
bool Dispatcher::may_begin_another() const {
  return safety_.is_canary_over() || (!safety_.canary_row() && load_->in_flight + load_->preparing == 0);
}

Action Dispatcher::prepare(Lane& lane, RowId row, model::Endpoint endpoint, Instant now) {
  auto& task = tasks_.at(row);
  const bool is_fresh = task.phase == Phase::fresh;
  lane.remove(row, queue_of(task));
  lane.begin_prepare();
  if (is_fresh) health_->budget.started_fresh_row(now);
  if (!safety_.is_canary_over() && task.card.next().kind == AttemptKind::invalidate) {
    safety_.begin_canary(row);
    task.card.require_proof();
  }
  health_->endpoints.started(endpoint, now);
  task.endpoint = endpoint;
  task.started = now;
  task.phase = Phase::preparing;
  ++task.attempt;
  return action::Prepare{row, task.card.next().kind, endpoint, task.attempt,
                         task.card.next().fresh_connection};
}

std::optional<Action> Dispatcher::next_fetch() {
  for (LaneId i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i].wants_rows()) continue;
    auto count = std::int64_t{k_fetch_count};
    if (settings_.row_limit) count = std::min(count, *settings_.row_limit - taken_up_);
    if (count <= 0) {
      if (std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.may_give_back(); }))
        continue;
      // Else a limit at every run would leave what comes last in doubt for good.
      lanes_[i].begin_fetch_set_apart(k_fetch_count);
      return action::Fetch{i, k_fetch_count, true};
    }
    lanes_[i].begin_fetch(count);
    taken_up_ += count;  // offer() gives back as far as there were fewer
    return action::Fetch{i, static_cast<int>(count)};
  }
  return std::nullopt;
}

// When the next request of this lane may be prepared, as far as its pace decides it.
Instant Dispatcher::ready_to_prepare_at(const Lane& lane, Instant now) const {
  return lane.pace().due_after(static_cast<std::size_t>(lane.load().preparing), now) - prepare_lead();
}

Instant Dispatcher::wake_at(Instant now) const {
  const auto ends_at = stop_later_ ? stop_later_->at : Instant::max();
  if (paused_) return ends_at;
  auto at = due_.empty() ? ends_at : std::min(ends_at, due_.top().at);
  for (const auto& lane : lanes_) {
    if (lane.prepared_count() > 0 && load_->in_flight < settings_.max_in_flight)
      at = std::min(at, lane.pace().next_at());
    // From here on: when the next row can be prepared, as far as time alone decides it.
    if (!has_room(lane)) continue;
    if (next_row(lane, now)) {
      const auto ready_at = ready_to_prepare_at(lane, now);
      const bool has_endpoint = health_->endpoints.choose(now, std::nullopt).has_value();
      at = std::min(at, has_endpoint ? ready_at : std::max(ready_at, health_->endpoints.wake_at()));
    } else if (lane.size(Queue::fresh) + lane.size(Queue::set_apart) > 0 && health_->budget.exhausted() &&
               load_->total() == 0 && health_->budget.next_probe() > now) {
      at = std::min(at, health_->budget.next_probe());  // else something that is not time keeps the row
    }
  }
  return at;
}

// Until when the limit alone keeps a lane from sending a row that it has; nullopt: it does not.
std::optional<Instant> Dispatcher::paced_until(Instant now) const {
  if (paused_ || load_->in_flight >= settings_.max_in_flight || !health_->endpoints.choose(now, std::nullopt))
    return std::nullopt;
  std::optional<Instant> until;
  for (const auto& lane : lanes_) {
    const bool has_row = lane.prepared_count() > 0 || next_row(lane, now);
    if (has_row && lane.pace().next_at() > now) until = std::max(until.value_or(now), lane.pace().next_at());
  }
  return until;
}

void Dispatcher::HeldByPace::begin(Instant now, std::optional<Instant> until) {
  if (until) span_ = Span{now, *until};
}

void Dispatcher::HeldByPace::end(Instant now) {
  total_ = total(now);
  span_.reset();
}

std::chrono::nanoseconds Dispatcher::HeldByPace::total(Instant now) const {
  if (!span_) return total_;
  return total_ + std::max<std::chrono::nanoseconds>(std::min(now, span_->to) - span_->from, 0ns);
}

void Dispatcher::offer(LaneId index, const std::vector<model::Candidate>& rows, bool exhausted, Now now) {
  auto& lane = lanes_[index];
  taken_up_ -= lane.end_fetch(rows.size(), exhausted);
  for (const auto& candidate : rows) {
    if (tasks_.contains(candidate.id)) {
      assert(false);
      continue;  // never two requests at once for one card
    }
    Card card{candidate, mandate_of(candidate, settings_.safety.read_back_only), settings_.card, now};
    const bool is_fresh = card.next().kind == AttemptKind::invalidate;
    const auto& task = tasks_
                           .try_emplace(candidate.id, Task{lane, is_fresh ? Phase::fresh : Phase::ready,
                                                           std::move(card), candidate.attempts})
                           .first->second;
    lane.add(candidate.id, queue_of(task));
  }
}

void Dispatcher::prepared(RowId row, Instant now) {
  auto& task = tasks_.at(row);
  assert(task.phase == Phase::preparing);
  const auto took = now - task.started;
  prepare_takes_ = std::max(took, prepare_takes_ - (prepare_takes_ - took) / 8);
  task.phase = Phase::prepared;
  task.lane.prepared(row);
}

void Dispatcher::written(RowId row, Now now) {
  auto& task = tasks_.at(row);
  task.lane.pace().left(task.permit, now.steady);
  task.permit = now.steady;
  task.card.written(now.steady);
}

model::Ruling Dispatcher::ended(RowId row, const model::Outcome& outcome, Now now, std::uint32_t draw) {
  auto& task = tasks_.at(row);
  auto& lane = task.lane;
  const auto kind = task.card.next().kind;
  assert(task.phase == Phase::preparing || task.phase == Phase::in_flight);
  if (task.phase == Phase::preparing) {
    lane.end_prepare();
  } else {
    lane.answered();
    if (model::was_sent(outcome.kind)) {
      if (kind == AttemptKind::read_back)
        ++lane.requests.read_backs;
      else if (task.card.was_sent())
        ++lane.requests.retries;
    }
    if (outcome.kind != model::OutcomeKind::throttled) {
      if (outcome.http_status != 0) lane.pace().accepted(now.steady, task.permit);
    } else {
      lane.pace().throttled(now.steady, task.permit, outcome.retry_after);
      ++lane.requests.throttled;
      throttled_at_.push_back(now.steady);
      while (now.steady - throttled_at_.front() > k_recent) throttled_at_.pop_front();
    }
  }
  if (auto why = health_->heard(task.endpoint, task.started, outcome, now.steady, notices_))
    stop(std::move(*why));
  safety_.heard(row, task.card.is_set_apart(), outcome, now.steady);
  safety_.judge_canary_trouble(row, outcome, now.steady);
  if (inquiry_->heard(outcome, task.permit)) clear_accused();
  if (outcome.http_status != 0 &&
      throttled_cards_.heard(row, outcome.kind == model::OutcomeKind::throttled, is_alone()))
    task.card.single_out();
  auto decision = task.card.ended(task.endpoint, outcome, settings_.card, now, draw);
  if (const auto* suspicion = std::get_if<Suspicion>(&decision.alarm);
      suspicion && !safety_.suspect(*suspicion, row, task.card))
    seek_evidence(task.card, decision);
  // The next run's canary begins with another card.
  if (safety_.canary_row() == row && task.card.is_troubled() && !decision.ruling.settled_by)
    decision.ruling.strange = true;
  const auto* accusation = std::get_if<Accusation>(&decision.alarm);
  if (task.card.is_witness()) {
    testified(row, decision, outcome, now.steady);
  } else if (accusation) {
    accused(row, task, *accusation, now.steady);
  } else if (decision.next) {
    task.phase = Phase::waiting;
    lane.begin_wait();
    // A card that is throttled again lets another one try.
    auto due = decision.next->due;
    if (task.card.throttled_in_a_row() > 1)
      due = std::max(due, lane.pace().due_after(1, lane.pace().next_at()));
    due_.push({due, row});
  } else {
    finished(row, task, kind, outcome, decision.ruling);
  }
  return std::move(decision.ruling);
}

void Dispatcher::finished(RowId row, Task& task, AttemptKind kind, const model::Outcome& outcome,
                          const model::Ruling& ruling) {
  if (auto notice = safety_.finished(row, task.card, kind, outcome, ruling))
    notices_.push_back(std::move(*notice));
  const bool has_worked = outcome.kind == model::OutcomeKind::confirmed;
  if (!witness_ && has_worked && !task.card.is_set_apart()) witness_.emplace(Settled{row, std::move(task)});
  throttled_cards_.forget(row);
  tasks_.erase(row);
}

bool Dispatcher::is_alone() const {
  return tasks_.size() == 1 && safety_.is_proven() &&
         std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.is_exhausted(); });
}

// No answer of this run has verified, so it is not known whether that is about this card. A witness of an
// earlier run may tell, once. Otherwise the card stays in doubt.
void Dispatcher::seek_evidence(const Card& card, Decision& decision) {
  decision.ruling.held = false;
  if (!witness_ || std::exchange(has_sought_evidence_, true)) return;
  decision.ruling.status = card.standing();
  decision.ruling.finished = false;
  decision.alarm = Accusation{safety_.doubts()->code, safety_.doubts()->what};
}

// The card waits until it is known whether our credentials work.
void Dispatcher::accused(RowId row, Task& task, const Accusation& accusation, Instant now) {
  const Error why{accusation.code, accusation.why};
  // The canary stops at a bad first card.
  const bool is_conclusive = safety_.canary_row() == row && !task.card.is_set_apart();
  task.phase = Phase::accused;
  safety_.leave_canary(row);
  switch (inquiry_->accused(row, why, witness_.has_value(), is_conclusive, !task.card.is_set_apart(), now)) {
    case Inquiry::Course::stop: return stop(*inquiry_->why());
    case Inquiry::Course::ask_witness: return ask_witness(now);
    case Inquiry::Course::wait: return;
  }
}

void Dispatcher::ask_witness(Instant now) {
  if (tasks_.contains(witness_->row)) return;  // it is being asked, and then asked again
  witness_->task.card.call_as_witness(now);
  witness_->task.phase = Phase::ready;
  const auto& task = tasks_.try_emplace(witness_->row, witness_->task).first->second;
  task.lane.add_first(witness_->row, queue_of(task));
}

// The witness was read back: its answer has cleared the accused cards (Inquiry::heard), or it convicts our
// credentials.
void Dispatcher::testified(RowId row, const Decision& decision, const model::Outcome& outcome, Instant now) {
  auto& task = tasks_.at(row);
  if (decision.next) {
    task.phase = Phase::waiting;
    task.lane.begin_wait();
    return due_.push({now, row});
  }
  witness_->task.attempt = task.attempt;
  const bool is_old = inquiry_->is_asking() && task.permit < inquiry_->since();
  tasks_.erase(row);
  if (model::denies_invalid(outcome.kind))
    notices_.push_back(
        {Notice::warning, fmt::format("line {} was recorded as invalidated, and reading it back "
                                      "does not show INVALID any more",
                                      witness_->task.card.source_line())});
  if (!inquiry_->is_asking()) return;
  if (is_old) return ask_witness(now);
  if (inquiry_->testified(outcome) == Inquiry::Course::stop) stop(*inquiry_->why());
}

void Dispatcher::clear_accused() {
  for (auto& [row, task] : tasks_) {
    if (task.phase != Phase::accused) continue;
    task.phase = Phase::ready;
    task.lane.add(row, queue_of(task));
  }
}

void Dispatcher::know_witness(LaneId lane, const model::Candidate& candidate, Now now) {
  Card card{candidate, Mandate::read_only, settings_.card, now};
  witness_.emplace(Settled{candidate.id, {lanes_[lane], Phase::ready, std::move(card), candidate.attempts}});
}

std::optional<RowId> Dispatcher::witness() const {
  return witness_ ? std::optional{witness_->row} : std::nullopt;
}

void Dispatcher::stop(Error why) { safety_.stop(std::move(why)); }

void Dispatcher::stop_at(Instant when, Error why) { stop_later_ = {when, std::move(why)}; }

void Dispatcher::hold(Instant until) {
  for (auto& lane : lanes_) lane.pace().hold(until);
}

void Dispatcher::forget(RowId row) {
  const auto& task = tasks_.at(row);
  if (task.phase == Phase::waiting) task.lane.end_wait();
  if (task.phase == Phase::fresh) task.lane.remove(row, queue_of(task));
  if (task.phase == Phase::ready) task.lane.remove(row, queue_of(task));
  tasks_.erase(row);
}

HowFar Dispatcher::protect(RowId row) {
  const auto found = tasks_.find(row);
  if (found == tasks_.end()) return HowFar::in_doubt;  // the witness: settled, and not under way
  auto& task = found->second;
  task.card.protect();
  protected_.push_back(row);
  const bool is_under_way =
      task.phase == Phase::in_flight && task.card.next().kind == AttemptKind::invalidate;
  if (is_under_way) return HowFar::under_way;
  return task.card.is_untouched() ? HowFar::untouched : HowFar::in_doubt;
}

void Dispatcher::pause(Steered by, Instant now) {
  if (paused_) return;
  paused_ = std::move(by);
  paused_since_ = now;
}

void Dispatcher::resume(Instant now) {
  if (!paused_) return;
  paused_.reset();
  health_->be_patient_from(now);
  safety_.be_patient(now - paused_since_);
}

void Dispatcher::set_rate(double requests_per_second, Steered by, Instant now) {
  requests_per_second_ = requests_per_second;
  for (auto& lane : lanes_) lane.pace().set_limit(requests_per_second, now);
  rate_set_.reset();
  if (requests_per_second != settings_.requests_per_second) rate_set_ = std::move(by);
}

// None of them is ours when another run of the same quota was told so.
std::string Dispatcher::words_for_slowness(Instant now, double rate, bool is_found) const {
  const auto shown = fmt::format("{:.{}f}/s", rate, rate < 1 ? 3 : 1);
  const auto text = is_found ? "limit found: " + shown : fmt::format("slowed to {} by 429", shown);
  const auto count = std::count_if(throttled_at_.begin(), throttled_at_.end(),
                                   [&](Instant at) { return now - at <= k_recent; });
  if (count == 0) return text;
  return is_found ? fmt::format("{} ({} times 429 in 10m)", text, count)
                  : fmt::format("{} ({} in 10m)", text, count);
}

std::vector<model::ReasonToWait> Dispatcher::reasons_to_wait(Now now) const {
  std::vector<model::ReasonToWait> reasons;
  if (stopped()) reasons.push_back({"stopping", "stopping: " + stopped()->what});
  if (paused_) reasons.push_back({"paused", "paused by " + paused_->by, paused_->at});
  auto throttled_until = now.steady;
  std::size_t others = 0;
  double slowest = requests_per_second_;
  bool is_found = false;
  for (const auto& lane : lanes_) {
    throttled_until = std::max(throttled_until, lane.pace().paused_until());
    others = std::max(others, lane.pace().shared_with());
    const auto found = lane.pace().found_limit();
    const auto rate = found.value_or(lane.pace().rate(now.steady));
    if (rate < slowest) slowest = rate, is_found = found.has_value();
  }
  if (throttled_until > now.steady)
    reasons.push_back({"throttled", "paused by 429", std::nullopt,
                       now.wall + std::chrono::duration_cast<milliseconds>(throttled_until - now.steady)});
  else if (slowest < requests_per_second_)
    reasons.push_back({"slowed", words_for_slowness(now.steady, slowest, is_found), std::nullopt,
                       std::nullopt, is_found ? std::optional{slowest} : std::nullopt});
  health_->explain(reasons, now);
  if (inquiry_->is_asking())
    reasons.push_back({"credentials",
                       "a card that worked is read back, to see whether our credentials still do",
                       now.wall - std::chrono::duration_cast<milliseconds>(now.steady - inquiry_->since())});
  const auto canary = tasks_.find(safety_.canary_row().value_or(0));
  if (canary != tasks_.end()) reasons.push_back({"canary", canary->second.card.words_for_canary()});
  if (others > 0)
    reasons.push_back(
        {"shared", fmt::format("shares the limit with {} other run{}", others, others == 1 ? "" : "s")});
  if (rate_set_)
    reasons.push_back({"rate_set",
                       fmt::format("rate set to {:g}/s by {}", requests_per_second_, rate_set_->by),
                       rate_set_->at});
  return reasons;
}

std::vector<Notice> Dispatcher::take_notices() { return std::exchange(notices_, {}); }

Snapshot Dispatcher::snapshot(Instant now) const {
  Snapshot s;
  s.in_flight = load_->in_flight;
  s.preparing = load_->preparing;
  s.waiting = load_->waiting;
  s.limit = requests_per_second_;
  for (const auto& lane : lanes_) {
    s.rate += lane.pace().rate(now);
    s.retries += lane.requests.retries;
    s.throttled += lane.requests.throttled;
    s.read_backs += lane.requests.read_backs;
  }
  if (!safety_.is_canary_over())
    s.canary = settings_.safety.canary, s.canary_passed = safety_.canary_passed(),
    s.canary_already = safety_.canary_already();
  s.primary = health_->endpoints.state(model::Endpoint::primary);
  s.backup = health_->endpoints.state(model::Endpoint::backup);
  s.held_by_pace = held_by_pace_.total(now);
  return s;
}

}  // namespace cardvoid::dispatch
