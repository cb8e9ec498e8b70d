#pragma once
// Decides which row is sent when, to which endpoint, what an outcome means for its row, and when the run
// ends. Pure: no I/O, no clock, no randomness, no threads; the shell (run::Runner) carries out the actions
// and reports what happened.
//
// One row's way:  offer → Prepare → prepared → Send → written → ended ─┬─ settled: forgotten here
//                            ▲                                        └─ again later: read-back or resend
//                            └── due again ◄── back-off ◄─────────────┘
//
// Never two requests at once for one card. An invalidation is sent only after Prepare was answered, that is
// after its intent is durable. A row in doubt is read back before anything else is sent for it; SYSTEM_ERROR,
// 202 and 5xx from a gateway are the exceptions that the platform itself asks to be repeated
// (docs/answers.md).
//
// Two things stop a run whose cards fail, softly: the canary – the first rows go one at a time, from their
// invalidation to a read-back that says INVALID – and the breaker, which watches the last rows that settled.

#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/breaker.hpp>
#include <cardvoid/dispatch/endpoint_health.hpp>
#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/dispatch/retry.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/reason.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/model/ruling.hpp>
#include <cardvoid/model/trip.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace cardvoid::dispatch {

// Rows that share one quota share a lane; with `per = "merchant"` there is one, else one for each brand.
using Lane = std::size_t;

struct Settings {
  double requests_per_second = 5;  // for each lane
  std::size_t lanes = 1;
  int max_in_flight = 32;
  // A request may reach the platform so long after it was written, whoever has given it up.
  milliseconds request_timeout{10'000};
  RetryPolicy retry;
  EndpointHealth::Settings endpoints;
  std::optional<std::int64_t> row_limit;  // `--limit N`: rows taken up in this run at the most
  bool read_back_only = false;            // `reconcile`: settle what is in doubt, invalidate nothing
  int canary = 0;                         // rows that go one by one before the pace opens; 0: none
  int canary_passed = 0;                  // of these, in earlier runs
  double max_failure_rate = 1;            // of the last settled rows; 1: whatever it is
};

// What the shell is asked to do next.
namespace action {
struct Fetch {  // read up to `count` more rows of this lane, rows in doubt first; answer with offer()
  Lane lane;
  int count;
};
struct Prepare {  // make the intent durable (invalidations only) and have a connection ready; answer
                  // prepared() or ended()
  model::RowId row;
  model::AttemptKind kind;
  model::Endpoint endpoint;
  int attempt;            // number of this attempt for its row
  bool fresh_connection;  // not a kept one
};
struct Send {  // sign and write; answer with written() and then ended()
  model::RowId row;
};
struct Withdraw {  // will not be sent: give the connection back, take the intent back to `status`. No answer
  model::RowId row;
  model::AttemptKind kind;
  int attempt;
  model::Status status;
  bool is_kept = false;  // prepared again later: its data is still needed
};
struct Release {  // held in memory only, nothing under way: forget its data. No answer
  model::RowId row;
};
struct Wait {  // nothing to do before; Instant::max(): only an event can change that
  Instant until;
};
struct Finished {                // nothing is under way any more, and nothing will be
  std::optional<Error> stopped;  // why it ended early; nullopt: everything there was to do is done
};
}  // namespace action
using Action = std::variant<action::Fetch, action::Prepare, action::Send, action::Withdraw, action::Release,
                            action::Wait, action::Finished>;

using model::Ruling;

// Something the user wants to know when it happens.
struct Notice {
  enum Level { info, warning } level;
  std::string text;
};

// For progress and status.
struct Snapshot {
  int in_flight = 0;  // sent, not answered
  int preparing = 0;  // being prepared or ready to send
  int waiting = 0;    // for their back-off to end
  double rate = 0;    // allowed at present, requests/s, over all lanes
  bool paused_by_429 = false;
  int canary = 0,
      canary_passed = 0;  // rows that go one by one, and how many are through; 0: the pace is open
  EndpointHealth::State primary{}, backup{};
  std::uint64_t retries = 0, throttled = 0, read_backs = 0;
  std::chrono::nanoseconds held_by_pace{0};            // while a row was at hand and only the limit kept it
  std::vector<model::ReasonToWait> reasons_to_wait{};  // whoever takes the snapshot adds them
};

// Who steered a run, and when.
struct Steered {
  std::string by;
  WallTime at{};
};

class Dispatcher {
 public:
  // `paces`: one for each lane; fewer, and the others are paced by themselves, at requests_per_second.
  explicit Dispatcher(Settings settings, std::vector<std::unique_ptr<Pace>> paces = {});

  // The next thing to do. Call it again and again until it says Wait or Finished, and after every event
  // below.
  Action next(Instant now);

  // --- events ---
  // Answer to Fetch. `exhausted`: the lane has no more rows.
  void offer(Lane lane, const std::vector<model::Candidate>& rows, bool exhausted, Now now);
  void prepared(model::RowId row, Instant now);
  // The first byte was handed to the connection.
  void written(model::RowId row, Now now);
  // The attempt is over, or preparing it failed (not_sent, bad_certificate). `draw` is uniform in [0, 2^32).
  Ruling ended(model::RowId row, const model::Outcome& outcome, Now now, std::uint32_t draw);
  // Nothing new from here on; what is in flight may end. The first reason stays.
  void stop(Error why);
  // The same at this moment, in place of what was said before.
  void stop_at(Instant when, Error why);
  // A previous run's requests may still count against the limit: nothing leaves before.
  void hold(Instant until);

  // --- steering, at once and for this run only ---
  // Nothing leaves any more, neither for the first time nor again nor to read back, until resume(). What is
  // in flight may end; what is prepared is withdrawn, so that no intent stands open meanwhile.
  void pause(Steered by);
  // Patience with a platform in trouble begins anew.
  void resume(Instant now);
  // Requests/s of each lane, above the settings' own too: whoever says so knows of a higher limit.
  void set_rate(double requests_per_second, Steered by, Instant now);
  const std::optional<Steered>& paused() const { return paused_; }
  double requests_per_second() const { return requests_per_second_; }

  // Why nothing leaves at present, or less than the limit allows: for `status` and the progress line.
  std::vector<model::ReasonToWait> reasons_to_wait(Now now) const;

  std::vector<Notice> take_notices();
  Snapshot snapshot(Instant now) const;
  bool stopping() const { return stopped_.has_value(); }
  // Why the run stopped itself, if it did.
  const std::optional<model::Trip>& trip() const { return trip_; }
  // Rows that the canary was passed by, in this run.
  int canary_passed() const { return canary_passed_ - settings_.canary_passed; }
  const std::optional<Error>& stopped() const { return stopped_; }

 private:
  enum class Phase { fresh, ready, waiting, preparing, prepared, in_flight };

  struct Task {
    Lane lane = 0;
    Phase phase = Phase::fresh;
    model::AttemptKind next = model::AttemptKind::invalidate;
    model::Endpoint endpoint = model::Endpoint::primary;
    std::optional<model::Endpoint> avoid;  // where it failed last
    bool fresh_connection = false;
    bool held = false;           // read back, and no more
    bool is_protected = false;   // likewise, and nothing was sent when that says so
    bool doubt = false;          // an invalidation may have been executed without our knowing
    bool left_in_doubt = false;  // by an earlier run
    bool signed_again = false;   // after a complaint about the time
    bool called_done = false;    // a verified 2xx to our last invalidation, that did not say INVALID
    int attempt = 0;             // journalled so far
    int invalidations = 0;       // in this run, that may count against max_attempts
    int read_backs = 0;          // without a usable answer, in a row
    int wrong_cards = 0;
    int contradictions = 0;  // called done, and a read-back long enough afterwards does not say INVALID
    Instant started{};       // of the attempt under way
    Instant permit{};
    Instant last_doubt{};  // until then an invalidation may have been executed
    Instant written_at{};
    std::optional<Instant> first_sent_at;     // of the invalidations of this run
    std::optional<WallTime> sent_earlier_at;  // of those of earlier runs, the earliest
    std::optional<model::Outcome> refusal;    // the platform's refusal, waiting for its read-back
    model::Endpoint refused_by = model::Endpoint::primary;
    model::Outcome last_doubtful;  // shown when the row ends unresolved
    std::string code;              // masked
    // Of the canary: the verified answer that said INVALID, until a read-back says so too.
    struct Answered {
      model::Outcome outcome;
      model::Endpoint endpoint;
    };
    std::optional<Answered> answered;
  };
  using Tasks = std::unordered_map<model::RowId, Task>;

  struct LaneState {
    std::unique_ptr<Pace> pace;
    std::deque<model::RowId> read_backs, resends, fresh;  // ready to be prepared, in this order
    std::deque<model::RowId> prepared;
    int preparing = 0, waiting = 0;
    std::int64_t fetching = 0;  // rows asked for and not offered yet
    bool exhausted = false;
  };

  // Whether the latest of some kind of answers were as they should be. A few that are not may be a proxy's
  // hiccup; three before the first good one, or half of the last twenty, are not.
  class LatestVerdicts {
   public:
    bool note(bool good);  // true: too many are not
    std::size_t bad() const;
    std::size_t count() const { return latest_.size(); }

   private:
    std::deque<bool> latest_;  // oldest first
  };

  struct Due {
    Instant at;
    model::RowId row;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  // What to do with a row after an outcome, before it is turned into a Ruling.
  Ruling rule_on_invalidation(model::RowId row, Task& task, const model::Outcome& outcome, Now now,
                              std::uint32_t draw);
  Ruling rule_on_read_back(model::RowId row, Task& task, const model::Outcome& outcome, Now now,
                           std::uint32_t draw);
  Ruling again(model::RowId row, Task& task, model::AttemptKind kind, Instant due);
  Ruling halt(const Task& task, const model::Outcome& outcome, Errc code, const std::string& why);
  static model::Status standing(const Task& task);
  Ruling prove(model::RowId row, Task& task, const model::Outcome& outcome, Now now);
  Ruling rule_on_proof(model::RowId row, Task& task, const model::Outcome& outcome, Now now,
                       std::uint32_t draw);
  Ruling hold_wrong_card(model::RowId row, const model::Outcome& outcome);
  Ruling hold_unknown(model::RowId row, const model::Outcome& outcome);
  Ruling hold_contradiction(model::RowId row, const model::Outcome& outcome);
  bool is_since_our_refusal(const Task& task, const model::Outcome& outcome, Now now) const;
  bool was_invalid_before_us(const Task& task, const model::Outcome& outcome, Now now) const;
  std::string instead_of(model::Endpoint endpoint) const;
  void judge_endpoint(const Task& task, const model::Outcome& outcome, Instant now);
  void judge_signature(const model::Outcome& outcome);
  void judge_content(model::RowId row, const model::Outcome& outcome);
  void judge_throttling(const model::Outcome& outcome, Instant now);
  void judge_end(model::RowId row, const Task& task, const model::Outcome& outcome, const Ruling& ruling);
  void fail_canary(model::RowId row, const Task& task, const model::Outcome& outcome, const Ruling& ruling);
  void trip(model::TripCause cause, std::vector<model::RowId> rows, std::string why);
  bool is_canary_over() const { return settings_.read_back_only || canary_passed_ >= settings_.canary; }

  std::optional<Action> next_stopping();
  std::optional<Action> next_put_back(Instant now);
  std::optional<Action> next_send(Instant now);
  std::optional<Action> next_prepare(Instant now);
  std::optional<Action> next_fetch();
  std::optional<model::RowId> next_row(Lane lane, Instant now) const;
  std::optional<model::RowId> next_row_of_canary(Lane lane, Instant now) const;
  std::deque<model::RowId>& queue_of(const Task& task);
  Instant wake_at(Instant now) const;
  std::optional<Instant> paced_until(Instant now) const;
  void promote_due(Instant now);
  std::chrono::nanoseconds prepare_lead() const;
  bool has_room(const LaneState& lane) const;
  bool may_start_fresh(const LaneState& lane, Instant now) const;
  void count_sent(Task& task);
  void forget(model::RowId row);
  void note(Notice::Level level, std::string text) { notices_.push_back({level, std::move(text)}); }

  Settings settings_;
  std::vector<LaneState> lanes_;
  Tasks tasks_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  EndpointHealth health_;
  RetryBudget budget_;
  std::optional<Error> stopped_;
  struct StopLater {
    Instant at;
    Error why;
  };
  std::optional<StopLater> stop_later_;
  std::optional<Steered> paused_;
  std::optional<Steered> rate_set_;  // while it is not the settings' own
  double requests_per_second_;
  std::int64_t taken_up_ = 0;
  int preparing_ = 0, in_flight_ = 0, waiting_ = 0;
  std::chrono::nanoseconds prepare_takes_ = std::chrono::milliseconds{150};  // of late
  LatestVerdicts signatures_;  // of the answers that should carry one
  LatestVerdicts contents_;    // of the verified answers: do they speak of the card that was asked?
  std::optional<Instant> throttled_since_;  // nothing but 429 since then
  std::vector<model::RowId> contradictory_rows_;
  Breaker breaker_;
  std::optional<model::Trip> trip_;
  std::optional<model::RowId> canary_row_;  // the one that is under way
  int canary_passed_ = 0;                   // in earlier runs too
  bool proven_ = false;                     // our credentials and theirs have worked once in this run
  std::uint64_t retries_ = 0, throttled_ = 0, read_backs_ = 0;
  std::chrono::nanoseconds held_by_pace_{0};
  struct Span {
    Instant from, to;
  };
  std::optional<Span> paced_;  // the wait under way, as far as the limit is its reason
  std::vector<Notice> notices_;
};

}  // namespace cardvoid::dispatch
