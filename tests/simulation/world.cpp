#include "world.hpp"

#include <cstdio>
#include <utility>

namespace cardvoid::simulation {

namespace {

constexpr Instant k_start{std::chrono::hours{100}};
constexpr WallTime k_wall_start{std::chrono::hours{498'000}};
constexpr auto k_beat_interval = 5s;
constexpr auto k_longest_process = std::chrono::hours{30};
constexpr int k_most_alarms_in_vain = 100;
constexpr std::uint64_t k_most_steps = 400'000;

}  // namespace

World::World(std::uint64_t seed, bool traces) : chance{seed}, traces_{traces}, now_{k_start} {}

WallTime World::wall() const {
  return k_wall_start + std::chrono::duration_cast<milliseconds>(now_ - k_start);
}

void World::step_clock(milliseconds by) {
  clock_error_ += by;
  tell("the machine's clock steps by {}", format_duration(by));
}

void World::after(nanoseconds delay, std::function<void()> what) {
  events_.push({now_ + delay, ++numbered_, 0, std::move(what)});
}

void World::after_in_process(nanoseconds delay, std::function<void()> what) {
  events_.push({now_ + delay, ++numbered_, process_, std::move(what)});
}

void World::call_at(Instant when, std::function<void()> what) {
  const auto alarm = ++alarm_;
  if (when == Instant::max()) return;
  // For what is long due there is work to do at once, and no alarm.
  alarms_in_vain_ = when < now_ ? alarms_in_vain_ + 1 : 0;
  if (alarms_in_vain_ > k_most_alarms_in_vain) throw Violation{"the run spins"};
  // A timer is never early and seldom exact.
  const auto late = nanoseconds{chance.between(0, 2'000'000)};
  events_.push({std::max(when, now_) + late, ++numbered_, process_, [this, alarm, call = std::move(what)] {
                  if (alarm == alarm_) call();
                }});
}

void World::run(run::Runner& runner) {
  const auto begun = now_;
  std::function<void()> beat = [&] {
    runner.tick();
    after_in_process(k_beat_interval, beat);
  };
  after_in_process(k_beat_interval, beat);
  while (!runner.is_finished()) {
    if (events_.empty()) throw Violation{"the run waits for ever"};
    if (now_ - begun > k_longest_process) throw Violation{"the run does not end"};
    if (crash_in_ > 0 && --crash_in_ == 0) {
      dies_();  // first: nothing that is unwound may still write
      throw Crash{};
    }
    if (signal_in_ > 0 && --signal_in_ == 0) {
      tell("SIGTERM");
      runner.stop({Errc::stopped, "SIGTERM received"});
      continue;
    }
    if (steer_in_ > 0 && --steer_in_ == 0) {
      steer(runner);
      continue;
    }
    if (act_in_ > 0 && --act_in_ == 0) {
      act_(runner);
      continue;
    }
    step();
  }
}

// Every pause ends, or the job would not.
void World::steer(run::Runner& runner) {
  steer_in_ = --orders_left_ > 0 ? static_cast<std::uint64_t>(steering_.between(1, 120)) : 0;
  const auto order = [this, &runner](const run::Steering& steering) {
    const auto answer = runner.steer(steering, "somebody");
    tell("{}: {}", run::to_text(steering.command), answer.message);
  };
  if (steering_.happens(0.5)) {
    order({run::Steering::pause});
    after_in_process(steering_.between(0ms, steering_.happens(0.5) ? 3'000ms : 60'000ms),
                     [order] { order({run::Steering::resume}); });
  } else {
    order({run::Steering::rate, limit_ * static_cast<double>(steering_.between(1, 10)) / 10});
  }
}

void World::step() {
  if (++steps_ > k_most_steps) throw Violation{"the job takes too many steps"};
  auto event = events_.top();
  events_.pop();
  now_ = std::max(now_, event.at);
  if (event.process == 0 || event.process == process_) event.what();
}

void World::pass(nanoseconds duration) {
  const auto until = now_ + duration;
  while (!events_.empty() && events_.top().at <= until) step();
  now_ = until;
}

void World::bury() {
  ++process_;
  ++alarm_;
  crash_in_ = signal_in_ = steer_in_ = act_in_ = 0;
}

void World::stamp(std::uint64_t number) { fingerprint_ = (fingerprint_ ^ number) * 1099511628211ULL; }

void World::stamp(std::string_view text) {
  for (const char c : text) stamp(static_cast<unsigned char>(c));
  stamp(text.size());
}

void World::print(const std::string& text) const {
  const std::chrono::duration<double> since = now_ - k_start;
  std::fputs(fmt::format("{:12.3f}s  {}\n", since.count(), text).c_str(), stdout);
}

}  // namespace cardvoid::simulation
