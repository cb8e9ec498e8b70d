#pragma once
// What a rehearsal has shown, and what follows from it for a real run. Pure.

#include <boost/json/object.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/outlook.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weather.hpp"

namespace cardvoid::cli {

constexpr double k_greatest_speed = 200;  // signatures die after five minutes of the rehearsal's clock

// How fast, and how many of the cards.
struct Scale {
  double speed = 1;
  std::int64_t cards = 0;
};
// A rehearsal is to take a quarter of a minute, long lists about a minute, and this machine must keep up: it
// has to answer every request, too. `rate`: what the job's limit comes to, requests/s. What is asked for
// counts; a `limit` may then take as long as it takes.
Scale choose_scale(std::int64_t to_send, double rate, std::optional<double> speed,
                   std::optional<std::int64_t> limit);

// Requests of the rehearsal.
struct Requests {
  std::int64_t invalidations = 0, read_backs = 0;  // that were sent
  std::int64_t by_backup = 0;                      // of both
  std::int64_t throttled = 0, lost = 0, errors = 0;
  std::int64_t unsent = 0;  // no connection
  std::int64_t sent() const { return invalidations + read_backs; }
};

struct Rehearsal {
  std::string job_file, job;
  Scenario scenario = Scenario::calm;
  double speed = 1;
  std::int64_t to_send = 0;   // of the whole list
  std::int64_t cards = 0;     // that were rehearsed
  std::int64_t canaries = 0;  // of these
  milliseconds took{0};       // in real time
  milliseconds elapsed{0};    // at the real pace
  milliseconds canary{0};     // of this, until the canary was over
  ledger::Totals totals;      // at its end; of the whole list
  Requests requests;
  int exit_code = 0;             // of the run, had the list ended where the rehearsal did
  std::string stopped;           // why it did not reach its end; empty: it did
  bool had_many_errors = false;  // more than a fifth of the requests failed, for ten minutes
};

struct Forecast {
  run::Outlook outlook;      // were it to begin now, at the pace of the rehearsal
  std::int64_t windows = 0;  // that it takes; 0: the job has none
  std::int64_t invalidations = 0, read_backs = 0;
  std::int64_t confirmed = 0, already = 0, rejected = 0, in_doubt = 0;
};
// Nullopt when the rehearsal did not reach its end: then it says nothing about how long a run takes.
std::optional<Forecast> forecast(const Rehearsal& rehearsal, const model::Job& job,
                                 const run::Remaining& remaining, WallTime now);

// `missing`: what a real run would not begin without. `next`: commands.
std::string rehearsal_text(const Rehearsal& rehearsal, const std::optional<Forecast>& forecast,
                           const model::Job& job, const std::vector<std::string>& missing,
                           const std::vector<std::string>& next);
boost::json::object rehearsal_json(const Rehearsal& rehearsal, const std::optional<Forecast>& forecast,
                                   const std::vector<std::string>& missing,
                                   const std::vector<std::string>& next);

}  // namespace cardvoid::cli
