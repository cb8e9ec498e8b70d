#pragma once
// A shell for the Dispatcher without clocks, sockets and files: time is virtual, the platform is a table of
// cards that misbehaves on order. Hours pass in milliseconds. What must hold in every run is checked in every
// run; what breaks it is thrown as std::logic_error, with the virtual time.

#include <cardvoid/dispatch/dispatcher.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace cardvoid::dispatch::test {

using model::AttemptKind;
using model::Endpoint;
using model::OutcomeKind;
using model::RowId;
using model::Ruling;
using model::SettledBy;
using model::Status;

// What the platform knows. Row numbers stand for cards.
struct Cards {
  std::set<RowId> refused;               // it refuses these, and does not find them
  std::map<RowId, WallTime> invalid_at;  // by its own clock
  bool refuses_second_time = false;      // an INVALID card: refused, else confirmed with the first time
  milliseconds clock_ahead{0};           // its clock, compared with ours
  milliseconds read_lag{0};              // a read-back does not see what is younger than this
};

struct Request {
  RowId row;
  AttemptKind kind;
  Endpoint endpoint;
  int attempt;
  bool fresh_connection;
  Now now;
};

// What goes wrong with one request. nullopt where one is expected: nothing does.
struct Fault {
  OutcomeKind kind;
  bool executed = false;  // was the card invalidated nevertheless?
  std::optional<milliseconds> latency{};
  std::optional<milliseconds> retry_after{};
};

struct Sent {
  Request request;
  LaneId lane;
  Instant arrived;  // at the platform
  OutcomeKind outcome;
};

struct Ruled {
  Instant at;
  AttemptKind kind;
  OutcomeKind outcome;
  Ruling ruling;
};

// One row as the results database would show it.
struct Row {
  model::Candidate candidate;
  LaneId lane = 0;
  Status status = Status::pending;
  enum { not_offered, idle, preparing, ready, in_flight, let_go } phase = not_offered;
  AttemptKind under_way = AttemptKind::read_back;  // or was last
  bool finished = false;
  bool must_be_read_back = false;
  bool was_refused = false;           // an invalidation, in this run
  std::optional<Instant> last_doubt;  // in this run
  std::vector<Ruled> rulings;
  const Ruling& last() const { return rulings.back().ruling; }
};

class VirtualRun {
 public:
  explicit VirtualRun(Settings settings, std::uint64_t seed = 1);

  // --- set up before run() ---
  Cards cards;
  std::function<std::optional<OutcomeKind>(const Request&)> connecting;  // not_sent, bad_certificate
  std::function<std::optional<Fault>(const Request&)> answering;         // everything else
  milliseconds commit{4}, connect{0}, latency{80}, one_way_jitter{20}, most_timer_lateness{2},
      most_signing{2};
  void given_rows(int count, LaneId lane = 0) { given_rows(count, Status::pending, 0, lane); }
  void given_rows(int count, Status status, int attempts, LaneId lane = 0);
  void given_row(Row row);      // as an earlier run left it
  void given_witness(Row row);  // a card that an earlier run invalidated
  // Does something at this time after the start.
  void at(std::chrono::nanoseconds after_start, std::function<void()> what);
  // The next requests for a row fare so, one after the other; then all is well. For use as `answering`.
  static std::function<std::optional<Fault>(const Request&)> script(
      std::map<RowId, std::vector<Fault>> faults);

  action::Finished run();

  // --- to look at afterwards, or during ---
  Dispatcher dispatcher;
  double highest_rate = 0;  // that it was steered to
  std::map<RowId, Row> rows;
  std::vector<Sent> sends;
  std::vector<Notice> notices;
  Now now;
  const Now start;
  std::chrono::duration<double> elapsed() const { return now.steady - start.steady; }
  std::int64_t count(Status status) const;
  std::vector<Sent> sends_of(RowId row) const;
  // "invalidate lost; read_back confirmed": what was sent for a row, in order.
  std::string story(RowId row) const;

 private:
  struct Event {
    Instant at;
    std::uint64_t number;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  void operator()(const action::Fetch& fetch);
  void operator()(const action::Prepare& prepare);
  void operator()(const action::Send& send);
  void operator()(const action::Withdraw& withdraw);
  void operator()(const action::Release& release);
  void write(Request request);
  model::Outcome answer(const Request& request, const std::optional<Fault>& fault, WallTime at);
  void ended(const Request& request, const model::Outcome& outcome);
  void check_ruling(const Row& row, const Request& request, const model::Outcome& outcome,
                    const Ruling& ruling);
  static bool is_begun(const Row& row);
  void check_canary(const action::Prepare& prepare) const;
  void check_pace() const;
  void check_end() const;
  void after(std::chrono::nanoseconds delay, std::function<void()> what);
  void advance_to(Instant instant);
  std::chrono::nanoseconds up_to(milliseconds most);
  void must(bool holds, const char* what, RowId row = 0) const;

  Settings settings_;
  std::mt19937_64 random_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t event_number_ = 0;
  std::map<RowId, Request> prepared_;
  std::map<LaneId, std::set<RowId>> not_offered_;  // as a ledger would find them: in doubt first
  int in_flight_ = 0, taken_up_ = 0, fetching_ = 0;
  int proven_ = 0;  // rows that passed the canary, by our count
};

model::Outcome outcome(OutcomeKind kind);

}  // namespace cardvoid::dispatch::test
