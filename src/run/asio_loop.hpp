#pragma once
// The real clocks and the real events: an io_context, signals, and regular ticks.

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cardvoid/base/clock.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/run/ports.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <vector>

#include "steering_server.hpp"

namespace cardvoid::run {

// While it runs, the first SIGINT, SIGTERM or SIGHUP stops the run softly. A later one that is
// no echo of it (base/signal_echo.hpp) ends the process at once with exit code 75; rows in flight are then in
// doubt, and the next run reads them back. After run() such a signal, or the first, ends the process, since
// the last writes may have to wait for a lock. SIGUSR1 asks how it stands.
class AsioLoop : public Loop {
 public:
  // The run can be steered beside this database, whose lock the caller holds.
  // `is_stop_wanted` is asked once, when the run's own signal handlers are there.
  AsioLoop(Observer& observer, std::filesystem::path database, std::function<bool()> is_stop_wanted)
      : observer_{observer}, database_{std::move(database)}, is_stop_wanted_{std::move(is_stop_wanted)} {}
  // For a rehearsal: by another clock and not to be steered. A second signal changes nothing, and after run()
  // signals are ignored: what is left to do is short, and a folder must be removed.
  AsioLoop(Observer& observer, const Clock& clock, std::function<bool()> is_stop_wanted)
      : observer_{observer}, is_stop_wanted_{std::move(is_stop_wanted)}, clock_{clock}, is_rehearsal_{true} {}

  Now now() override { return clock_.now(); }
  void call_at(Instant when, std::function<void()> what) override;
  void run(Runner& runner) override;

  boost::asio::io_context& context() { return io_; }

 private:
  void open_steering(SteeringServer& steering);
  void catch_signals();
  void leave_at_next_signal();
  void ignore_signals();
  void wait_for_signal(Runner& runner, SteeringServer& steering);
  void schedule_tick(Runner& runner);

  Observer& observer_;
  const std::filesystem::path database_;
  const std::function<bool()> is_stop_wanted_;
  const Clock clock_{};
  const bool is_rehearsal_ = false;
  std::vector<int> caught_;
  bool was_interrupted_ = false;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer alarm_{io_}, ticks_{io_};
  boost::asio::signal_set signals_{io_};
};

}  // namespace cardvoid::run
