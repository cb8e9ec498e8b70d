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

constexpr std::size_t k_most_contradictory_rows = 2;
constexpr std::size_t k_bad_before_any_good = 3, k_answers_kept = 20, k_bad_of_kept = 10;
// Nothing but 429 for this long: a quota is used up that a short wait does not refill.
constexpr milliseconds k_patience_with_429 = 10min;

}  // namespace

Safety::Safety(const Settings& settings)
    : settings_{settings}, breaker_{settings.max_failure_rate}, canary_passed_{settings.canary_passed} {}

void Safety::heard(RowId row, const Outcome& outcome, Instant now) {
  judge_signature(outcome);
  judge_content(row, outcome);
  judge_throttling(outcome, now);
}

void Safety::alarm(const Halt& halt) { stop({halt.code, halt.why}); }

void Safety::alarm(const Suspicion& suspicion, RowId row, const Card& card, const Outcome& outcome) {
  using enum model::TripCause;
  switch (suspicion.cause) {
    case model::TripCause::wrong_card:
      return trip(
          suspicion.cause, {row},
          fmt::format("the platform keeps answering with another card than the one asked for (line {})",
                      card.source_line()));
    case model::TripCause::unknown_answer:
      return trip(suspicion.cause, {row},
                  model::describe("an answer that is not in our table (docs/answers.md)", outcome));
    case contradiction:
      contradictory_rows_.push_back(row);
      if (contradictory_rows_.size() < k_most_contradictory_rows) return;
      return trip(suspicion.cause, contradictory_rows_,
                  fmt::format("the platform contradicts itself about {} cards, last about line {}: it calls "
                              "them done, and reading them back does not show it",
                              contradictory_rows_.size(), card.source_line()));
    case canary:
    case failure_rate:
    case already: return;  // found here, never by a card
  }
}

std::optional<Notice> Safety::finished(RowId row, const Card& card, AttemptKind kind, const Outcome& outcome,
                                       const Ruling& ruling) {
  if (settings_.read_back_only || card.mandate() == Mandate::held) return std::nullopt;
  std::optional<Notice> notice;
  if (canary_row_ == row) notice = judge_canary(row, card, kind, outcome, ruling);
  const bool failed = ruling.status == Status::rejected || ruling.status == Status::unresolved;
  const bool settled = failed || ruling.status == Status::invalidated;  // else the run was stopped
  if (settled &&
      breaker_.note({row, card.source_line(), failed, card.masked_code(), ruling.shown.error_code}))
    trip(model::TripCause::failure_rate, breaker_.failed_rows(), breaker_.describe());
  return notice;
}

std::optional<Notice> Safety::judge_canary(RowId row, const Card& card, AttemptKind kind,
                                           const Outcome& outcome, const Ruling& ruling) {
  canary_row_.reset();
  if (ruling.settled_by == SettledBy::already) return std::nullopt;  // says nothing about our requests
  // A run that its breaker stopped leaves such rows: refused, and not read back any more. They are known to
  // be bad, and the next row takes their place.
  if (ruling.status == Status::rejected && card.was_left_in_doubt()) return std::nullopt;
  const bool invalidated = ruling.status == Status::invalidated;
  if (invalidated && kind == AttemptKind::read_back && outcome.kind == confirmed) {
    if (++canary_passed_ != settings_.canary) return std::nullopt;
    return Notice{Notice::info,
                  fmt::format("canary: {} of {} cards are invalidated and were read back as INVALID; "
                              "the pace opens",
                              canary_passed_, settings_.canary)};
  }
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

bool Safety::LatestAnswers::note(bool good) {
  latest_.push_back(good);
  if (latest_.size() > k_answers_kept) latest_.pop_front();
  return !good && bad() >= (bad() < count() ? k_bad_of_kept : k_bad_before_any_good);
}

std::size_t Safety::LatestAnswers::bad() const {
  return static_cast<std::size_t>(std::count(latest_.begin(), latest_.end(), false));
}

void Safety::judge_signature(const Outcome& outcome) {
  switch (outcome.kind) {
    case confirmed:
    case not_invalid:
    case wrong_card:
    case unreadable: signatures_.note(true); [[fallthrough]];
    case refused: proven_ = true; return;
    case unverified:
    case distrusted:
      if (signatures_.note(false))
        stop(
            {Errc::bad_credentials, fmt::format("{} of the last {} answers cannot be verified ({}){}{}",
                                                signatures_.bad(), signatures_.count(), outcome.error_message,
                                                outcome.advice.empty() ? "" : "; ", outcome.advice)});
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
  if (outcome.kind == confirmed || outcome.kind == not_invalid) contents_.note(true);
  if (outcome.kind != wrong_card && outcome.kind != unreadable) return;
  if (contents_.note(false))
    trip(model::TripCause::wrong_card, {row},
         fmt::format("{} of the last {} verified answers are about another card or cannot be read ({})",
                     contents_.bad(), contents_.count(), outcome.error_message));
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
