#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/dispatch/dispatcher.hpp>
#include <cassert>
#include <utility>

// What happens when: lanes, permits, preparing ahead, ending. What an outcome means is in rulings.cpp.
namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using model::AttemptKind;
using model::RowId;
using model::Status;

// A request is prepared twice as long before its permit as that took lately, within these bounds: its commit
// and its connection are done in time, and yet a crash leaves few rows in doubt.
constexpr milliseconds k_least_lead = 100ms, k_most_lead = 2s;
constexpr int k_most_prepared = 256;
// Until an answer has proved keys and endpoint, only so many requests are out: wrong keys shall cost a
// handful.
constexpr int k_unproven_in_flight = 3;
// Without any endpoint, or with nothing but errors as answers, a run waits this long (two cool-downs where
// that is longer); then the operator's scheduler takes over.
constexpr milliseconds k_least_patience = 20s, k_patience_with_errors = 10min;
constexpr int k_fetch_count = 256;
constexpr std::size_t k_fetch_below = 64;

}  // namespace

Dispatcher::Dispatcher(Settings settings, std::vector<std::unique_ptr<Pace>> paces)
    : settings_{settings},
      lanes_(settings.lanes),
      health_{settings.endpoints},
      requests_per_second_{settings.requests_per_second},
      breaker_{settings.max_failure_rate},
      canary_passed_{settings.canary_passed} {
  paces.resize(settings.lanes);
  for (std::size_t i = 0; i < paces.size(); ++i)
    lanes_[i].pace = paces[i] ? std::move(paces[i]) : std::make_unique<Pacer>(settings.requests_per_second);
}

Action Dispatcher::next(Instant now) {
  if (stop_later_ && now >= stop_later_->at) stop(stop_later_->why);
  if (const auto paced = std::exchange(paced_, std::nullopt))
    held_by_pace_ += std::max<std::chrono::nanoseconds>(std::min(now, paced->to) - paced->from, 0ns);
  if (stopped_) {
    if (auto action = next_stopping()) return *action;
    return action::Wait{Instant::max()};
  }
  if (auto action = next_put_back(now)) return *action;
  if (!paused_ && budget_.exhausted_for(now) >= k_patience_with_errors) {
    stop({Errc::unavailable, fmt::format("the platform has answered with nothing but errors for {}",
                                         humanize_duration(budget_.exhausted_for(now)))});
    return next(now);
  }
  promote_due(now);
  if (!paused_) {
    if (auto action = next_send(now)) return *action;
    if (auto action = next_prepare(now)) return *action;
    if (stopped_) return next(now);  // both endpoints have been down for too long
  }
  if (auto action = next_fetch()) return *action;
  const auto exhausted = [](const LaneState& lane) { return lane.exhausted; };
  const auto fetching = [](const LaneState& lane) { return lane.fetching > 0; };
  if (tasks_.empty() && std::none_of(lanes_.begin(), lanes_.end(), fetching)) {
    if (std::all_of(lanes_.begin(), lanes_.end(), exhausted)) return action::Finished{};
    stop({Errc::stopped,
          fmt::format("the limit of {} rows for this run is reached", settings_.row_limit.value_or(0))});
    return next(now);
  }
  if (const auto until = paced_until(now)) paced_ = Span{now, *until};
  return action::Wait{wake_at(now)};
}

// Until when the limit alone keeps a lane from sending a row that it has; nullopt: it does not.
std::optional<Instant> Dispatcher::paced_until(Instant now) const {
  if (paused_ || in_flight_ >= settings_.max_in_flight || !health_.choose(now, std::nullopt))
    return std::nullopt;
  std::optional<Instant> until;
  for (Lane index = 0; index < lanes_.size(); ++index) {
    const auto& lane = lanes_[index];
    const bool has_row = !lane.prepared.empty() || next_row(index, now);
    if (has_row && lane.pace->next_at() > now) until = std::max(until.value_or(now), lane.pace->next_at());
  }
  return until;
}

// Takes back what is prepared, lets go of what only waits, and ends when nothing is under way.
std::optional<Action> Dispatcher::next_stopping() {
  for (auto& lane : lanes_) {
    if (lane.prepared.empty()) continue;
    const RowId row = lane.prepared.front();
    lane.prepared.pop_front();
    const auto& task = tasks_.at(row);
    const action::Withdraw withdraw{row, task.next, task.attempt, standing(task)};
    --lane.preparing, --preparing_;
    tasks_.erase(row);
    return withdraw;
  }
  for (const auto& [row, task] : tasks_) {
    if (task.phase != Phase::fresh && task.phase != Phase::ready && task.phase != Phase::waiting) continue;
    const action::Release release{row};
    forget(row);
    return release;
  }
  const bool fetching =
      std::any_of(lanes_.begin(), lanes_.end(), [](const LaneState& l) { return l.fetching > 0; });
  if (tasks_.empty() && !fetching) return action::Finished{stopped_};
  return std::nullopt;
}

// What is prepared and will not leave soon goes back to where it came from.
std::optional<Action> Dispatcher::next_put_back(Instant now) {
  for (auto& lane : lanes_) {
    if (lane.prepared.empty()) continue;
    const bool is_too_early =
        rate_set_ && lane.pace->due_after(lane.prepared.size() - 1, now) > now + prepare_lead();
    if (!paused_ && !is_too_early) continue;
    const RowId row = lane.prepared.back();
    lane.prepared.pop_back();
    auto& task = tasks_.at(row);
    const action::Withdraw withdraw{row, task.next, task.attempt, standing(task), true};
    --lane.preparing, --preparing_;
    task.phase = Phase::ready;
    health_.abandoned(task.endpoint, task.started);
    (task.next == AttemptKind::read_back ? lane.read_backs : lane.resends).push_front(row);
    return withdraw;
  }
  return std::nullopt;
}

void Dispatcher::promote_due(Instant now) {
  while (!due_.empty() && due_.top().at <= now) {
    const RowId row = due_.top().row;
    due_.pop();
    const auto found = tasks_.find(row);
    if (found == tasks_.end() || found->second.phase != Phase::waiting) continue;
    auto& task = found->second;
    auto& lane = lanes_[task.lane];
    --lane.waiting, --waiting_;
    task.phase = Phase::ready;
    (task.next == AttemptKind::read_back ? lane.read_backs : lane.resends).push_back(row);
  }
}

std::optional<Action> Dispatcher::next_send(Instant now) {
  if (in_flight_ >= settings_.max_in_flight) return std::nullopt;
  LaneState* longest_due = nullptr;  // so that lanes which share max_in_flight get their turns
  do {
    longest_due = nullptr;
    for (auto& lane : lanes_)
      if (!lane.prepared.empty() && lane.pace->next_at() <= now &&
          (!longest_due || lane.pace->next_at() < longest_due->pace->next_at()))
        longest_due = &lane;
    if (!longest_due) return std::nullopt;
  } while (!longest_due->pace->take(now));
  auto& lane = *longest_due;
  const RowId row = lane.prepared.front();
  lane.prepared.pop_front();
  auto& task = tasks_.at(row);
  task.permit = task.started = now;
  task.phase = Phase::in_flight;
  --lane.preparing, --preparing_;
  ++in_flight_;
  return action::Send{row};
}

std::chrono::nanoseconds Dispatcher::prepare_lead() const {
  return std::clamp<std::chrono::nanoseconds>(2 * prepare_takes_, k_least_lead, k_most_lead);
}

bool Dispatcher::has_room(const LaneState& lane) const {
  const auto ahead = requests_per_second_ * std::chrono::duration<double>{prepare_lead()}.count();
  const int most = std::min(k_most_prepared, settings_.max_in_flight);
  return lane.preparing < std::min(ahead + 2, static_cast<double>(most)) && preparing_ < k_most_prepared &&
         (proven_ || in_flight_ + preparing_ < k_unproven_in_flight);
}

bool Dispatcher::may_start_fresh(const LaneState& lane, Instant now) const {
  // Rows already begun come first when they pile up: an outage shall leave few rows in doubt.
  const int most_waiting = std::max(2 * settings_.max_in_flight, 16);
  if (lane.waiting + static_cast<int>(lane.resends.size() + lane.read_backs.size()) >= most_waiting)
    return false;
  if (!budget_.exhausted()) return true;
  return waiting_ + in_flight_ + preparing_ == 0 && budget_.allows_fresh_row(now);
}

// The row of this lane that may be prepared now.
std::optional<RowId> Dispatcher::next_row(Lane index, Instant now) const {
  if (!is_canary_over()) return next_row_of_canary(index, now);
  const auto& lane = lanes_[index];
  if (!lane.read_backs.empty()) return lane.read_backs.front();
  if (!lane.resends.empty()) return lane.resends.front();
  if (!lane.fresh.empty() && may_start_fresh(lane, now)) return lane.fresh.front();
  return std::nullopt;
}

// What earlier runs left in doubt is read back first. Then one row at a time, over all lanes: from its
// invalidation to its end nothing else is under way.
std::optional<RowId> Dispatcher::next_row_of_canary(Lane index, Instant now) const {
  const auto& lane = lanes_[index];
  if (canary_row_) {
    const auto& task = tasks_.at(*canary_row_);
    return task.lane == index && task.phase == Phase::ready ? canary_row_ : std::nullopt;
  }
  if (!lane.read_backs.empty()) return lane.read_backs.front();
  if (in_flight_ + preparing_ + waiting_ > 0) return std::nullopt;
  for (const auto& other : lanes_)
    if (!other.read_backs.empty()) return std::nullopt;
  if (!lane.resends.empty()) return lane.resends.front();
  if (!lane.fresh.empty() && may_start_fresh(lane, now)) return lane.fresh.front();
  return std::nullopt;
}

std::deque<RowId>& Dispatcher::queue_of(const Task& task) {
  auto& lane = lanes_[task.lane];
  if (task.phase == Phase::fresh) return lane.fresh;
  return task.next == AttemptKind::read_back ? lane.read_backs : lane.resends;
}

std::optional<Action> Dispatcher::next_prepare(Instant now) {
  for (Lane index = 0; index < lanes_.size(); ++index) {
    auto& lane = lanes_[index];
    if (!has_room(lane) ||
        lane.pace->due_after(static_cast<std::size_t>(lane.preparing), now) > now + prepare_lead())
      continue;
    const auto next = next_row(index, now);
    if (!next) continue;

    const RowId row = *next;
    auto& task = tasks_.at(row);
    const auto endpoint = health_.choose(now, task.avoid);
    if (!endpoint) {
      const auto patience = std::max(k_least_patience, 2 * settings_.endpoints.cooldown);
      if (health_.down_since() && now - *health_.down_since() >= patience && in_flight_ + preparing_ == 0)
        stop({Errc::unavailable, fmt::format("neither endpoint has been reachable for {}",
                                             humanize_duration(std::chrono::duration_cast<milliseconds>(
                                                 now - *health_.down_since())))});
      return std::nullopt;
    }
    auto& queue = queue_of(task);
    queue.erase(std::find(queue.begin(), queue.end(), row));  // mostly the first one
    if (task.phase == Phase::fresh) budget_.started_fresh_row(now);
    if (!is_canary_over() && task.next == AttemptKind::invalidate) canary_row_ = row;
    health_.started(*endpoint, now);
    task.endpoint = *endpoint;
    task.started = now;
    task.phase = Phase::preparing;
    ++lane.preparing, ++preparing_;
    ++task.attempt;
    return action::Prepare{row, task.next, *endpoint, task.attempt, task.fresh_connection};
  }
  return std::nullopt;
}

std::optional<Action> Dispatcher::next_fetch() {
  for (Lane i = 0; i < lanes_.size(); ++i) {
    auto& lane = lanes_[i];
    if (lane.fetching > 0 || lane.exhausted || lane.fresh.size() + lane.read_backs.size() >= k_fetch_below)
      continue;
    auto count = std::int64_t{k_fetch_count};
    if (settings_.row_limit) count = std::min(count, *settings_.row_limit - taken_up_);
    if (count <= 0) continue;
    lane.fetching = count;
    taken_up_ += count;  // offer() gives back as far as there were fewer
    return action::Fetch{i, static_cast<int>(count)};
  }
  return std::nullopt;
}

Instant Dispatcher::wake_at(Instant now) const {
  const auto ends_at = stop_later_ ? stop_later_->at : Instant::max();
  if (paused_) return ends_at;
  auto at = due_.empty() ? ends_at : std::min(ends_at, due_.top().at);
  for (Lane index = 0; index < lanes_.size(); ++index) {
    const auto& lane = lanes_[index];
    if (!lane.prepared.empty() && in_flight_ < settings_.max_in_flight)
      at = std::min(at, lane.pace->next_at());
    // From here on: when the next row can be prepared, as far as time alone decides it.
    if (!has_room(lane)) continue;
    if (!next_row(index, now)) {
      if (!lane.fresh.empty() && budget_.exhausted() && waiting_ + in_flight_ + preparing_ == 0)
        at = std::min(at, budget_.next_probe());
      continue;
    }
    auto ready_at = lane.pace->due_after(static_cast<std::size_t>(lane.preparing), now) - prepare_lead();
    if (!health_.choose(now, std::nullopt)) ready_at = std::max(ready_at, health_.wake_at());
    at = std::min(at, ready_at);
  }
  return at;
}

void Dispatcher::offer(Lane index, const std::vector<model::Candidate>& rows, bool exhausted, Now now) {
  auto& lane = lanes_[index];
  taken_up_ -= std::exchange(lane.fetching, 0) - static_cast<std::int64_t>(rows.size());
  lane.exhausted = exhausted;
  for (const auto& candidate : rows) {
    const auto [entry, is_new] = tasks_.try_emplace(candidate.id);
    assert(is_new);
    if (!is_new) continue;  // never two requests at once for one card
    auto& task = entry->second;
    task.lane = index;
    task.attempt = candidate.attempts;
    task.sent_earlier_at = candidate.first_sent_at;
    task.held = candidate.held;
    task.code = mask(candidate.card.code);
    task.is_protected = candidate.is_protected;
    task.doubt = task.left_in_doubt = candidate.status != Status::pending;
    if (task.doubt) {
      // That run may have been killed just now, or its clock have been ahead of what ours shows.
      const auto sent_at = candidate.has_open_attempt ? now.wall : candidate.last_sent_at.value_or(now.wall);
      const auto age = std::max(now.wall - sent_at, milliseconds{0});
      task.last_doubt = now.steady + settings_.request_timeout - age;
    }
    if (task.doubt || task.is_protected || settings_.read_back_only) {
      task.next = AttemptKind::read_back;
      task.phase = Phase::ready;
      lane.read_backs.push_back(candidate.id);
    } else {
      lane.fresh.push_back(candidate.id);
    }
  }
}

void Dispatcher::prepared(RowId row, Instant now) {
  auto& task = tasks_.at(row);
  assert(task.phase == Phase::preparing);
  const auto took = now - task.started;
  prepare_takes_ = std::max(took, prepare_takes_ - (prepare_takes_ - took) / 8);
  task.phase = Phase::prepared;
  lanes_[task.lane].prepared.push_back(row);
}

void Dispatcher::written(RowId row, Now now) {
  auto& task = tasks_.at(row);
  lanes_[task.lane].pace->left(task.permit, now.steady);
  task.permit = now.steady;
  task.written_at = now.steady;
}

Ruling Dispatcher::ended(RowId row, const model::Outcome& outcome, Now now, std::uint32_t draw) {
  auto& task = tasks_.at(row);
  auto& lane = lanes_[task.lane];
  assert(task.phase == Phase::preparing || task.phase == Phase::in_flight);
  if (task.phase == Phase::preparing) {
    --lane.preparing, --preparing_;
  } else {
    --in_flight_;
    if (model::was_sent(outcome.kind)) count_sent(task);
    if (outcome.http_status != 0) lane.pace->observe(now.steady - task.permit);
    if (outcome.kind == model::OutcomeKind::throttled) {
      lane.pace->throttled(now.steady, task.permit, outcome.retry_after);
      ++throttled_;
    }
  }
  task.phase = Phase::waiting;  // unless a ruling says otherwise
  task.fresh_connection = false;
  if (model::was_sent(outcome.kind) && outcome.kind != model::OutcomeKind::clock_refused)
    task.signed_again = false;
  judge_endpoint(task, outcome, now.steady);
  judge_signature(outcome);
  judge_content(row, outcome);
  judge_throttling(outcome, now.steady);
  auto ruling = task.answered                          ? rule_on_proof(row, task, outcome, now, draw)
                : task.next == AttemptKind::invalidate ? rule_on_invalidation(row, task, outcome, now, draw)
                                                       : rule_on_read_back(row, task, outcome, now, draw);
  if (!ruling.finished && !task.answered) ruling.shown = outcome;
  if (ruling.finished) {
    judge_end(row, task, outcome, ruling);
    tasks_.erase(row);
  }
  return ruling;
}

void Dispatcher::count_sent(Task& task) {
  if (task.next == AttemptKind::read_back) {
    ++read_backs_;
    return;
  }
  if (task.first_sent_at)
    ++retries_;
  else
    task.first_sent_at = task.written_at;
}

void Dispatcher::stop(Error why) {
  if (!stopped_) stopped_ = std::move(why);
}

void Dispatcher::stop_at(Instant when, Error why) { stop_later_ = {when, std::move(why)}; }

void Dispatcher::hold(Instant until) {
  for (auto& lane : lanes_) lane.pace->hold(until);
}

void Dispatcher::forget(RowId row) {
  const auto& task = tasks_.at(row);
  auto& lane = lanes_[task.lane];
  if (task.phase == Phase::waiting) --lane.waiting, --waiting_;
  if (task.phase == Phase::fresh || task.phase == Phase::ready) std::erase(queue_of(task), row);
  tasks_.erase(row);
}

std::vector<Notice> Dispatcher::take_notices() { return std::exchange(notices_, {}); }

Snapshot Dispatcher::snapshot(Instant now) const {
  Snapshot s;
  s.in_flight = in_flight_;
  s.preparing = preparing_;
  s.waiting = waiting_;
  for (const auto& lane : lanes_) {
    s.rate += lane.pace->rate(now);
    s.paused_by_429 = s.paused_by_429 || lane.pace->paused(now);
  }
  if (!is_canary_over()) s.canary = settings_.canary, s.canary_passed = canary_passed_;
  s.primary = health_.state(model::Endpoint::primary);
  s.backup = health_.state(model::Endpoint::backup);
  s.retries = retries_;
  s.throttled = throttled_;
  s.read_backs = read_backs_;
  s.held_by_pace = held_by_pace_;
  if (paced_)
    s.held_by_pace += std::max<std::chrono::nanoseconds>(std::min(now, paced_->to) - paced_->from, 0ns);
  return s;
}

}  // namespace cardvoid::dispatch
