#pragma once
// The platform of a simulated job: its cards, its habits and its bad days. Habits that are unknown before
// the first live call (docs/platform.md sections 8 and 12) are drawn from the seed.

#include <cardvoid/model/row.hpp>
#include <cardvoid/run/ports.hpp>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "world.hpp"

namespace cardvoid::simulation {

// What becomes of a card when it is asked to be invalidated.
enum class Nature {
  ordinary,
  refused,         // the platform refuses it and may not find it
  invalid_before,  // somebody invalidated it before the job began
  taken_over,      // somebody else invalidates it while the job runs
  stubborn,        // answered with 200 every time, and stays EFFECTIVE
};

// What the platform, or something on the way to it, answers for one card for ever, and for no other reason
// than that it is this card.
enum class Poison {
  none,
  frozen,      // 400 with a code that no table knows
  unreadable,  // verified, and not the JSON of a card
  other_card,
  other_member,  // verified, this card, another openid
  redirect,
  bad_signature,
  probe,         // WECHATPAY/SIGNTEST/ on everything
  firewall,      // 403 with a page of HTML
  unauthorized,  // 401
  no_path,       // 404 without JSON
  // As in an outage, from which the card cannot be told:
  system_error,
  gateway,
  accepted,
  throttled,  // 429
  reset,
};
inline constexpr int k_poisons = static_cast<int>(Poison::reset) + 1;
std::string_view to_text(Poison poison);
// Is its answer one that says something strange about the card, and not that the platform is in trouble?
constexpr bool is_strange(Poison poison) { return poison != Poison::none && poison < Poison::system_error; }
// Nothing that is refused at the door is executed.
constexpr bool may_execute(Poison poison) {
  return poison != Poison::firewall && poison != Poison::unauthorized && poison != Poison::no_path &&
         poison != Poison::throttled;
}

struct Spoilt {
  Poison by = Poison::none;
  bool posts = true, gets = true;  // which requests
  bool executes = false;           // a spoilt invalidation is executed all the same
  bool has(model::AttemptKind kind) const {
    return by != Poison::none && (kind == model::AttemptKind::invalidate ? posts : gets);
  }
};

struct Card {
  model::Card card;    // as the list should name it
  std::string member;  // as the request named it: the platform repeats that
  Nature nature = Nature::ordinary;
  Spoilt spoilt;
  // On the platform:
  std::string invalid_time;          // as it is said; empty: not INVALID
  Instant invalid_since{};           // when the state changed
  bool invalidated_by_us = false;    // first
  std::set<std::string> times_said;  // in any answer
  // As it went over the wire; the process may not know it:
  int posts_left = 0, posts_applied = 0, gets_left = 0, gets_at_start = 0;
  // What the process was told, by an answer that it can trust:
  bool was_proven = false, was_refused = false;
  bool is_doubtful = false;  // an invalidation left it open, and no read-back since then
  bool is_open = false;      // an invalidation left, in this process, and no read-back has said INVALID since
  bool is_accused = false;  // refused at the door, or not verified: whose fault that is another card may tell
  bool was_odd = false;     // in this process: an answer that no outage explains
  bool was_read_first = false;  // in this process: an earlier one had left it in doubt
  // Of this process, as far as they count against limits.max_attempts:
  int posts_counted = 0, gets_counted = 0;
  int throttled_in_a_row = 0, most_throttled = 0;

  // So often in a row.
  bool was_throttled_alone() const { return most_throttled > 3; }
  bool is_invalid() const { return !invalid_time.empty(); }
  bool is_poisoned() const { return spoilt.by != Poison::none; }
};

// What goes wrong with one request at the platform or on its way back.
enum class Mishap {
  none,
  accepted,
  system_error,
  gateway,
  throttle,
  clock_refused,
  refusal,
  silence,
  reset,
  cut_off,
  bad_signature,
  no_signature,
  stale_signature,
  probe,
  wrong_card,
  not_json,
  says_effective,
  distrusted,
  // these stop a run
  sign_refused,
  no_right,
  no_path,
  teapot,
};
inline constexpr int k_first_stopping = static_cast<int>(Mishap::sign_refused);
inline constexpr int k_mishaps = static_cast<int>(Mishap::teapot) + 1;
std::string_view to_text(Mishap mishap);

struct Habits {
  enum Again { same_time, new_time, refuses } again = same_time;  // a card that is INVALID already
  bool says_effective_at_first =
      false;  // as the example on the page of the API (docs/platform.md section 12.3)
  bool not_found_is_404 = true;
  bool whole_seconds = true;        // in invalid_time
  milliseconds lag{0};              // until a read-back sees a change
  milliseconds clock_ahead{0};      // of the true time
  double limit = 5;                 // requests/s
  std::vector<double> probability;  // of each Mishap; may be all zero
  std::array<milliseconds, 2> thinking{1ms, 50ms};
};

class Platform {
 public:
  Platform(World& world, Habits habits) : world_{world}, habits_{std::move(habits)} {
    cards_.reserve(1'000);  // they are referred to
  }

  Card& add(model::Card card, Nature nature);
  std::vector<Card>& cards() { return cards_; }
  const std::vector<Card>& cards() const { return cards_; }
  Card& card(const model::Card& card);

  // Somebody else invalidates it.
  void take_over(Card& card);
  void halve_limit() { habits_.limit /= 2; }
  // No bad days any more; what it does not take for granted stays.
  void calm_down() {
    habits_.probability.assign(k_mishaps, 0);
    habits_.thinking = {1ms, 50ms};
  }
  Habits& habits() { return habits_; }

  // A request arrives; nullopt: no answer comes. `said_at` is the time in its signature.
  std::optional<run::Reply> receive(model::AttemptKind kind, Card& card, WallTime said_at,
                                    milliseconds clock_error);
  milliseconds think() { return world_.chance.between(habits_.thinking[0], habits_.thinking[1]); }

  const std::map<Mishap, std::uint64_t>& mishaps() const { return mishaps_; }
  const std::map<Poison, std::uint64_t>& spoilt() const { return spoilt_; }
  std::uint64_t received() const { return received_; }

 private:
  WallTime clock() const { return world_.wall() + habits_.clock_ahead; }
  Mishap draw(model::AttemptKind kind, const Card& card);
  bool is_above_limit();
  void apply(Card& card, bool by_us);
  run::Reply word(unsigned status, std::string body, wechatpay::Verdict verdict, milliseconds clock_error);
  run::Reply say(Card& card, std::string_view state, wechatpay::Verdict verdict, milliseconds clock_error);
  run::Reply error(unsigned status, std::string_view code, std::string_view message,
                   milliseconds clock_error);
  run::Reply answer(model::AttemptKind kind, Card& card, milliseconds clock_error);
  run::Reply spoil(model::AttemptKind kind, Card& card, milliseconds clock_error);

  World& world_;
  Habits habits_;
  std::vector<Card> cards_;
  std::deque<Instant> arrivals_;
  std::uint64_t received_ = 0;
  std::map<Mishap, std::uint64_t> mishaps_;
  std::map<Poison, std::uint64_t> spoilt_;
};

}  // namespace cardvoid::simulation
