#pragma once
// What a run tells about itself: for progress, status and metrics. Plain values.

#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/endpoint_health.hpp>
#include <cardvoid/model/reason.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cardvoid::dispatch {

// Something the user wants to know when it happens.
struct Notice {
  enum Level { info, warning } level;
  std::string text;  // one line, no secrets
};

// Who steered a run, and when.
struct Steered {
  std::string by;  // a user name
  WallTime at{};
};

// How a run stands at one instant.
struct Snapshot {
  int in_flight = 0;       // sent, not answered
  int preparing = 0;       // being prepared, or ready to send
  int waiting = 0;         // until their back-off ends
  double rate = 0;         // allowed at present, requests/s, over all lanes
  double limit = 0;        // of one lane, requests/s: the job's, or set by `cardvoid rate`
  double measured = 0;     // requests/s of the last minute, over all lanes; 0 at the start. By run::Runner
  int canary = 0;          // cards that go one by one first; 0: the canary is over
  int canary_passed = 0;   // of these, done
  int canary_already = 0;  // cards met in this run that were INVALID before; they are no canaries
  EndpointHealth::State primary{}, backup{};
  std::uint64_t retries = 0, throttled = 0, read_backs = 0;  // requests of this run
  // How long at least one row was ready and only the rate limit kept it from leaving.
  std::chrono::nanoseconds held_by_pace{0};
  std::vector<model::ReasonToWait> reasons_to_wait{};  // filled in by run::Runner
};

}  // namespace cardvoid::dispatch
