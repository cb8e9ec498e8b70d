#pragma once
// What a run shows of itself while it goes on: the block on a terminal, and the same in one line. Pure, but
// for the time zone in force.

#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/outlook.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::report {

struct Latencies {
  std::chrono::microseconds p50{0}, p95{0}, p99{0};
};

struct LastError {
  std::string code;
  WallTime at{};
};

// A run at one moment.
struct Moment {
  std::string job, brand, host;  // brand: empty when it is not one alone
  std::string steering;          // behind "cardvoid pause": "gold.toml"; empty: it cannot be steered
  WallTime since{}, now{};
  model::Limits limits;
  ledger::Totals totals;     // of the job, as they are now
  ledger::RunCounts counts;  // of this run
  dispatch::Snapshot snapshot;
  run::Outlook outlook;
  std::vector<double> rates = {};  // requests/s, oldest first, at equal distances
  std::optional<Latencies> latencies = {};
  std::optional<LastError> last_error = {};
  std::uint64_t by_backup = 0;  // answers

  // Rows that are settled, over all runs.
  std::int64_t done() const { return totals.invalidated + totals.rejected + totals.accepted(); }
  std::int64_t done_by_run() const { return counts.confirmed + counts.rejected + counts.unresolved; }
  // Not those whose request is under way at this moment.
  std::int64_t in_doubt() const;
  double percent() const;  // 0 … 100, never 100.0 before all are done
};

// What may be used to show it.
struct Look {
  std::size_t columns = 80, rows = 24;
  bool has_colour = false, has_utf8 = true;
};

// At most six lines, each narrower than the terminal, and fewer than it has. The first is the heading, if
// there is room for it.
std::vector<std::string> live_lines(const Moment& moment, const Look& look);

// Everything in one line that needs no other around it.
std::string live_line(const Moment& moment);

}  // namespace cardvoid::report
