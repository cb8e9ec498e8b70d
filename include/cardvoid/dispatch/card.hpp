#pragma once
// One card's way through a run: what the outcome of each request means for its row, and what follows.
// Pure: (state, outcome) -> decision. No I/O, no clock, no randomness; time and random bits are arguments.
// docs/answers.md shows the whole table, and a test compares the two.
//
//   Untouched ── an invalidation that may have been executed ──► Doubt
//       │                                                          │
//       └──── the platform refuses ──► Refused ◄── … refuses ──────┘
//       └──── a canary card is confirmed ──► Answered (a read-back must show INVALID)
//   Witness: settled before, read back to see whether our credentials still work.
//
// An invalidation is only repeated after a read-back has shown that the card is not INVALID. SYSTEM_ERROR,
// 202 and 5xx are the exception: the platform asks for the same call again (docs/platform.md section 5). Not
// thread-safe.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/retry.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/model/ruling.hpp>
#include <cardvoid/model/trip.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace cardvoid::dispatch {

// What may be done for a card in this run.
enum class Mandate {
  invalidate,
  read_only,  // `reconcile`, or a protected card: read back, never send
  held,       // read back, and stays unresolved until `retry`, unless it is found INVALID
};

// The states of a card. What is known about its last requests.
struct Doubt {                       // an invalidation may have been executed without our knowing
  Instant last;                      // until then it may have been executed
  model::Outcome latest;             // of our doubtful invalidations; shown when the row ends unresolved
  bool called_done = false;          // `latest` was a verified 2xx that did not say INVALID
  bool is_from_earlier_run = false;  // an earlier run left the row in doubt
};
struct Untouched {};  // no invalidation could have been executed
struct Refused {      // by the platform; a read-back decides
  model::Outcome refusal;
  model::Endpoint by;
  std::optional<Doubt> doubt;
};
struct Answered {  // a canary card: a verified answer says INVALID, and a read-back must show it
  model::Outcome answer;
  model::Endpoint by;
  Instant at;
};
struct Witness {  // settled, and read back for another card's sake
  int tries = 0;
};
using CardState = std::variant<Untouched, Doubt, Refused, Answered, Witness>;

// The request that follows.
struct Next {
  model::AttemptKind kind = model::AttemptKind::invalidate;
  Instant due{};                           // not before
  bool fresh_connection = false;           // do not use a kept connection
  std::optional<model::Endpoint> avoid{};  // where this card failed last
};

// The platform refuses our credentials or the call as such, most likely for every card. The card waits until
// that is known (dispatch/inquiry.hpp), and is then read back.
struct Accusation {
  Errc code;
  std::string why;
};
// The card is given up, since something about it is odd. It counts towards a stop (dispatch/safety.hpp).
struct Suspicion {
  model::TripCause cause;
  model::Outcome outcome;  // the odd one
};

struct Decision {
  model::Ruling ruling;      // for the results database
  std::optional<Next> next;  // nullopt: the card is done in this run
  std::variant<std::monostate, Accusation, Suspicion> alarm{};
};

struct CardRules {
  RetryPolicy retry;
  // A request that we gave up on may still arrive within this time.
  milliseconds request_timeout{10'000};
};

class Card {
 public:
  Card(const model::Candidate& candidate, Mandate mandate, const CardRules& rules, Now now);

  // The request that follows: at first that of a new run. Meaningless once the card is done.
  const Next& next() const { return next_; }
  Mandate mandate() const { return mandate_; }
  const CardState& state() const { return state_; }
  // What messages call the card by; safe to show.
  std::int64_t source_line() const { return source_line_; }
  const std::string& masked_code() const { return masked_code_; }
  bool was_sent() const { return sent_.first.has_value(); }  // an invalidation, in this run
  bool was_left_in_doubt() const;                            // by an earlier run
  // Comes after all others, and what is strange about it counts towards no stop: it is held, its latest
  // answer in an earlier run was strange, or it alone is throttled.
  bool is_set_apart() const { return is_strange_ || is_singled_out_ || mandate_ == Mandate::held; }
  int throttled_in_a_row() const { return tries_.throttled; }
  // It alone is throttled: from here on 429 counts as a try, in later runs too. Call before ended().
  void single_out() { is_singled_out_ = true; }
  // Its last request met nothing but trouble on the way.
  bool is_troubled() const { return is_troubled_; }
  bool is_witness() const { return std::holds_alternative<Witness>(state_); }

  // The row's status when nothing follows from here on. Without doubt the row is as if never sent. After a
  // refusal it is not: the card may be INVALID already, so after a crash it is read back first.
  model::Status standing() const;

  // This is a canary card: its confirmed answer must be read back. Call before its invalidation is prepared.
  void require_proof() { owes_proof_ = true; }
  bool owes_proof() const { return owes_proof_; }
  std::string words_for_canary() const;  // what the run waits for

  // The card is invalidated. From here on it is read back once more, and nothing about its row changes.
  void call_as_witness(Instant now);

  // The card must not be sent from here on. An invalidation that is under way ends as it ends; next() stays
  // as it is until read_back_instead() or ended().
  void protect();
  // Of a protected card whose next() is an invalidation that is not under way: a read-back follows, since the
  // card is in doubt. False: nothing follows.
  bool read_back_instead();
  // No invalidation could have been executed.
  bool is_untouched() const { return std::holds_alternative<Untouched>(state_); }

  // The first byte of the request was handed to the connection.
  void written(Instant at) { sent_.last = at; }

  // The request of next() is over. `draw` is uniform in [0, 2^32).
  Decision ended(model::Endpoint endpoint, const model::Outcome& outcome, const CardRules& rules, Now now,
                 std::uint32_t draw);

 private:
  struct Attempt;  // the request that ended, and the way to the next one

  Decision after_invalidation(const Attempt& attempt);
  Decision after_read_back(const Attempt& attempt);
  Decision after_proof(const Attempt& attempt);
  Decision after_testimony(const Attempt& attempt);
  Decision after_denial(const Attempt& attempt);  // a read-back does not say INVALID
  Decision refuse(const Attempt& attempt);
  Decision sign_again(const Attempt& attempt);
  Decision read_once_more(const Attempt& attempt, Instant due);
  Decision again(model::AttemptKind kind, Instant due);
  Decision settle(model::SettledBy settled_by, const Attempt& attempt);
  Decision accuse(const Attempt& attempt, Errc code, const std::string& why);
  Decision again_as_asked(const Attempt& attempt);
  Decision after_throttling(const Attempt& attempt);
  bool uses_up_a_try(model::OutcomeKind kind) const;
  Decision give_up_on(const model::Outcome& latest) const;
  bool is_out_of_tries(int tries, const CardRules& rules, const model::Outcome& latest) const;
  void doubt(const Attempt& attempt);
  const Doubt* doubt() const;
  bool is_credited_to_others(const Attempt& attempt) const;
  bool was_invalid_before_us(const Attempt& attempt) const;
  bool is_since_our_refusal(const Attempt& attempt) const;

  CardState state_;
  Next next_;
  struct Tries {
    int invalidations = 0;      // in this run, that count against max_attempts
    int read_backs = 0;         // in a row, without a usable answer
    int throttled = 0;          // in a row
    int wrong_cards = 0;        // answers about another card
    int contradictions = 0;     // called done, and a later read-back does not say INVALID
    int accusations = 0;        // of our credentials or set-up
    bool signed_again = false;  // after a complaint about the time
  } tries_;
  struct Sent {
    std::optional<Instant> first;     // of our invalidations in this run
    std::optional<WallTime> earlier;  // of those of earlier runs, the earliest
    Instant last{};                   // of our requests, of either kind
  } sent_;
  Mandate mandate_;
  bool owes_proof_ = false;
  bool is_strange_, is_troubled_ = false, is_singled_out_ = false;
  std::int64_t source_line_;
  std::string masked_code_;
};

}  // namespace cardvoid::dispatch
