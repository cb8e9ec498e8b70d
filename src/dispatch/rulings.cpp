#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/dispatch/dispatcher.hpp>
#include <utility>

#include "words.hpp"

// What an outcome means for its row: the second half of the answer table (docs/answers.md, column "next").
namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using enum model::OutcomeKind;
using model::AttemptKind;
using model::Endpoint;
using model::Outcome;
using model::OutcomeKind;
using model::RowId;
using model::SettledBy;
using model::Status;

// After a doubtful attempt a read-back may lag behind the write: it is believed when it left so long after
// the last doubt and still does not say INVALID.
constexpr milliseconds k_read_back_lag = 5s;
// So often the canary looks whether a card that was called INVALID shows it.
constexpr milliseconds k_proof_interval = 1s;
// "Rejected" is final, and after a doubt the refusal may be that of a card which we have invalidated: longer.
constexpr milliseconds k_read_back_lag_of_refusal = 15s;
// The platform's times are cut to whole seconds in some answers, and so is the clock they are compared with.
constexpr milliseconds k_time_grain = 2s;
// The platform refuses a signature whose time is five minutes off (platform.md section 3.4). So a request
// that it executed left at a time of ours that is at most so far from its own.
constexpr milliseconds k_clock_tolerance = 5min;
// The platform's times are whole seconds, and its answer takes a moment.
constexpr milliseconds k_clocks_agree = 1500ms;
constexpr int k_most_wrong_cards = 2;
// So often a row may be called done without being INVALID; so many such rows stop the run.
constexpr int k_most_contradictions = 2;
constexpr std::size_t k_most_contradictory_rows = 2;
constexpr std::size_t k_bad_before_any_good = 3, k_verdicts_kept = 20, k_bad_of_kept = 10;
// With nothing but 429 as answers for so long, a quota is used up that waiting a little does not refill.
constexpr milliseconds k_patience_with_429 = 10min;

Ruling settle(SettledBy settled_by, const Outcome& outcome) {
  return {Status::invalidated, settled_by, false, true, outcome};
}

// The refusal is what the results show, with the state that the read-back found.
Ruling reject(Outcome refusal, Endpoint refused_by, const Outcome& read_back) {
  refusal.card_state = read_back.card_state;
  return {Status::rejected, std::nullopt, false, true, std::move(refusal), refused_by};
}

Ruling give_up(const Outcome& outcome, bool held) {
  return {Status::unresolved, std::nullopt, held, true, outcome};
}

std::string words_for_clock(const Outcome& outcome, Now now) {
  std::string apart;
  if (outcome.server_time)
    apart = fmt::format(" (its own is {})", humanize_offset(*outcome.server_time - now.wall));
  return fmt::format("the platform refuses the time of our signatures{}; set this machine's clock", apart);
}

}  // namespace

std::string describe(const std::string& why, const Outcome& outcome) {
  std::string what =
      why + (outcome.http_status ? fmt::format(": HTTP {}", outcome.http_status) : ": no answer");
  if (!outcome.error_code.empty()) what += " " + outcome.error_code;
  if (!outcome.error_message.empty()) what += fmt::format(", \"{}\"", outcome.error_message);
  if (!outcome.request_id.empty()) what += fmt::format(" (Request-ID {})", outcome.request_id);
  return what;
}

Ruling Dispatcher::rule_on_invalidation(RowId row, Task& task, const Outcome& outcome, Now now,
                                        std::uint32_t draw) {
  const bool counts =
      model::was_sent(outcome.kind) && outcome.kind != throttled && outcome.kind != clock_refused;
  if (counts) ++task.invalidations;
  if (model::was_sent(outcome.kind)) task.called_done = outcome.kind == not_invalid;
  if (model::leaves_doubt(outcome.kind)) {
    task.doubt = true;
    task.last_doubt = now.steady;
    task.last_doubtful = outcome;
  }
  const auto back_off = now.steady + std::max(settings_.retry.wait(task.invalidations, draw),
                                              outcome.retry_after.value_or(0ms));

  switch (outcome.kind) {
    case confirmed:
      if (was_invalid_before_us(task, outcome, now)) return settle(SettledBy::already, outcome);
      return canary_row_ == row ? prove(row, task, outcome, now) : settle(SettledBy::answer, outcome);

    case wrong_card:
      if (++task.wrong_cards >= k_most_wrong_cards) return hold_wrong_card(row, outcome);
      return again(row, task, AttemptKind::read_back, now.steady);
    case unverified:
    case probe_signature:
    case unreadable:
    case distrusted: return again(row, task, AttemptKind::read_back, now.steady);
    case lost: task.avoid = task.endpoint; return again(row, task, AttemptKind::read_back, now.steady);
    case stale_connection:
      task.fresh_connection = true;
      return again(row, task, AttemptKind::read_back, now.steady);
    case not_invalid: return again(row, task, AttemptKind::read_back, back_off);

    case gateway_error: task.avoid = task.endpoint; [[fallthrough]];
    case accepted:
    case system_error:
      // The platform asks for the same call again; when attempts are used up the card is read once more.
      return again(row, task,
                   task.invalidations < settings_.retry.max_attempts ? AttemptKind::invalidate
                                                                     : AttemptKind::read_back,
                   back_off);
    case throttled: return again(row, task, AttemptKind::invalidate, now.steady);
    case clock_refused:
      if (task.signed_again) {
        return halt(task, outcome, Errc::bad_credentials, words_for_clock(outcome, now));
      }
      task.signed_again = true;
      return again(row, task, AttemptKind::invalidate, now.steady);
    case connection_closed:
      task.fresh_connection = true;
      return again(row, task, AttemptKind::invalidate, now.steady);
    case not_sent:
    case bad_certificate:
      task.avoid = task.endpoint;
      return again(row, task, AttemptKind::invalidate, now.steady);

    case refused:
      // One read-back: the card may be INVALID already, through us or through someone else. If through us,
      // just now, that may not show yet.
      if (task.doubt) task.last_doubt = now.steady;
      task.refusal = outcome;
      task.refused_by = task.endpoint;
      return again(row, task, AttemptKind::read_back, now.steady);

    case credentials_refused:
      return halt(task, outcome, Errc::bad_credentials, "the platform refuses our credentials");
    case setup_refused:
      return halt(task, outcome, Errc::bad_job,
                  "the platform does not know this call; check endpoints and merchant.api");
    case unknown_answer: return hold_unknown(row, outcome);
  }
  return {};
}

Ruling Dispatcher::rule_on_read_back(RowId row, Task& task, const Outcome& outcome, Now now,
                                     std::uint32_t draw) {
  const bool usable = outcome.kind == confirmed || outcome.kind == not_invalid || outcome.kind == refused;
  const bool counts =
      !usable && model::was_sent(outcome.kind) && outcome.kind != throttled && outcome.kind != clock_refused;
  task.read_backs = usable ? 0 : task.read_backs + (counts ? 1 : 0);
  const auto back_off = now.steady + std::max(settings_.retry.wait(std::max(task.read_backs, 1), draw),
                                              outcome.retry_after.value_or(0ms));
  const auto once_more = [&](Instant due) {
    if (task.read_backs >= settings_.retry.max_attempts) return give_up(outcome, task.held);
    return again(row, task, AttemptKind::read_back, due);
  };

  switch (outcome.kind) {
    case confirmed: {
      // What this run sent without doubt was not executed, unless its time says so; of what earlier runs sent
      // that is not sure.
      const bool before_us = task.doubt || task.sent_earlier_at ? was_invalid_before_us(task, outcome, now)
                                                                : !is_since_our_refusal(task, outcome, now);
      return settle(before_us ? SettledBy::already : SettledBy::read_back, outcome);
    }
    case not_invalid:
    case refused: {
      // Not believed while an invalidation may still show, or still be on its way: what a second one does is
      // unknown (platform.md section 12), and neither "rejected" nor "pending" may turn out wrong.
      const auto believed_at =
          task.last_doubt + (task.refusal ? k_read_back_lag_of_refusal : k_read_back_lag);
      if (task.doubt && task.written_at < believed_at)  // its answer may have taken long
        return again(row, task, AttemptKind::read_back, std::max(now.steady, believed_at));
      if (task.held) return give_up(outcome, true);
      if (task.refusal) return reject(*task.refusal, task.refused_by, outcome);
      if (settings_.read_back_only || task.is_protected) {
        if (outcome.kind == refused) return give_up(outcome, false);
        return Ruling{Status::pending, std::nullopt, false, true, outcome};
      }
      const bool is_last = task.invalidations >= settings_.retry.max_attempts;
      if (std::exchange(task.called_done, false) &&
          (++task.contradictions >= k_most_contradictions || is_last))
        return hold_contradiction(row, task.last_doubtful);
      if (is_last) return give_up(task.last_doubtful, false);
      const auto due =
          task.invalidations == 0 ? now.steady : now.steady + settings_.retry.wait(task.invalidations, draw);
      return again(row, task, AttemptKind::invalidate, due);
    }
    case wrong_card:
      if (++task.wrong_cards >= k_most_wrong_cards) return hold_wrong_card(row, outcome);
      return once_more(back_off);

    case probe_signature:
      return once_more(
          now.steady);  // a repeated request does not get a probe again (platform.md section 4.3)
    case lost:
    case gateway_error: task.avoid = task.endpoint; return once_more(back_off);
    case unverified:
    case unreadable:
    case distrusted:
    case accepted:
    case system_error: return once_more(back_off);
    case stale_connection:
    case connection_closed: task.fresh_connection = true; return once_more(now.steady);
    case throttled: return again(row, task, AttemptKind::read_back, now.steady);
    case not_sent:
    case bad_certificate:
      task.avoid = task.endpoint;
      return again(row, task, AttemptKind::read_back, now.steady);
    case clock_refused:
      if (task.signed_again) {
        return halt(task, outcome, Errc::bad_credentials, words_for_clock(outcome, now));
      }
      task.signed_again = true;
      return again(row, task, AttemptKind::read_back, now.steady);
    case credentials_refused:
      return halt(task, outcome, Errc::bad_credentials, "the platform refuses our credentials");
    case setup_refused:
      return halt(task, outcome, Errc::bad_job,
                  "the platform does not know the query call; check endpoints and merchant.api");
    case unknown_answer: return hold_unknown(row, outcome);
  }
  return {};
}

// The answer stands, and is on record; yet the canary wants to see it.
Ruling Dispatcher::prove(RowId row, Task& task, const Outcome& outcome, Now now) {
  task.answered = Task::Answered{outcome, task.endpoint};
  task.last_doubt = now.steady;
  task.read_backs = 0;
  return again(row, task, AttemptKind::read_back, now.steady);
}

Ruling Dispatcher::rule_on_proof(RowId row, Task& task, const Outcome& outcome, Now now, std::uint32_t draw) {
  const auto believed_at = task.last_doubt + k_read_back_lag;
  const bool denies = outcome.kind == not_invalid || outcome.kind == refused;
  if (denies && task.written_at < believed_at) {
    const auto due =
        believed_at > now.steady ? std::min(believed_at, now.steady + k_proof_interval) : now.steady;
    return again(row, task, AttemptKind::read_back, due);
  }
  if (denies) {
    auto shown = outcome;
    shown.error_code = "NOT_INVALID";
    shown.error_message = "the answer said INVALID, and reading the card back does not show it";
    return give_up(shown, true);
  }
  // Whatever else became of the read-back, the answer stands.
  auto ruling = rule_on_read_back(row, task, outcome, now, draw);
  return {Status::invalidated, SettledBy::answer,      false,
          ruling.finished,     task.answered->outcome, task.answered->endpoint};
}

Ruling Dispatcher::again(RowId row, Task& task, AttemptKind kind, Instant due) {
  task.next = kind;
  task.phase = Phase::waiting;
  auto& lane = lanes_[task.lane];
  ++lane.waiting, ++waiting_;
  due_.push({due, row});
  if (task.answered)
    return {standing(task), SettledBy::answer, false, false, task.answered->outcome, task.answered->endpoint};
  return {standing(task), std::nullopt, task.held, false, {}};
}

// Without doubt the row is as if never sent: a crash now finds it pending. After a refusal it is not: the
// card may be INVALID already, so that a crash shall lead to a read-back.
Status Dispatcher::standing(const Task& task) {
  if (task.answered) return Status::invalidated;
  if (task.held) return Status::unresolved;  // until `retry`, whatever ends this run
  return task.doubt || task.refusal ? Status::in_flight : Status::pending;
}

// Stops the run for a reason that is not this row's fault; the row keeps its standing.
Ruling Dispatcher::halt(const Task& task, const Outcome& outcome, Errc code, const std::string& why) {
  stop({code, describe(why, outcome)});
  return {standing(task), std::nullopt, task.held, true, outcome};
}

Ruling Dispatcher::hold_wrong_card(RowId row, const Outcome& outcome) {
  trip(model::TripCause::wrong_card, {row},
       fmt::format("the platform keeps answering with another card than the one asked for (row {})", row));
  return give_up(outcome, true);
}

// Neither executed nor not: only the operator can tell. Held, so that the next run gets past it.
Ruling Dispatcher::hold_unknown(RowId row, const Outcome& outcome) {
  trip(model::TripCause::unknown_answer, {row},
       describe("an answer that is not in our table (docs/answers.md)", outcome));
  return give_up(outcome, true);
}

Ruling Dispatcher::hold_contradiction(RowId row, const Outcome& outcome) {
  contradictory_rows_.push_back(row);
  if (contradictory_rows_.size() >= k_most_contradictory_rows)
    trip(model::TripCause::contradiction, contradictory_rows_,
         fmt::format("the platform contradicts itself about {} cards, last about row {}: it calls them done, "
                     "and reading them back does not show it",
                     contradictory_rows_.size(), row));
  return give_up(outcome, true);
}

// Only what is sure: a card that may have been invalidated by us was not INVALID before us.
bool Dispatcher::was_invalid_before_us(const Task& task, const Outcome& outcome, Now now) const {
  const auto invalidated_at = parse_rfc3339(outcome.invalid_time);
  if (!invalidated_at) return false;
  // Between runs this machine's clock may have been set.
  if (task.sent_earlier_at && *invalidated_at >= *task.sent_earlier_at - k_clock_tolerance - k_time_grain)
    return false;
  if (!task.first_sent_at) return task.sent_earlier_at.has_value();
  if (!outcome.server_time) return false;
  // By the platform's clock: its time of the answer less what passed here since our first request.
  const auto passed = std::chrono::duration_cast<milliseconds>(now.steady - *task.first_sent_at);
  return *invalidated_at < *outcome.server_time - passed - k_time_grain;
}

// A card that the platform refused to us and that has been INVALID since: whoever refused it may have asked
// twice on our behalf. Told by our own clock where the two agree, else not at all.
bool Dispatcher::is_since_our_refusal(const Task& task, const Outcome& outcome, Now now) const {
  const auto invalidated_at = parse_rfc3339(outcome.invalid_time);
  if (!invalidated_at || !task.first_sent_at || !outcome.server_time) return false;
  const auto apart = now.wall - *outcome.server_time;
  if (apart > k_clocks_agree || apart < -k_clocks_agree) return false;
  const auto passed = std::chrono::duration_cast<milliseconds>(now.steady - *task.first_sent_at);
  return *invalidated_at >= now.wall - passed;
}

// What serves while this endpoint does not, in words.
std::string Dispatcher::instead_of(Endpoint endpoint) const {
  const auto other = model::other(endpoint);
  return health_.state(other) == EndpointHealth::State::closed
             ? fmt::format("using the {} one", model::to_text(other))
             : fmt::format("neither does the {} one: waiting", model::to_text(other));
}

void Dispatcher::judge_endpoint(const Task& task, const Outcome& outcome, Instant now) {
  const auto name = model::to_text(task.endpoint);
  switch (outcome.kind) {
    case gateway_error:
    case lost:
    case not_sent:
      if (outcome.kind != not_sent) budget_.failed(now);
      if (const auto before = health_.state(task.endpoint);
          health_.failed(task.endpoint, task.started, now) && before == EndpointHealth::State::closed)
        note(Notice::warning, fmt::format("{} endpoint does not serve ({}); {}", name, outcome.error_message,
                                          instead_of(task.endpoint)));
      return;
    case bad_certificate:
      if (const bool known = health_.distrusted(task.endpoint);
          health_.distrust(task.endpoint, now) && !known)
        note(Notice::warning, fmt::format("{} endpoint is not trusted ({}); {}", name, outcome.error_message,
                                          instead_of(task.endpoint)));
      if (health_.distrusted(model::other(task.endpoint)))
        stop({Errc::unavailable,
              fmt::format("neither endpoint's certificate can be trusted: {}", outcome.error_message)});
      return;
    case stale_connection:
    case connection_closed: health_.abandoned(task.endpoint, task.started); return;
    case system_error:
    case accepted: budget_.failed(now); break;
    case confirmed:
    case not_invalid:
    case refused: budget_.succeeded(); break;
    case wrong_card:
    case unverified:
    case probe_signature:
    case unreadable:
    case throttled:
    case clock_refused:
    case credentials_refused:
    case setup_refused:
    case distrusted:
    case unknown_answer: break;
  }
  if (health_.succeeded(task.endpoint, task.started, now))
    note(Notice::info, fmt::format("{} endpoint serves again", name));
}

bool Dispatcher::LatestVerdicts::note(bool good) {
  latest_.push_back(good);
  if (latest_.size() > k_verdicts_kept) latest_.pop_front();
  return !good && bad() >= (bad() < count() ? k_bad_of_kept : k_bad_before_any_good);
}

std::size_t Dispatcher::LatestVerdicts::bad() const {
  return static_cast<std::size_t>(std::count(latest_.begin(), latest_.end(), false));
}

void Dispatcher::judge_signature(const Outcome& outcome) {
  switch (outcome.kind) {
    case confirmed:
    case not_invalid:
    case wrong_card:
    case unreadable: signatures_.note(true); [[fallthrough]];
    case refused: proven_ = true; return;
    case unverified:
    case distrusted:
      if (signatures_.note(false))
        stop({Errc::bad_credentials,
              fmt::format(
                  "{} of the last {} answers carry no signature that our platform key verifies ({}); check "
                  "platform.public_key_id and platform.public_key_file",
                  signatures_.bad(), signatures_.count(), outcome.error_message)});
      return;
    case probe_signature:
    case accepted:
    case system_error:
    case gateway_error:
    case throttled:
    case clock_refused:
    case credentials_refused:
    case setup_refused:
    case unknown_answer:
    case lost:
    case stale_connection:
    case connection_closed:
    case not_sent:
    case bad_certificate: return;
  }
}

// Verified answers that settle nothing would let a run send every card and confirm none.
void Dispatcher::judge_content(RowId row, const Outcome& outcome) {
  if (outcome.kind == confirmed || outcome.kind == not_invalid) contents_.note(true);
  if (outcome.kind != wrong_card && outcome.kind != unreadable) return;
  if (contents_.note(false))
    trip(model::TripCause::wrong_card, {row},
         fmt::format("{} of the last {} verified answers are about another card or cannot be read ({})",
                     contents_.bad(), contents_.count(), outcome.error_message));
}

void Dispatcher::judge_throttling(const Outcome& outcome, Instant now) {
  if (outcome.http_status == 0) return;
  if (outcome.kind != throttled) {
    throttled_since_.reset();
    return;
  }
  if (!throttled_since_) throttled_since_ = now;
  if (const auto lasted = now - *throttled_since_; lasted >= k_patience_with_429)
    stop({Errc::unavailable,
          fmt::format("the platform has answered with nothing but 429 for {}; is a quota of the day used up?",
                      humanize_duration(std::chrono::duration_cast<milliseconds>(lasted)))});
}

}  // namespace cardvoid::dispatch
