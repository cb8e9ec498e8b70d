#pragma once
// Virtual time, chance, and the trace of one simulated job. Everything that happens is an event; the same
// seed gives the same events.

#include <fmt/format.h>

#include <array>
#include <cardvoid/run/ports.hpp>
#include <cardvoid/run/runner.hpp>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::simulation {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// What was promised did not hold: the reason why a seed fails.
struct Violation : std::logic_error {
  using std::logic_error::logic_error;
};

// The process is gone. Thrown to unwind what it had on its stack; never caught by the product.
struct Crash {};

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_{seed} {}
  std::uint32_t draw() { return static_cast<std::uint32_t>(random_()); }
  bool happens(double probability) { return draw() < probability * 4294967296.0; }
  std::int64_t between(std::int64_t low, std::int64_t high) {  // both included
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  milliseconds between(milliseconds low, milliseconds high) {
    return milliseconds{between(low.count(), high.count())};
  }
  template <class T, std::size_t N>
  T one_of(const std::array<T, N>& values) {
    return values[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(N) - 1))];
  }

 private:
  std::mt19937_64 random_;
};

class World : public run::Loop {
 public:
  World(std::uint64_t seed, bool traces);

  Chance chance;

  // --- the loop of the process ---
  Now now() override { return {now_, wall() + clock_error_}; }
  void call_at(Instant when, std::function<void()> what) override;
  void run(run::Runner& runner) override;

  // --- time ---
  Instant instant() const { return now_; }
  WallTime wall() const;                                     // the true time
  milliseconds clock_error() const { return clock_error_; }  // of the process's machine
  void step_clock(milliseconds by);
  // An event of the world: it comes even when the process dies.
  void after(nanoseconds delay, std::function<void()> what);
  // One that dies with the process.
  void after_in_process(nanoseconds delay, std::function<void()> what);
  // Time passes without a process.
  void pass(nanoseconds duration);

  // --- the process ---
  std::uint64_t process() const { return process_; }
  // Dies before its step number `step` from now, after calling `dies`; 0: never.
  void crash_at_step(std::uint64_t step, std::function<void()> dies) {
    crash_in_ = step;
    dies_ = std::move(dies);
  }
  // The process has ended, one way or another.
  void bury();
  // SIGTERM comes with the process's step number `step` from now; 0: never.
  void signal_at_step(std::uint64_t step) { signal_in_ = step; }

  // Somebody pauses, resumes and changes the rate now and then, from the process's step number `step` on, up
  // to `limit` requests/s; 0: never.
  void steer_from_step(std::uint64_t step, double limit, std::uint64_t seed) {
    steer_in_ = step;
    orders_left_ = 40;
    limit_ = limit;
    steering_ = Chance{seed};
  }

  // Somebody does this with the process's step number `step` from now; 0: never.
  void do_at_step(std::uint64_t step, std::function<void(run::Runner&)> what) {
    act_in_ = step;
    act_ = std::move(what);
  }

  std::uint64_t steps() const { return steps_; }

  // --- the trace ---
  bool traces() const { return traces_; }
  template <class... Args>
  void tell(fmt::format_string<Args...> format, Args&&... args) const {
    if (traces_) print(fmt::format(format, std::forward<Args>(args)...));
  }
  // Of every request and its time, every exit code and every row's result: equal behaviour, equal numbers.
  std::uint64_t fingerprint() const { return fingerprint_; }
  void stamp(std::uint64_t number);
  void stamp(std::string_view text);

 private:
  struct Event {
    Instant at;
    std::uint64_t number;
    std::uint64_t process;  // 0: of the world
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  void step();
  void steer(run::Runner& runner);
  void print(const std::string& text) const;

  bool traces_;
  Instant now_;
  milliseconds clock_error_{0};
  std::priority_queue<Event> events_;
  std::uint64_t numbered_ = 0, process_ = 1, alarm_ = 0;
  std::uint64_t steps_ = 0, crash_in_ = 0, signal_in_ = 0, steer_in_ = 0, act_in_ = 0;
  int alarms_in_vain_ = 0;
  int orders_left_ = 0;  // somebody has other things to do
  double limit_ = 0;
  Chance steering_{0};  // apart, so that a seed without steering stays what it is
  std::function<void()> dies_;
  std::function<void(run::Runner&)> act_;
  std::uint64_t fingerprint_ = 14695981039346656037ULL;
};

}  // namespace cardvoid::simulation
