#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/dispatch/safety.hpp>
#include <utility>

namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using enum model::OutcomeKind;
using model::AttemptKind;
using model::Outcome;
using model::RowId;
using model::Ruling;
using model::SettledBy;
using model::Status;

constexpr std::size_t k_cards_that_stop = 2;
constexpr std::size_t k_bad_before_any_good = 3, k_cards_kept = 20, k_bad_of_kept = 10;
// Nothing but trouble about a canary card for this long: the platform is in trouble, not the card.
constexpr milliseconds k_patience_with_canary = 10min;
// Nothing but 429 for this long: a quota is used up that a short wait does not refill.
constexpr milliseconds k_patience_with_429 = 10min;

std::string words_for_signature(const Outcome& outcome) {
  return fmt::format("no answer of this run could be verified ({}){}{}", outcome.error_message,
                     outcome.advice.empty() ? "" : "; ", outcome.advice);
}

std::string words_for(model::OutcomeKind kind) {
  switch (kind) {
    case wrong_card: return "they are about another card than the one asked for";
    case unreadable: return "they cannot be read";
    case unverified:
    case distrusted: return "they never carry a signature that verifies";
    case probe_signature: return "they always carry a deliberate wrong signature";
    case unknown_answer:
    case confirmed:
    case not_invalid:
    case accepted:
    case system_error:
    case gateway_error:
    case throttled:
    case clock_refused:
    case credentials_refused:
    case setup_refused:
    case refused:
    case lost:
    case stale_connection:
    case connection_closed:
    case not_sent:
    case bad_certificate: break;
  }
  return "an answer that is not in our table (docs/answers.md)";
}

}  // namespace

Safety::Safety(const Settings& settings)
    : settings_{settings}, breaker_{settings.max_failure_rate}, canary_passed_{settings.canary_passed} {}

void Safety::heard(RowId row, bool is_set_apart, const Outcome& outcome, Instant now) {
  judge_throttling(outcome, now);
  if (is_set_apart && model::is_strange(outcome.kind)) return;
  judge_signature(row, outcome);
  judge_content(row, outcome);
}

bool Safety::suspect(const Suspicion& suspicion, RowId row, const Card& card) {
  const auto& outcome = suspicion.outcome;
  if (card.mandate() == Mandate::held) return true;
  const bool is_signature =
      outcome.kind == unverified || outcome.kind == distrusted || outcome.kind == probe_signature;
  if (is_signature && !signatures_.any_good()) {
    doubts_ = Error{Errc::bad_credentials, words_for_signature(outcome)};
    return false;
  }
  if (card.is_set_apart()) return true;
  const bool is_contradiction = suspicion.cause == model::TripCause::contradiction;
  const auto oddity = is_contradiction ? std::string{model::to_text(suspicion.cause)}
                      : is_signature   ? std::string{"signature"}
                                       : fmt::format("{} {} {}", model::to_text(outcome.kind),
                                                     outcome.http_status, outcome.error_code);
  auto& rows = suspects_[oddity];
  rows.push_back(row);
  if (rows.size() < k_cards_that_stop) return true;
  const auto what = is_contradiction
                        ? std::string{"it calls them done, and reading them back does not show it"}
                        : model::describe(words_for(outcome.kind), outcome);
  trip(suspicion.cause, rows,
       fmt::format("the platform's answers about {} different cards are odd in the same way, last about line "
                   "{}: {}",
                   rows.size(), card.source_line(), what));
  return true;
}

std::optional<Notice> Safety::finished(RowId row, const Card& card, AttemptKind kind, const Outcome& outcome,
                                       const Ruling& ruling) {
  if (settings_.read_back_only || card.mandate() == Mandate::held) return std::nullopt;
  std::optional<Notice> notice;
  if (card.owes_proof()) notice = judge_canary(row, card, kind, outcome, ruling);
  judge_already(row, ruling);
  const bool failed = ruling.status == Status::rejected || ruling.status == Status::unresolved;
  const bool settled = failed || ruling.status == Status::invalidated;  // else the run was stopped
  if (settled &&
      breaker_.note({row, card.source_line(), failed, card.masked_code(), ruling.shown.error_code}))
    trip(model::TripCause::failure_rate, breaker_.failed_rows(), breaker_.describe());
  return notice;
}

std::optional<Notice> Safety::judge_canary(RowId row, const Card& card, AttemptKind kind,
                                           const Outcome& outcome, const Ruling& ruling) {
  leave_canary(row);
  if (ruling.settled_by == SettledBy::already) return std::nullopt;  // says nothing about our requests
  // A run that its breaker stopped leaves such rows: refused, and not read back any more. They are known to
  // be bad, and the next row takes their place.
  if (ruling.status == Status::rejected && card.was_left_in_doubt()) return std::nullopt;
  const bool invalidated = ruling.status == Status::invalidated;
  if (invalidated && kind == AttemptKind::read_back && outcome.kind == confirmed) {
    if (++canary_passed_ != settings_.canary) return std::nullopt;
    const auto already =
        canary_already_ > 0 ? fmt::format(" ({} more were INVALID already)", canary_already_) : std::string{};
    return Notice{Notice::info,
                  fmt::format("canary: {} of {} cards are invalidated and were read back as INVALID{}; "
                              "the pace opens",
                              canary_passed_, settings_.canary, already)};
  }
  if (card.is_set_apart()) return std::nullopt;  // known to be odd: says nothing about the list
  if (invalidated || ruling.status == Status::rejected || ruling.status == Status::unresolved)
    fail_canary(row, card, outcome, ruling);
  return std::nullopt;
}

void Safety::fail_canary(RowId row, const Card& card, const Outcome& outcome, const Ruling& ruling) {
  const bool is_answered = ruling.status == Status::invalidated;
  const auto why = model::describe(
      fmt::format("the canary failed at line {} (code {}), {} of {} cards had passed; {}", card.source_line(),
                  card.masked_code(), canary_passed_, settings_.canary,
                  is_answered ? "called INVALID, and not read back" : model::to_text(ruling.status)),
      is_answered ? outcome : ruling.shown);
  trip(model::TripCause::canary, {row}, why);
}

void Safety::stop(Error why) {
  if (!stopped_) stopped_ = std::move(why);
}

// The run ends softly, and the next one begins with a canary again.
void Safety::trip(model::TripCause cause, std::vector<RowId> rows, std::string why) {
  if (stopped_ && stopped_->code != Errc::stopped) return;
  trip_ = model::Trip{cause, std::move(rows)};
  stopped_ = Error{Errc::tripped, std::move(why)};
}

// Counts cards that were INVALID before us, until the first one of ours.
void Safety::judge_already(RowId row, const Ruling& ruling) {
  if (ruling.status != Status::invalidated) return;
  if (ruling.settled_by != SettledBy::already) {
    any_ours_ = true;
    return;
  }
  if (!is_canary_over()) ++canary_already_;
  if (any_ours_ || settings_.expect_already) return;
  already_rows_.push_back(row);
  if (already_rows_.size() >= k_already_that_stop)
    trip(model::TripCause::already, already_rows_,
         fmt::format("{} cards were INVALID before us and none was invalidated by us; is this the right "
                     "list, or was the results database lost? If that is normal for this list, set "
                     "safety.expect_already = true",
                     already_rows_.size()));
}

void Safety::judge_canary_trouble(RowId row, const Outcome& outcome, Instant now) {
  if (canary_row_ != row || !model::is_trouble(outcome.kind) || outcome.kind == throttled) return;
  if (!canary_trouble_since_) canary_trouble_since_ = now;
  const auto lasted = now - *canary_trouble_since_;
  if (lasted < k_patience_with_canary) return;
  stop({Errc::unavailable,
        model::describe(fmt::format("the platform is in trouble: a canary card gets no answer that counts "
                                    "since {}; run again later",
                                    humanize_duration(std::chrono::duration_cast<milliseconds>(lasted))),
                        outcome)});
}

bool Safety::LatestAnswers::note(RowId row, bool good, bool is_canary) {
  const auto same =
      std::find_if(latest_.begin(), latest_.end(), [row](const Latest& latest) { return latest.row == row; });
  const bool was_good = same == latest_.end() || same->good;
  if (same != latest_.end()) latest_.erase(same);
  latest_.push_back({row, was_good && good});
  if (latest_.size() > k_cards_kept) latest_.pop_front();
  any_good_ = any_good_ || good;
  if (good) return false;
  ++bad_answers_;
  if (any_good_) return bad() >= k_bad_of_kept;
  return bad_answers_ >= k_bad_before_any_good && (bad() >= k_cards_that_stop || is_canary);
}

std::size_t Safety::LatestAnswers::bad() const {
  return static_cast<std::size_t>(
      std::count_if(latest_.begin(), latest_.end(), [](const Latest& latest) { return !latest.good; }));
}

void Safety::judge_signature(RowId row, const Outcome& outcome) {
  switch (outcome.kind) {
    case confirmed:
    case not_invalid:
    case wrong_card:
    case unreadable: signatures_.note(row, true, false); [[fallthrough]];
    case refused: proven_ = true; return;
    case unverified:
    case distrusted:
      if (signatures_.note(row, false, canary_row_ == row))
        stop({Errc::bad_credentials,
              signatures_.any_good()
                  ? fmt::format("the answers about {} of the last {} cards cannot be verified ({}){}{}",
                                signatures_.bad(), signatures_.count(), outcome.error_message,
                                outcome.advice.empty() ? "" : "; ", outcome.advice)
                  : words_for_signature(outcome)});
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
void Safety::judge_content(RowId row, const Outcome& outcome) {
  if (outcome.kind == confirmed || outcome.kind == not_invalid) contents_.note(row, true, false);
  if (outcome.kind != wrong_card && outcome.kind != unreadable) return;
  if (contents_.note(row, false, false))
    trip(model::TripCause::wrong_card, {row},
         fmt::format("the verified answers about {} of the last {} cards are about another card or cannot be "
                     "read ({}){}{}",
                     contents_.bad(), contents_.count(), outcome.error_message,
                     outcome.advice.empty() ? "" : "; ", outcome.advice));
}

void Safety::judge_throttling(const Outcome& outcome, Instant now) {
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
