#include "asio_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/signal_echo.hpp>
#include <cardvoid/run/runner.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cardvoid::run {

namespace {
using namespace std::chrono_literals;
constexpr milliseconds k_tick_interval = 250ms, k_least_tick_interval = 25ms;

// A flag that each tick looks at: Asio's signal set would leave the default action behind, which is to die.
volatile std::sig_atomic_t is_asked = 0;
void note_question(int) { is_asked = 1; }
}  // namespace

void AsioLoop::call_at(Instant when, std::function<void()> what) {
  alarm_.expires_at(clock_.real(when));
  if (when == Instant::max()) return;
  alarm_.async_wait([call = std::move(what)](const boost::system::error_code& error) {
    if (!error) call();
  });
}

void AsioLoop::run(Runner& runner) {
  SteeringServer steering{io_,
                          [&runner](const Steering& order, const std::string& by,
                                    SteeringServer::Answered answered) -> std::optional<SteeringAnswer> {
                            if (!is_about_protection(order.command))
                              return runner.steer(order, by, std::move(answered));
                            runner.protect(order, by, std::move(answered));
                            return std::nullopt;
                          }};
  if (!is_rehearsal_) open_steering(steering);
  catch_signals();
  struct sigaction noting {};
  noting.sa_handler = note_question;
  noting.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &noting, nullptr);
  wait_for_signal(runner, steering);
  if (is_stop_wanted_ && is_stop_wanted_()) runner.stop({Errc::stopped, "interrupted"});
  schedule_tick(runner);
  while (!runner.is_finished() && io_.run_one() > 0) {
  }
  alarm_.cancel();
  ticks_.cancel();
  signals_.cancel();
  steering.close();
  io_.run();  // runs the handlers of what was cancelled
  std::signal(SIGUSR1, SIG_IGN);
  is_rehearsal_ ? ignore_signals() : leave_at_next_signal();
}

void AsioLoop::open_steering(SteeringServer& steering) {
  if (const auto open = steering.open(database_); !open)
    observer_.notice(
        {dispatch::Notice::warning,
         "this run cannot be steered by pause, resume, stop, rate and protect, only stopped by a signal: " +
             open.error().what});
}

// A hang-up, as when a terminal is closed, counts as a stop unless nohup or a service manager ignores it.
void AsioLoop::catch_signals() {
  caught_ = {SIGINT, SIGTERM};
  struct sigaction present {};
  if (::sigaction(SIGHUP, nullptr, &present) == 0 && present.sa_handler != SIG_IGN) caught_.push_back(SIGHUP);
  for (const int signal : caught_) signals_.add(signal);
}

void AsioLoop::leave_at_next_signal() {
  signals_.clear();
  for (const int signal : caught_)
    std::signal(signal, [](int) {
      if (!is_signal_echo()) std::_Exit(static_cast<int>(Errc::stopped));
    });
}

// One that comes between the two lines waits until it is ignored: the default action would be to die.
void AsioLoop::ignore_signals() {
  sigset_t ours, before;
  sigemptyset(&ours);
  for (const int signal : caught_) sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before);
  signals_.clear();
  for (const int signal : caught_) std::signal(signal, SIG_IGN);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void AsioLoop::wait_for_signal(Runner& runner, SteeringServer& steering) {
  signals_.async_wait([this, &runner, &steering](const boost::system::error_code& error, int signal) {
    if (error || runner.is_finished()) return;
    const bool is_echo = is_signal_echo();
    if (std::exchange(was_interrupted_, true)) {
      if (is_rehearsal_ || is_echo) return wait_for_signal(runner, steering);
      steering.close();
      std::_Exit(static_cast<int>(Errc::stopped));
    }
    runner.stop({Errc::stopped, fmt::format("SIG{} received", ::sigabbrev_np(signal))});
    observer_.interrupted(runner.snapshot().in_flight);
    wait_for_signal(runner, steering);
  });
}

void AsioLoop::schedule_tick(Runner& runner) {
  ticks_.expires_after(std::max(clock_.real(k_tick_interval), k_least_tick_interval));
  ticks_.async_wait([this, &runner](const boost::system::error_code& error) {
    if (error || runner.is_finished()) return;  // a queued handler cannot be cancelled
    runner.tick();
    if (std::exchange(is_asked, 0) != 0) observer_.asked_how_it_stands(runner.snapshot(), runner.counts());
    schedule_tick(runner);
  });
}

}  // namespace cardvoid::run
