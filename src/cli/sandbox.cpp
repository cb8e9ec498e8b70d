#include <fmt/format.h>
#include <pthread.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <csignal>

#include "commands.hpp"

namespace cardvoid::cli {

namespace {

std::string counters_text(const sandbox::Counters& c) {
  return to_json_line({{"invalidate_requests", c.invalidate_requests},
                       {"read_back_requests", c.read_back_requests},
                       {"throttled", c.throttled},
                       {"bad_signatures", c.bad_signatures},
                       {"replayed_nonces", c.replayed_nonces},
                       {"malformed", c.malformed},
                       {"faults", c.faults},
                       {"after_invalid", c.after_invalid},
                       {"most_in_any_second", c.most_in_any_second}});
}

}  // namespace

// Serves until SIGINT or SIGTERM; then standard output gets the counters as JSON, and --record what was
// applied.
int sandbox(Console& console) {
  const auto& options = console.options();
  // Blocked before any thread starts, so that only sigwait below receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto started = sandbox::Sandbox::start(options.sandbox);
  if (!started) return console.fail(started.error());
  const auto& simulator = **started;
  fmt::print(stderr,
             "sandbox: primary 127.0.0.1:{}, backup 127.0.0.1:{}\nsandbox: job file {}; stop with Ctrl-C\n",
             simulator.primary_port(), simulator.backup_port(), simulator.job_file().string());
  std::fflush(stderr);
  int signal = 0;
  ::sigwait(&signals, &signal);
  if (!options.record_file.empty())
    if (const auto written = write_private_file(options.record_file, simulator.applied_as_csv()); !written)
      return console.fail(written.error());
  return console.answer(counters_text(simulator.counters())) ? 0 : static_cast<int>(Errc::io);
}

}  // namespace cardvoid::cli
