#include "interrupt.hpp"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cardvoid/base/signal_echo.hpp>
#include <cerrno>
#include <iterator>

namespace cardvoid::cli {

namespace {
constexpr int k_signals[] = {SIGINT, SIGTERM, SIGHUP};
// Asked by the thread that works on the results, too.
std::atomic<bool> came = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

// An echo ends a blocking call too, but is no request: the hook of a run that was stopped is not for it.
void note(int) {
  if (!is_signal_echo()) came = true;
}

// The usual way, but for an echo: what we have been asked is under way.
void end_by(int signal) {
  if (is_signal_echo()) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}
}  // namespace

Interrupt::Interrupt() {
  came = false;
  struct sigaction noting {};
  noting.sa_handler = note;  // without SA_RESTART: the question's read ends
  for (std::size_t i = 0; i < std::size(k_signals); ++i) {
    ::sigaction(k_signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(k_signals[i], &noting, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < std::size(k_signals); ++i) {
    if (before_[i].sa_handler == SIG_DFL) before_[i].sa_handler = end_by;
    ::sigaction(k_signals[i], &before_[i], nullptr);
  }
}

bool Interrupt::input_comes_first() {
  // Blocked but for the wait itself, so that none can slip in between looking and waiting (ppoll(2)).
  sigset_t ours, before;
  sigemptyset(&ours);
  for (const int signal : k_signals) sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before);
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (!has_come() && ::ppoll(&input, 1, nullptr, &before) < 0 && errno == EINTR) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !has_come();
}

bool Interrupt::has_come() { return came; }

}  // namespace cardvoid::cli
