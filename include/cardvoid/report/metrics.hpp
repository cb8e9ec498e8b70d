#pragma once
// What a job tells a monitoring system: Prometheus' text format, for node_exporter's textfile collector
// (prometheus.io/docs/instrumenting/exposition_formats/). docs/operating/monitoring.md has the
// table. No personal data.
//
// Counters go over all runs of the job, so that they never go down: what the results database has on record,
// and what the run under way adds. Not thread-safe.
//
// Results and attempts on record are read once before a run begins (0.2 s for a million attempts); then every
// change of a row and every request is counted. A query every 15 s would delay the journal's commits. A
// request counts when its commit is done, so no crash takes a counter back. At the end all is read once more.

#include <array>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/model/shard.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace cardvoid::report {

class Metrics {
 public:
  // `limit`: requests/s that the job allows itself. `version`: of cardvoid. `shard`: has a label, so that the
  // files of several shards can stand beside each other.
  Metrics(std::string_view job, double limit, std::string version,
          const std::optional<model::Shard>& shard = {});

  // Takes over what an earlier metrics file knows and the results database does not: runs that could not
  // begin, and the time waited for the limit. Anything else is as no file.
  void carry_over(std::string_view earlier_file);
  // What the results say now, before a run begins and after it. Reads every attempt. Errors: the ledger's.
  Result<void> load(ledger::Ledger& ledger);

  // --- a run goes on ---
  void count(const ledger::Attempt& attempt);  // that is on record: a counter never takes back
  void move(model::RowState before, model::RowState after);
  void note(const dispatch::Snapshot& snapshot);  // now and then, and at its end
  std::string while_running(const dispatch::Snapshot& snapshot);

  // --- it has ended, or could not begin ---
  void set_totals(const ledger::Totals& totals) { totals_ = totals; }
  std::string at_end(std::string_view command, int exit_code, WallTime now);

 private:
  // Upper bounds of the durations; what takes longer than all of them has a place of its own.
  static constexpr std::array k_bounds{0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
  struct Durations {
    std::array<std::uint64_t, k_bounds.size() + 1> counts{};
    double sum = 0;
  };
  using Where = std::pair<model::Endpoint, model::AttemptKind>;

  void count(const ledger::EndedRequest& request);
  class Page;
  std::string text(const dispatch::Snapshot* running) const;
  void write_runs(Page& page, bool is_running) const;
  void write_rows(Page& page) const;
  void write_attempts(Page& page) const;
  void write_pace(Page& page, const dispatch::Snapshot* running) const;

  std::string job_;  // the labels that every sample has
  double limit_;
  std::string version_;
  std::optional<ledger::Totals> totals_;
  std::optional<WallTime> last_success_, last_run_;
  std::optional<int> last_exit_code_;
  bool has_attempts_ = false;
  std::map<std::tuple<model::Endpoint, model::AttemptKind, std::string>, std::uint64_t> attempts_;
  std::map<Where, Durations> durations_;
  double paced_before_ = 0;  // seconds, in earlier runs
  double paced_now_ = 0;
};

}  // namespace cardvoid::report
