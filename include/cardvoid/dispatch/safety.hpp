#pragma once
// What stops a run: what is wrong for more than one card. Pure: no I/O, no clock.
//
// - The canary: the first cards go one at a time, from the invalidation to a read-back that says INVALID. An
//   outage does not fail it.
// - The breaker: too many of the last cards that settled were rejected or left unresolved.
// - The same oddity about a second, different card: unknown answers, signatures that never verify, verified
//   answers that cannot be read or are about another card, contradictions. The first card is held, and the
//   run goes on. Refused credentials are judged in inquiry.hpp.
// - Card after card that was INVALID before us: the wrong list, or a lost results database.
// - Nothing but 429.
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
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::dispatch {

// So many cards that were INVALID before us, and none of ours, stop a run.
inline constexpr std::size_t k_already_that_stop = 20;

class Safety {
 public:
  struct Settings {
    int canary = 0;               // cards that go one by one before the pace opens; 0: none
    int canary_passed = 0;        // of these, in earlier runs
    double max_failure_rate = 1;  // share of the last settled cards, 0 … 1; 1: no limit
    bool read_back_only = false;  // `reconcile`: no canary, no breaker
    bool expect_already = false;  // cards that are INVALID already are no reason to stop
  };
  explicit Safety(const Settings& settings);

  // --- what happened; call in this order for one outcome: heard, suspect, finished ---
  // Every outcome: judges signatures, contents, and whether anything but 429 comes. What is bad about a card
  // that is set apart counts for nothing.
  void heard(model::RowId row, bool is_set_apart, const model::Outcome& outcome, Instant now);
  // What the card says about the run as a whole. False: there is no evidence that other cards fare better, so
  // the card is not to be held.
  bool suspect(const Suspicion& suspicion, model::RowId row, const Card& card);
  // The card is done in this run; `kind` is that of its last request. The notice is for the user.
  std::optional<Notice> finished(model::RowId row, const Card& card, model::AttemptKind kind,
                                 const model::Outcome& outcome, const model::Ruling& ruling);
  // Stops for a reason from outside. The first reason stays.
  void stop(Error why);
  // The run was paused for so long: that time does not count.
  void be_patient(std::chrono::nanoseconds paused) {
    for (auto* since : {&throttled_since_, &canary_trouble_since_})
      if (*since) **since += paused;
  }
  // Every row is done. Why the run must not end as if all was well: it has seen no proof that our
  // credentials work, and answers that say they do not.
  std::optional<Error> doubts_at_end() const { return proven_ ? std::nullopt : doubts_; }
  // What speaks against our keys: no answer has verified so far.
  const std::optional<Error>& doubts() const { return doubts_; }

  // Cards that earlier runs found INVALID before us go on counting.
  void know_already(std::vector<model::RowId> rows) { already_rows_ = std::move(rows); }

  // --- the canary ---
  bool is_canary_over() const { return settings_.read_back_only || canary_passed_ >= settings_.canary; }
  const std::optional<model::RowId>& canary_row() const { return canary_row_; }  // the one under way
  void begin_canary(model::RowId row) {
    if (canary_row_ != row) canary_trouble_since_.reset();
    canary_row_ = row;
  }
  // The row waits for something else: another one may be the canary meanwhile.
  void leave_canary(model::RowId row) {
    if (canary_row_ == row) canary_row_.reset();
  }
  // Ends the patience with a canary card that meets nothing but trouble.
  void judge_canary_trouble(model::RowId row, const model::Outcome& outcome, Instant now);
  int canary_passed() const { return canary_passed_; }    // in earlier runs too
  int canary_already() const { return canary_already_; }  // cards that were INVALID before, in this run

  // --- what came of it ---
  // Our credentials and the platform's have worked once in this run.
  bool is_proven() const { return proven_; }
  const std::optional<Error>& stopped() const { return stopped_; }
  const std::optional<model::Trip>& trip() const { return trip_; }  // why the run stopped itself

 private:
  // Whether the latest answers of one kind were good, by card: one odd card says nothing about others, and
  // single bad answers may be a proxy's hiccup. Too many: before the first good one three, about two cards
  // or about a canary card; later half of the last twenty cards.
  class LatestAnswers {
   public:
    bool note(model::RowId row, bool good, bool is_canary);  // true: too many are bad
    std::size_t bad() const;                                 // cards
    std::size_t count() const { return latest_.size(); }
    bool any_good() const { return any_good_; }

   private:
    struct Latest {
      model::RowId row;
      bool good;  // every answer about it
    };
    std::deque<Latest> latest_;  // one for each card, oldest first
    std::size_t bad_answers_ = 0;
    bool any_good_ = false;
  };

  void judge_signature(model::RowId row, const model::Outcome& outcome);
  void judge_content(model::RowId row, const model::Outcome& outcome);
  void judge_throttling(const model::Outcome& outcome, Instant now);
  std::optional<Notice> judge_canary(model::RowId row, const Card& card, model::AttemptKind kind,
                                     const model::Outcome& outcome, const model::Ruling& ruling);
  void fail_canary(model::RowId row, const Card& card, const model::Outcome& outcome,
                   const model::Ruling& ruling);
  void judge_already(model::RowId row, const model::Ruling& ruling);
  void trip(model::TripCause cause, std::vector<model::RowId> rows, std::string why);

  Settings settings_;
  std::optional<Error> stopped_;
  std::optional<model::Trip> trip_;
  Breaker breaker_;
  std::optional<model::RowId> canary_row_;
  int canary_passed_, canary_already_ = 0;
  std::optional<Instant> canary_trouble_since_;
  bool proven_ = false;
  std::optional<Error> doubts_;
  LatestAnswers signatures_;  // of the answers that should carry one
  LatestAnswers contents_;    // of the verified answers: are they about the card that was asked for?
  std::optional<Instant> throttled_since_;                     // nothing but 429 since then
  std::map<std::string, std::vector<model::RowId>> suspects_;  // different cards, by their oddity
  std::vector<model::RowId> already_rows_;  // that many, as long as none was ours; of earlier runs, too
  bool any_ours_ = false;
};

}  // namespace cardvoid::dispatch
