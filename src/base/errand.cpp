#include <csignal>

#include <cardvoid/base/errand.hpp>
#include <chrono>
#include <system_error>
#include <utility>

namespace cardvoid {

void Errand::serve(const std::shared_ptr<State>& state) {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for the thread that waits for them
  std::unique_lock lock{state->mutex};
  for (;;) {
    state->changed.wait(lock, [&] { return state->is_busy || state->is_over; });
    if (!state->is_busy) return;
    auto work = std::exchange(state->work, nullptr);
    lock.unlock();
    work();
    work = nullptr;  // what it holds may be a file whose close() hangs
    lock.lock();
    state->is_busy = false;
    state->changed.notify_all();
  }
}

Errand::~Errand() {
  if (!thread_.joinable()) return;
  bool is_idle = false;
  {
    const std::lock_guard lock{state_->mutex};
    state_->is_over = true;
    is_idle = !state_->is_busy;
  }
  state_->changed.notify_all();
  if (is_idle)
    thread_.join();
  else
    thread_.detach();
}

bool Errand::begin(std::function<void()> work) {
  const std::lock_guard lock{state_->mutex};
  if (state_->is_busy) return false;
  try {
    if (!thread_.joinable()) thread_ = std::thread{[state = state_] { serve(state); }};
  } catch (const std::system_error&) {
    return false;
  }
  state_->work = std::move(work);
  state_->is_busy = true;
  state_->changed.notify_all();
  return true;
}

bool Errand::wait(milliseconds patience) {
  std::unique_lock lock{state_->mutex};
  return state_->changed.wait_for(lock, patience, [&] { return !state_->is_busy; });
}

}  // namespace cardvoid
