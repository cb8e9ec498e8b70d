#pragma once
// A platform that limits, the way to it, and runs that send as fast as their paces allow: in virtual time,
// days in seconds, the same by seed.

#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/pace.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <vector>

namespace cardvoid::support {

using std::chrono::nanoseconds;

// How the platform counts. Refused requests do not count, except where it says so.
enum class Counting {
  sliding,         // at most N in any second
  sliding_of_all,  // the same, and refused ones count too
  fixed,           // at most N in each second of its clock
  bucket,          // a token bucket of one second's worth
};

struct Latency {
  nanoseconds outward{0}, jitter{0};  // to the count: uniform within outward ± jitter
  double outward_share = 0;           // of the log-normal part, which is otherwise thinking after the count
  nanoseconds median{0}, p99{0};      // the log-normal part; 0: none
  nanoseconds back{0};
};

struct Step {
  nanoseconds at;  // after the start
  double limit;    // requests/s; 0: 429 to everything
};

struct Setting {
  Counting counting = Counting::sliding;
  std::vector<Step> limits;
  std::optional<milliseconds> retry_after{};
  Latency latency;
  double stranger = 0;                    // requests/s of somebody else, at random
  double stray = 0;                       // share that is answered 429 for no reason
  std::optional<nanoseconds> stray_at{};  // one 429 for no reason
  nanoseconds lasts{std::chrono::minutes{1}};
  std::uint32_t seed = 1;
};

struct Course {
  std::uint64_t sent = 0, refused = 0;
  std::vector<int> accepted;                        // in each second
  std::vector<int> refused_each;                    // in each second
  double accepted_between(int from, int to) const;  // a second, on average
};

// The paces of the runs, made for the instant at which it begins.
using Runs = std::vector<dispatch::Pace*>;
Course send(const Setting& setting, const Runs& runs, Instant begin);

}  // namespace cardvoid::support
