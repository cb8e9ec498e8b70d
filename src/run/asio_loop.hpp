#pragma once
// The real clocks and the real events: an io_context, signals, and the beat.

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cardvoid/run/doors.hpp>
#include <csignal>
#include <functional>

namespace cardvoid::run {

// The first SIGINT, SIGTERM or SIGHUP stops the run softly, a second one leaves the process at once with exit
// code 75: what was in flight is in doubt and is read back by the next run.
class AsioLoop : public Loop {
 public:
  // `interrupted` is called at the first signal, with the number of requests that are being waited for.
  explicit AsioLoop(std::function<void(int in_flight)> interrupted) : interrupted_{std::move(interrupted)} {}

  Now now() override { return read_clocks(); }
  void call_at(Instant when, std::function<void()> what) override;
  void run(Runner& runner) override;

  boost::asio::io_context& context() { return io_; }

 private:
  void heed_hang_up();
  void wait_for_signal(Runner& runner);
  void tick(Runner& runner);

  std::function<void(int)> interrupted_;
  bool was_interrupted_ = false;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer alarm_{io_}, beat_{io_};
  boost::asio::signal_set signals_{io_, SIGINT, SIGTERM};
};

}  // namespace cardvoid::run
