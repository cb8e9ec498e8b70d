#pragma once
// The schedule: which row is sent when, and to which endpoint, and when the run ends. What an outcome means
// for its card is in card.hpp, what stops a run in safety.hpp. Pure: no I/O, no clock, no randomness, no
// threads; the shell (run::Runner) carries out the actions and reports what happened.
//
// One row's way:  offer → Prepare → prepared → Send → written → ended ─┬─ done: dropped here
//                            ▲                                        └─ again later: read-back or resend
//                            └── due again ◄── back-off ◄─────────────┘
//
// There are never two requests under way for one card. An invalidation is sent only after Prepare was
// answered, that is after its intent is durable.

#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/action.hpp>
#include <cardvoid/dispatch/card.hpp>
#include <cardvoid/dispatch/endpoint_health.hpp>
#include <cardvoid/dispatch/pace.hpp>
#include <cardvoid/dispatch/safety.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/dispatch/throttled_cards.hpp>
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
#include <unordered_map>
#include <vector>

namespace cardvoid::dispatch {

class Inquiry;
class Lane;
class PlatformHealth;
enum class Queue;
struct Load;

struct Settings {
  double requests_per_second = 5;  // for each lane
  std::size_t lanes = 1;
  int max_in_flight = 32;
  CardRules card;
  EndpointHealth::Settings endpoints;
  Safety::Settings safety;
  std::optional<std::int64_t> row_limit;  // `--limit N`: this run takes up at most so many rows
};

// How far a card has come when somebody protects it.
enum class HowFar {
  untouched,  // no invalidation could have been executed, and none will leave
  in_doubt,   // one may have been, and the card is only read back
  under_way,  // one is on its way at this moment
};

class Dispatcher {
 public:
  // `paces`: one for each lane. A lane without one is paced by itself, at requests_per_second.
  explicit Dispatcher(Settings settings, std::vector<std::unique_ptr<Pace>> paces = {});
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The next thing to do. Call it until it says Wait or Finished, and after every event below.
  Action next(Instant now);

  // --- events ---
  // Answer to Fetch. `exhausted`: the lane has no more rows.
  void offer(LaneId lane, const std::vector<model::Candidate>& rows, bool exhausted, Now now);
  // A card that an earlier run invalidated. It is read back when our credentials are in question. Call before
  // the first next().
  void know_witness(LaneId lane, const model::Candidate& candidate, Now now);
  // Cards that earlier runs found INVALID before us, when they found nothing else. Call before the first
  // next().
  void know_already(std::vector<model::RowId> rows) { safety_.know_already(std::move(rows)); }
  void prepared(model::RowId row, Instant now);
  // The first byte was handed to the connection.
  void written(model::RowId row, Now now);
  // The attempt is over, or preparing it failed (not_sent, bad_certificate). `draw` is uniform in [0, 2^32).
  model::Ruling ended(model::RowId row, const model::Outcome& outcome, Now now, std::uint32_t draw);
  // Nothing new is sent from here on; what is in flight may end. The first reason stays.
  void stop(Error why);
  // The same at this moment. Replaces an earlier call.
  void stop_at(Instant when, Error why);
  // Nothing leaves before: requests of an earlier run may still count against the limit.
  void hold(Instant until);

  // --- steering, at once and for this run only ---
  // Nothing leaves until resume(): no first try, no retry, no read-back. What is in flight may end. What is
  // prepared is withdrawn, so that no intent stays open.
  void pause(Steered by, Instant now);
  // The patience with endpoints and errors starts over; that with a canary card and with 429 leaves out the
  // time of the pause.
  void resume(Instant now);
  // Requests/s of each lane. May be above the settings' own: a person may know of a higher limit.
  void set_rate(double requests_per_second, Steered by, Instant now);
  // This card, which must be at hand or the witness, is not sent from here on. What is prepared for it is
  // withdrawn by the next actions, before any other request leaves.
  HowFar protect(model::RowId row);
  const std::optional<Steered>& paused() const { return paused_; }
  double requests_per_second() const { return requests_per_second_; }

  // --- for progress and status ---
  // Why nothing leaves at present, or less than the limit allows.
  std::vector<model::ReasonToWait> reasons_to_wait(Now now) const;
  std::vector<Notice> take_notices();
  Snapshot snapshot(Instant now) const;
  const std::optional<Error>& stopped() const { return safety_.stopped(); }
  // Why the run stopped itself, if it did.
  const std::optional<model::Trip>& trip() const { return safety_.trip(); }
  // A card that is invalidated, in this run or an earlier one, and may be read back again: keep its data.
  std::optional<model::RowId> witness() const;
  // Cards that passed the canary in this run.
  int canary_passed() const { return safety_.canary_passed() - settings_.safety.canary_passed; }

 private:
  // `accused` waits until it is known whether our credentials work.
  enum class Phase { fresh, ready, waiting, accused, preparing, prepared, in_flight };

  struct Task {  // one row on its way
    Lane& lane;
    Phase phase;
    Card card;
    int attempt;  // number of its last attempt, over all runs
    model::Endpoint endpoint{};
    Instant started{};  // of the attempt under way
    Instant permit{};
  };

  struct Settled {  // what is kept of the witness while it is not read back
    model::RowId row;
    Task task;
  };

  struct Due {
    Instant at;
    model::RowId row;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  // How long rows were ready and only the rate limit kept them.
  class HeldByPace {
   public:
    void begin(Instant now, std::optional<Instant> until);
    void end(Instant now);
    std::chrono::nanoseconds total(Instant now) const;

   private:
    struct Span {
      Instant from, to;
    };
    std::optional<Span> span_;  // under way
    std::chrono::nanoseconds total_{0};
  };

  std::string words_for_slowness(Instant now, double rate, bool is_found) const;
  std::optional<Action> next_stopping();
  std::optional<Action> next_put_back(Instant now);
  std::optional<Action> next_protected();
  std::optional<Action> take_back(model::RowId row, Task& task);
  std::optional<Action> next_send(Instant now);
  std::optional<Action> next_prepare(Instant now);
  std::optional<Action> next_fetch();
  Action prepare(Lane& lane, model::RowId row, model::Endpoint endpoint, Instant now);
  bool is_out_of_patience(Instant now);
  bool is_done() const;
  std::optional<model::RowId> next_row(const Lane& lane, Instant now) const;
  std::optional<model::RowId> next_row_of_canary(const Lane& lane, Instant now) const;
  std::optional<model::RowId> first_allowed(const Lane& lane, Queue queue, Instant now) const;
  bool are_only_set_apart_left() const;
  bool may_begin_another() const;
  model::RowId row_for(const Lane& lane, model::RowId row, model::Endpoint endpoint) const;
  Queue queue_of(const Task& task) const;
  bool has_evidence_at_end() const;
  std::optional<Error> why_at_end() const;
  void finished(model::RowId row, Task& task, model::AttemptKind kind, const model::Outcome& outcome,
                const model::Ruling& ruling);
  bool is_alone() const;  // the card at hand is the only one left
  void accused(model::RowId row, Task& task, const Accusation& accusation, Instant now);
  void ask_witness(Instant now);
  void seek_evidence(const Card& card, Decision& decision);
  void testified(model::RowId row, const Decision& decision, const model::Outcome& outcome, Instant now);
  void clear_accused();
  void promote_due(Instant now);
  Instant wake_at(Instant now) const;
  Instant ready_to_prepare_at(const Lane& lane, Instant now) const;
  std::optional<Instant> paced_until(Instant now) const;
  std::chrono::nanoseconds prepare_lead() const;
  bool has_room(const Lane& lane) const;
  bool may_start_fresh(const Lane& lane, Instant now) const;
  void forget(model::RowId row);

  Settings settings_;
  std::unique_ptr<Load> load_;  // of all lanes together
  std::vector<Lane> lanes_;
  std::unordered_map<model::RowId, Task> tasks_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;  // rows that wait for their back-off
  std::unique_ptr<PlatformHealth> health_;
  ThrottledCards throttled_cards_;
  Safety safety_;
  std::unique_ptr<Inquiry> inquiry_;
  std::optional<Settled> witness_;
  bool has_sought_evidence_ = false;
  struct StopLater {
    Instant at;
    Error why;
  };
  std::optional<StopLater> stop_later_;
  std::vector<model::RowId>
      protected_;  // whose invalidation, if one was to follow, is still to be taken back
  std::optional<Steered> paused_;
  Instant paused_since_{};
  std::optional<Steered> rate_set_;  // while it is not the settings' own
  double requests_per_second_;
  std::int64_t taken_up_ = 0;  // rows, against row_limit
  std::chrono::nanoseconds prepare_takes_ = std::chrono::milliseconds{150};
  HeldByPace held_by_pace_;
  std::deque<Instant> throttled_at_;  // answers 429 of the last minutes, oldest first
  std::vector<Notice> notices_;
};

}  // namespace cardvoid::dispatch
