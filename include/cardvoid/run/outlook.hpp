#pragma once
// One rate and one time left: what a job's limits, its window and the pace of the run under way mean for
// what is still to be sent. Progress, `plan`, `status`, metrics and the last words of a run all say this.
// Pure, but for the time zone in force (base/local_time.hpp).

#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/job.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::run {

// Rows that are still to be sent, or to be read back.
struct Remaining {
  std::int64_t rows = 0;
  // Of the brand that has most of them, at least 1 when there are rows. Counts only where each brand has its
  // own limit; 0: not known, and all rows count as one brand's.
  std::int64_t rows_of_one_brand = 0;
};

// How a run goes at present.
struct Course {
  double measured = 0;  // requests/s of the last minute, over all quotas; 0: none, or not yet known
  std::optional<double> set = {};  // requests/s of one quota by `cardvoid rate`; nullopt: the job's own
  bool is_canary = false;          // cards go one at a time, which says nothing about the time after it
  bool is_held_up = false;         // by a person or an outage: no one can tell for how long
  bool is_throttled = false;       // the platform's 429 lets nothing leave at this moment
};
Course course_of(const dispatch::Snapshot& snapshot, const model::Limits& limits);
Course course_of(const ledger::Pulse& pulse, const model::Limits& limits);

struct Outlook {
  std::int64_t rows = 0;
  double limit = 0;       // requests/s that one quota allows; less may be allowed after a 429
  double measured = 0;    // of the course
  double per_second = 0;  // what the forecast counts with, requests/s over all quotas; 0: there is none
  std::optional<milliseconds> needed = {};  // of sending; nullopt: no one can tell
  std::optional<milliseconds> left =
      {};  // until it is done, closed windows counted; not within a year: nullopt
  std::optional<WallTime> done_at = {};
  bool is_open = true;                    // the window, at this moment
  std::optional<WallTime> opens_at = {};  // next, while it is closed
};

// `course`: of the run under way; nullopt: none is, and the job's limit counts. With limits.per = "brand" the
// brand with the most rows finishes last, and the others do not speed it up. A measured pace counts where it
// is slower than the limits allow.
Outlook outlook(const model::Limits& limits, const std::optional<model::DailyWindow>& window,
                const Remaining& remaining, const std::optional<Course>& course, WallTime now);

// What is left for another run: "12,400 rows are left; at 5 requests/s that needs 41m 20s more, until
// 2026-11-27 01:41 +0800 if it went on now"; or, while the window is closed, when it opens and when all would
// be done.
std::string to_text(const Outlook& outlook);

// How fast it goes and why not faster: "3.1/s of 5, slowed by 429 (4 in 10m)", or why it waits: "held up:
// paused by alice since 09:12". The rate is left out while it is not known.
std::string words_for_pace(const Outlook& outlook, const model::Limits& limits,
                           const std::vector<model::ReasonToWait>& reasons, WallTime now);
// "done at Sun 19:45 (15h 02m)"; "no telling when it is done".
std::string words_for_end(const Outlook& outlook, WallTime now);

// "Sun 19:45", "19:45" on the day of `now`, "Mon 2026-12-07" a week and more away. Local.
std::string short_time(WallTime time, WallTime now);

// By the zone in force.
bool is_open(const model::DailyWindow& window, WallTime now);

}  // namespace cardvoid::run
