#pragma once
// What stops a run: what is wrong for more than one card. Pure: no I/O, no clock.
//
// - The canary: the first cards go one at a time, from the invalidation to a read-back that says INVALID.
// - The breaker: too many of the last cards that settled were rejected or left unresolved.
// - Answers that no other card would change: signatures that do not verify, verified answers about other
//   cards, unknown answers, contradictions, nothing but 429.
//
// The first stop stays, but a trip (the run stops itself for a reason that a person must look at) overrides a
// stop that the user asked for. Not thread-safe.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/breaker.hpp>
#include <cardvoid/dispatch/card.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/ruling.hpp>
#include <cardvoid/model/trip.hpp>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::dispatch {

class Safety {
 public:
  struct Settings {
    int canary = 0;               // cards that go one by one before the pace opens; 0: none
    int canary_passed = 0;        // of these, in earlier runs
    double max_failure_rate = 1;  // share of the last settled cards, 0 … 1; 1: no limit
    bool read_back_only = false;  // `reconcile`: no canary, no breaker
  };
  explicit Safety(const Settings& settings);

  // --- what happened; call in this order for one outcome: heard, alarm, finished ---
  // Every outcome: judges signatures, contents, and whether anything but 429 comes.
  void heard(model::RowId row, const model::Outcome& outcome, Instant now);
  // What the card says about the run as a whole.
  void alarm(const Halt& halt);
  void alarm(const Suspicion& suspicion, model::RowId row, const Card& card, const model::Outcome& outcome);
  // The card is done in this run; `kind` is that of its last request. The notice is for the user.
  std::optional<Notice> finished(model::RowId row, const Card& card, model::AttemptKind kind,
                                 const model::Outcome& outcome, const model::Ruling& ruling);
  // Stops for a reason from outside. The first reason stays.
  void stop(Error why);
  // The run was paused until now: that time does not count.
  void be_patient() { throttled_since_.reset(); }

  // --- the canary ---
  bool is_canary_over() const { return settings_.read_back_only || canary_passed_ >= settings_.canary; }
  const std::optional<model::RowId>& canary_row() const { return canary_row_; }  // the one under way
  void begin_canary(model::RowId row) { canary_row_ = row; }
  int canary_passed() const { return canary_passed_; }  // in earlier runs too
  // The card is not sent after all; the next one takes its place in the canary.
  void forget(model::RowId row) {
    if (canary_row_ == row) canary_row_.reset();
  }

  // --- what came of it ---
  // Our credentials and the platform's have worked once in this run.
  bool is_proven() const { return proven_; }
  const std::optional<Error>& stopped() const { return stopped_; }
  const std::optional<model::Trip>& trip() const { return trip_; }  // why the run stopped itself

 private:
  // Whether the latest answers of one kind were good. Single bad ones may be a proxy's hiccup; three before
  // the first good one, or half of the last twenty, are not.
  class LatestAnswers {
   public:
    bool note(bool good);  // true: too many are bad
    std::size_t bad() const;
    std::size_t count() const { return latest_.size(); }

   private:
    std::deque<bool> latest_;  // good or not, oldest first
  };

  void judge_signature(const model::Outcome& outcome);
  void judge_content(model::RowId row, const model::Outcome& outcome);
  void judge_throttling(const model::Outcome& outcome, Instant now);
  std::optional<Notice> judge_canary(model::RowId row, const Card& card, model::AttemptKind kind,
                                     const model::Outcome& outcome, const model::Ruling& ruling);
  void fail_canary(model::RowId row, const Card& card, const model::Outcome& outcome,
                   const model::Ruling& ruling);
  void trip(model::TripCause cause, std::vector<model::RowId> rows, std::string why);

  Settings settings_;
  std::optional<Error> stopped_;
  std::optional<model::Trip> trip_;
  Breaker breaker_;
  std::optional<model::RowId> canary_row_;
  int canary_passed_;
  bool proven_ = false;
  LatestAnswers signatures_;  // of the answers that should carry one
  LatestAnswers contents_;    // of the verified answers: are they about the card that was asked for?
  std::optional<Instant> throttled_since_;  // nothing but 429 since then
  std::vector<model::RowId> contradictory_rows_;
};

}  // namespace cardvoid::dispatch
