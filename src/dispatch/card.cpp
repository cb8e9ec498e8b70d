#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/dispatch/card.hpp>
#include <cassert>
#include <utility>

namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using enum model::OutcomeKind;
using model::AttemptKind;
using model::Endpoint;
using model::Outcome;
using model::Ruling;
using model::SettledBy;
using model::Status;

// After a doubtful attempt a read-back may lag behind the write. One that does not say INVALID is believed
// when it left this long after the last doubt.
constexpr milliseconds k_read_back_lag = 5s;
// "Rejected" is final, and after a doubt the refused card may be one that we have invalidated: wait longer.
constexpr milliseconds k_read_back_lag_of_refusal = 15s;
// How often the canary looks whether a card that was called INVALID shows it.
constexpr milliseconds k_proof_interval = 1s;
// Some of the platform's times are cut to whole seconds, and so is the clock they are compared with.
constexpr milliseconds k_time_grain = 2s;
// The platform refuses a signature whose time is five minutes off (docs/platform.md section 3.4). So a
// request that it executed left at a time of ours that differs from its own by no more than that.
constexpr milliseconds k_clock_tolerance = 5min;
// The platform's times are whole seconds, and its answer takes a moment.
constexpr milliseconds k_clocks_agree = 1500ms;
constexpr int k_most_wrong_cards = 2;
constexpr int k_most_contradictions = 2;
// A card whose credentials were refused is read back once these turn out to work; refused again, it is held.
constexpr int k_most_accusations = 2;
constexpr int k_tries_of_witness = 3;
// After so many 429s in a row, of others too, the next run takes up others first.
constexpr int k_throttled_that_is_odd = 8;
// Until then the endpoint that answers SYSTEM_ERROR or 202 is asked again.
constexpr int k_tries_on_one_endpoint = 1;

Decision done(Ruling ruling) {
  ruling.finished = true;
  return {std::move(ruling), std::nullopt};
}

// The refusal is what the results show, with the state that the read-back found.
Decision reject(const Refused& refused, const Outcome& read_back) {
  Ruling ruling{Status::rejected, std::nullopt, false, true, refused.refusal, refused.by};
  ruling.shown.card_state = read_back.card_state;
  return done(std::move(ruling));
}

Decision give_up(const Outcome& shown, bool held) {
  return done({Status::unresolved, std::nullopt, held, true, shown});
}

Decision with_suspicion(Decision decision, model::TripCause cause) {
  decision.alarm = Suspicion{cause, decision.ruling.shown};
  return decision;
}

std::string words_for_clock(const Outcome& outcome, Now now) {
  std::string apart;
  if (outcome.server_time)
    apart = fmt::format(" (its own is {})", humanize_offset(*outcome.server_time - now.wall));
  return fmt::format("the platform refuses the time of our signatures{}; set this machine's clock", apart);
}

// Does this outcome use up one of max_attempts?
}  // namespace

struct Card::Attempt {
  AttemptKind kind;
  Endpoint endpoint;
  const Outcome& outcome;
  const CardRules& rules;
  Now now;
  std::uint32_t draw;  // for the back-off

  // When the try after `tries` others may leave, and not before the platform's own Retry-After.
  Instant back_off(int tries) const {
    return now.steady + std::max(rules.retry.wait(tries, draw), outcome.retry_after.value_or(0ms));
  }
};

Card::Card(const model::Candidate& candidate, Mandate mandate, const CardRules& rules, Now now)
    : mandate_{mandate},
      is_strange_{candidate.strange},
      source_line_{candidate.source_line},
      masked_code_{mask(candidate.card.code)} {
  sent_.earlier = candidate.first_sent_at;
  const bool in_doubt = candidate.status != Status::pending;
  if (in_doubt) {
    // The run that sent it may have been killed just now, or its clock may have been ahead of ours.
    const auto sent_at = candidate.has_open_attempt ? now.wall : candidate.last_sent_at.value_or(now.wall);
    const auto age = std::max(now.wall - sent_at, milliseconds{0});
    Doubt doubt{now.steady + rules.request_timeout - age, {}};
    doubt.is_from_earlier_run = true;
    state_ = std::move(doubt);
  }
  const bool reads_first = in_doubt || candidate.has_open_read_back || mandate_ != Mandate::invalidate;
  next_.kind = reads_first ? AttemptKind::read_back : AttemptKind::invalidate;
}

Status Card::standing() const {
  if (std::holds_alternative<Answered>(state_) || is_witness()) return Status::invalidated;
  if (mandate_ == Mandate::held) return Status::unresolved;
  return std::holds_alternative<Untouched>(state_) ? Status::pending : Status::in_flight;
}

const Doubt* Card::doubt() const {
  if (const auto* refused = std::get_if<Refused>(&state_)) return refused->doubt ? &*refused->doubt : nullptr;
  return std::get_if<Doubt>(&state_);
}

bool Card::was_left_in_doubt() const { return doubt() && doubt()->is_from_earlier_run; }

Decision Card::ended(Endpoint endpoint, const Outcome& outcome, const CardRules& rules, Now now,
                     std::uint32_t draw) {
  const Attempt attempt{next_.kind, endpoint, outcome, rules, now, draw};
  next_.fresh_connection = false;
  if (model::was_sent(outcome.kind)) {
    if (attempt.kind == AttemptKind::invalidate && !sent_.first) sent_.first = sent_.last;
    if (outcome.kind != clock_refused) tries_.signed_again = false;
    tries_.throttled = outcome.kind == throttled ? tries_.throttled + 1 : 0;
  }
  auto decision = is_witness()                               ? after_testimony(attempt)
                  : std::holds_alternative<Answered>(state_) ? after_proof(attempt)
                  : attempt.kind == AttemptKind::invalidate  ? after_invalidation(attempt)
                                                             : after_read_back(attempt);
  // Protected while it was under way.
  if (decision.next && decision.next->kind == AttemptKind::invalidate && mandate_ != Mandate::invalidate)
    decision = read_back_instead() ? again(next_.kind, next_.due)
                                   : done({Status::pending, std::nullopt, false, true, outcome});
  auto& ruling = decision.ruling;
  const bool is_settled = ruling.status == Status::invalidated || ruling.status == Status::rejected;
  if (!ruling.finished && !is_settled) ruling.shown = outcome;
  ruling.strange = !is_settled && (is_singled_out_ || tries_.throttled >= k_throttled_that_is_odd ||
                                   model::is_strange(outcome.kind));
  is_troubled_ = model::is_trouble(outcome.kind) && outcome.kind != throttled;
  return decision;
}

void Card::protect() {
  if (mandate_ == Mandate::invalidate) mandate_ = Mandate::read_only;
}

bool Card::read_back_instead() {
  if (is_untouched()) return false;
  next_.kind = AttemptKind::read_back;
  return true;
}

Decision Card::after_invalidation(const Attempt& attempt) {
  const auto& outcome = attempt.outcome;
  const auto now = attempt.now.steady;
  if (uses_up_a_try(outcome.kind)) ++tries_.invalidations;
  if (model::leaves_doubt(outcome.kind))
    doubt(attempt);
  else if (auto* doubt = std::get_if<Doubt>(&state_); doubt && model::was_sent(outcome.kind))
    doubt->called_done = false;
  const auto back_off = attempt.back_off(tries_.invalidations);

  switch (outcome.kind) {
    case confirmed:
      if (was_invalid_before_us(attempt)) return settle(SettledBy::already, attempt);
      if (!owes_proof_) return settle(SettledBy::answer, attempt);
      state_ = Answered{outcome, attempt.endpoint, now};
      tries_.read_backs = 0;
      return again(AttemptKind::read_back, now);

    case wrong_card:
      if (++tries_.wrong_cards >= k_most_wrong_cards)
        return with_suspicion(give_up(outcome, true), model::TripCause::wrong_card);
      return again(AttemptKind::read_back, now);
    case unverified:
    case probe_signature:
    case unreadable:
    case distrusted: return again(AttemptKind::read_back, now);
    case lost: next_.avoid = attempt.endpoint; return again(AttemptKind::read_back, now);
    case stale_connection: next_.fresh_connection = true; return again(AttemptKind::read_back, now);
    case not_invalid: return again(AttemptKind::read_back, back_off);

    case gateway_error: next_.avoid = attempt.endpoint; return again_as_asked(attempt);
    case accepted:
    case system_error:
      if (tries_.invalidations > k_tries_on_one_endpoint) next_.avoid = attempt.endpoint;
      return again_as_asked(attempt);
    case throttled: return after_throttling(attempt);
    case clock_refused: return sign_again(attempt);
    case connection_closed: next_.fresh_connection = true; return again(AttemptKind::invalidate, now);
    case not_sent:
    case bad_certificate: next_.avoid = attempt.endpoint; return again(AttemptKind::invalidate, now);
    case refused: return refuse(attempt);
    case credentials_refused:
      return accuse(attempt, Errc::bad_credentials, "the platform refuses our credentials");
    case setup_refused:
      return accuse(attempt, Errc::bad_job,
                    "the platform does not know this call; check endpoints and merchant.api");
    case unknown_answer:  // neither executed nor not: only a person can tell
      return with_suspicion(give_up(outcome, true), model::TripCause::unknown_answer);
  }
  return {};
}

Decision Card::after_read_back(const Attempt& attempt) {
  const auto& outcome = attempt.outcome;
  const auto now = attempt.now.steady;
  const bool usable = outcome.kind == confirmed || model::denies_invalid(outcome.kind);
  if (usable)
    tries_.read_backs = 0;
  else if (uses_up_a_try(outcome.kind))
    ++tries_.read_backs;
  const auto back_off = attempt.back_off(std::max(tries_.read_backs, 1));

  switch (outcome.kind) {
    case confirmed:
      return settle(is_credited_to_others(attempt) ? SettledBy::already : SettledBy::read_back, attempt);
    case not_invalid:
    case refused: return after_denial(attempt);

    case wrong_card:
      if (++tries_.wrong_cards >= k_most_wrong_cards)
        return with_suspicion(give_up(outcome, true), model::TripCause::wrong_card);
      return read_once_more(attempt, back_off);
    case lost:
    case gateway_error: next_.avoid = attempt.endpoint; return read_once_more(attempt, back_off);
    case accepted:
    case system_error:
      if (tries_.read_backs > k_tries_on_one_endpoint) next_.avoid = attempt.endpoint;
      return read_once_more(attempt, back_off);
    case probe_signature:
    case unverified:
    case unreadable:
    case distrusted: return read_once_more(attempt, back_off);
    case stale_connection:
    case connection_closed: next_.fresh_connection = true; return read_once_more(attempt, now);
    case throttled: return after_throttling(attempt);
    case not_sent:
    case bad_certificate: next_.avoid = attempt.endpoint; return again(AttemptKind::read_back, now);
    case clock_refused: return sign_again(attempt);
    case credentials_refused:
      return accuse(attempt, Errc::bad_credentials, "the platform refuses our credentials");
    case setup_refused:
      return accuse(attempt, Errc::bad_job,
                    "the platform does not know the query call; check endpoints and merchant.api");
    case unknown_answer: return with_suspicion(give_up(outcome, true), model::TripCause::unknown_answer);
  }
  return {};
}

// A read-back does not say INVALID. Not believed while an invalidation may still show, or may still be on its
// way: what a second one does is unknown (docs/platform.md section 12), and neither "rejected" nor "pending"
// may turn out wrong.
Decision Card::after_denial(const Attempt& attempt) {
  const auto& outcome = attempt.outcome;
  const auto now = attempt.now.steady;
  const auto* refused = std::get_if<Refused>(&state_);
  if (const auto* doubt = this->doubt()) {
    const auto believed_at = doubt->last + (refused ? k_read_back_lag_of_refusal : k_read_back_lag);
    if (sent_.last < believed_at)  // the answer may have taken long
      return again(AttemptKind::read_back, std::max(now, believed_at));
  }
  if (mandate_ == Mandate::held) return give_up(outcome, true);
  if (refused) return reject(*refused, outcome);
  if (mandate_ == Mandate::read_only)
    return outcome.kind == model::OutcomeKind::refused
               ? give_up(outcome, false)
               : done({Status::pending, std::nullopt, false, true, outcome});

  auto* doubt = std::get_if<Doubt>(&state_);
  const auto& latest = doubt ? doubt->latest : outcome;
  const bool is_last = is_out_of_tries(tries_.invalidations, attempt.rules, latest);
  if (doubt && std::exchange(doubt->called_done, false) &&
      (++tries_.contradictions >= k_most_contradictions || is_last))
    return with_suspicion(give_up(doubt->latest, true), model::TripCause::contradiction);
  if (is_last) return give_up_on(doubt ? doubt->latest : Outcome{});
  // The read-back's own Retry-After is about read-backs.
  return again(
      AttemptKind::invalidate,
      tries_.invalidations == 0 ? now : now + attempt.rules.retry.wait(tries_.invalidations, attempt.draw));
}

std::string Card::words_for_canary() const {
  return fmt::format("line {} goes alone{}", source_line_,
                     std::holds_alternative<Answered>(state_)
                         ? ", and waits for its proof: a read-back that says INVALID"
                         : "");
}

// The answer stands and is on record. The canary also wants to see it.
Decision Card::after_proof(const Attempt& attempt) {
  const auto now = attempt.now.steady;
  const auto& answered = std::get<Answered>(state_);
  if (model::denies_invalid(attempt.outcome.kind)) {
    const auto believed_at = answered.at + k_read_back_lag;
    if (sent_.last < believed_at)
      return again(AttemptKind::read_back,
                   believed_at > now ? std::min(believed_at, now + k_proof_interval) : now);
    auto shown = attempt.outcome;
    shown.error_code = "NOT_INVALID";
    shown.error_message = "the answer said INVALID, and reading the card back does not show it";
    return give_up(shown, true);
  }
  auto decision = after_read_back(attempt);
  decision.ruling = {Status::invalidated,      SettledBy::answer, false,
                     decision.ruling.finished, answered.answer,   answered.by};
  return decision;
}

// The card may be INVALID already, through us or through somebody else: one read-back tells. If through us
// just now, that may not show yet.
Decision Card::refuse(const Attempt& attempt) {
  Refused refused{attempt.outcome, attempt.endpoint, std::nullopt};
  if (const auto* doubt = this->doubt()) {
    refused.doubt = *doubt;
    refused.doubt->last = attempt.now.steady;
  }
  state_ = std::move(refused);
  return again(AttemptKind::read_back, attempt.now.steady);
}

Decision Card::sign_again(const Attempt& attempt) {
  if (tries_.signed_again)
    return accuse(attempt, Errc::bad_credentials, words_for_clock(attempt.outcome, attempt.now));
  tries_.signed_again = true;
  return again(attempt.kind, attempt.now.steady);
}

Decision Card::read_once_more(const Attempt& attempt, Instant due) {
  if (!is_out_of_tries(tries_.read_backs, attempt.rules, attempt.outcome))
    return again(AttemptKind::read_back, due);
  return give_up_on(attempt.outcome);
}

// The tries are used up. After a strange answer only a person can tell what to do.
Decision Card::give_up_on(const Outcome& latest) const {
  if (!model::is_strange(latest.kind)) return give_up(latest, mandate_ == Mandate::held);
  const bool is_content = latest.kind == unreadable || latest.kind == wrong_card;
  return with_suspicion(give_up(latest, true),
                        is_content ? model::TripCause::wrong_card : model::TripCause::unknown_answer);
}

// The platform asks for the same call again. When the tries are used up, the card is read once more.
Decision Card::again_as_asked(const Attempt& attempt) {
  const bool is_last = is_out_of_tries(tries_.invalidations, attempt.rules, attempt.outcome);
  return again(is_last ? AttemptKind::read_back : AttemptKind::invalidate,
               attempt.back_off(tries_.invalidations));
}

// The pace slows down for all. A card that is refused again and again lets others go first meanwhile.
Decision Card::after_throttling(const Attempt& attempt) {
  if (uses_up_a_try(throttled))
    return attempt.kind == AttemptKind::invalidate
               ? again_as_asked(attempt)
               : read_once_more(attempt, attempt.back_off(tries_.read_backs));
  const auto others_first =
      tries_.throttled > 1 ? attempt.rules.retry.wait(tries_.throttled - 1, attempt.draw) : 0ms;
  return again(attempt.kind, attempt.now.steady + others_first);
}

bool Card::uses_up_a_try(model::OutcomeKind kind) const {
  if (kind == throttled) return is_singled_out_ || is_strange_;  // else the limit is everybody's
  return model::was_sent(kind) && kind != clock_refused && kind != credentials_refused &&
         kind != setup_refused;
}

// An outage uses up no canary card, unless an earlier run has waited for it: the run waits, and Safety ends
// its patience.
bool Card::is_out_of_tries(int tries, const CardRules& rules, const Outcome& latest) const {
  const bool is_patient = owes_proof_ && !is_set_apart();
  return tries >= rules.retry.max_attempts && !(is_patient && model::is_trouble(latest.kind));
}

Decision Card::again(AttemptKind kind, Instant due) {
  next_.kind = kind;
  next_.due = due;
  if (const auto* answered = std::get_if<Answered>(&state_))
    return {{standing(), SettledBy::answer, false, false, answered->answer, answered->by}, next_};
  return {{standing(), std::nullopt, mandate_ == Mandate::held, false, {}}, next_};
}

Decision Card::settle(SettledBy settled_by, const Attempt& attempt) {
  return done({Status::invalidated, settled_by, false, true, attempt.outcome});
}

// The row keeps its standing until it is known whether the reason is its fault.
Decision Card::accuse(const Attempt& attempt, Errc code, const std::string& why) {
  tries_.signed_again = false;
  if (mandate_ == Mandate::held || ++tries_.accusations >= k_most_accusations)
    return give_up(attempt.outcome, true);
  auto decision = again(AttemptKind::read_back, attempt.now.steady);
  decision.alarm = Accusation{code, model::describe(why, attempt.outcome)};
  return decision;
}

void Card::call_as_witness(Instant now) {
  state_ = Witness{};
  next_ = {AttemptKind::read_back, now};
}

// Only whether an answer comes that our credentials deserve is of interest.
Decision Card::after_testimony(const Attempt& attempt) {
  const bool may_try_again = ++std::get<Witness>(state_).tries < k_tries_of_witness;
  auto decision = model::is_trouble(attempt.outcome.kind) && may_try_again
                      ? again(AttemptKind::read_back, attempt.now.steady)
                      : done({});
  if (decision.next) {
    next_.avoid = attempt.endpoint;
    decision.next = next_;
  }
  decision.ruling.status = Status::invalidated;
  decision.ruling.leaves_row = true;
  return decision;
}

void Card::doubt(const Attempt& attempt) {
  assert(!std::holds_alternative<Refused>(state_) && !std::holds_alternative<Answered>(state_));
  const bool is_from_earlier_run = was_left_in_doubt();
  state_ =
      Doubt{attempt.now.steady, attempt.outcome, attempt.outcome.kind == not_invalid, is_from_earlier_run};
}

// Found INVALID: was it so before our first request? What this run sent without doubt was not executed,
// unless the time of the invalidation says so. For what earlier runs sent that is not sure.
bool Card::is_credited_to_others(const Attempt& attempt) const {
  return doubt() || sent_.earlier ? was_invalid_before_us(attempt) : !is_since_our_refusal(attempt);
}

// Only what is sure: a card that we may have invalidated was not INVALID before us.
bool Card::was_invalid_before_us(const Attempt& attempt) const {
  const auto& outcome = attempt.outcome;
  const auto invalidated_at = parse_rfc3339(outcome.invalid_time);
  if (!invalidated_at) return false;
  // Between runs this machine's clock may have been set.
  if (sent_.earlier && *invalidated_at >= *sent_.earlier - k_clock_tolerance - k_time_grain) return false;
  if (!sent_.first) return sent_.earlier.has_value();
  if (!outcome.server_time) return false;
  // By the platform's clock: the time of its answer less what passed here since our first request.
  const auto passed = std::chrono::duration_cast<milliseconds>(attempt.now.steady - *sent_.first);
  return *invalidated_at < *outcome.server_time - passed - k_time_grain;
}

// The platform refused the card to us, and it has been INVALID since our request: something on the way may
// have asked twice for us. Told by our own clock where the two clocks agree, else not at all.
bool Card::is_since_our_refusal(const Attempt& attempt) const {
  const auto& outcome = attempt.outcome;
  const auto now = attempt.now;
  const auto invalidated_at = parse_rfc3339(outcome.invalid_time);
  if (!invalidated_at || !sent_.first || !outcome.server_time) return false;
  const auto apart = now.wall - *outcome.server_time;
  if (apart > k_clocks_agree || apart < -k_clocks_agree) return false;
  const auto passed = std::chrono::duration_cast<milliseconds>(now.steady - *sent_.first);
  return *invalidated_at >= now.wall - passed;
}

}  // namespace cardvoid::dispatch
