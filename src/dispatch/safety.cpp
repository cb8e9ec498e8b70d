#include <fmt/format.h>

#include <cardvoid/dispatch/dispatcher.hpp>
#include <utility>

#include "words.hpp"

// What stops a run whose cards fail: the canary and the breaker.
namespace cardvoid::dispatch {

using model::AttemptKind;
using model::OutcomeKind;
using model::RowId;
using model::SettledBy;
using model::Status;

// A row is done with in this run.
void Dispatcher::judge_end(RowId row, const Task& task, const model::Outcome& outcome, const Ruling& ruling) {
  if (settings_.read_back_only || task.held) return;  // a held row is read back, and no more
  const bool failed = ruling.status == Status::rejected || ruling.status == Status::unresolved;
  const bool invalidated = ruling.status == Status::invalidated;
  if (canary_row_ == row) {
    canary_row_.reset();
    const bool already = ruling.settled_by == SettledBy::already;  // says nothing about our requests
    const bool proven = task.next == AttemptKind::read_back && outcome.kind == OutcomeKind::confirmed;
    if (invalidated && !already && proven) {
      if (++canary_passed_ == settings_.canary)
        note(Notice::info,
             fmt::format("canary: {} of {} cards are invalidated and were read back as INVALID; "
                         "the pace opens",
                         canary_passed_, settings_.canary));
    } else if (ruling.status == Status::rejected && task.left_in_doubt) {
      // A run that its breaker stopped leaves such rows: refused, and not read back any more. They are known
      // to be bad, and the next row takes their place.
    } else if (failed || (invalidated && !already)) {
      fail_canary(row, task, outcome, ruling);
    }
  }
  if (!failed && !invalidated) return;  // stopped, through no fault of its own
  if (breaker_.note({row, failed, task.code, ruling.shown.error_code}))
    trip(model::TripCause::failure_rate, breaker_.failed_rows(), breaker_.describe());
}

void Dispatcher::fail_canary(RowId row, const Task& task, const model::Outcome& outcome,
                             const Ruling& ruling) {
  const bool is_answered = ruling.status == Status::invalidated;
  const auto why =
      describe(fmt::format("the canary failed at row {} (code {}), {} of {} cards had passed; {}", row,
                           task.code, canary_passed_, settings_.canary,
                           is_answered ? "called INVALID, and not read back" : model::to_text(ruling.status)),
               is_answered ? outcome : ruling.shown);
  trip(model::TripCause::canary, {row}, why);
}

// The run ends softly, and begins with a canary again. Weighs more than a stop that somebody wished for.
void Dispatcher::trip(model::TripCause cause, std::vector<RowId> rows, std::string why) {
  if (stopped_ && stopped_->code != Errc::stopped) return;
  trip_ = model::Trip{cause, std::move(rows)};
  stopped_ = Error{Errc::unavailable, std::move(why)};
}

}  // namespace cardvoid::dispatch
