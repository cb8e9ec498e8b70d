#pragma once
// Who is told about a run beside the one who started it: the metrics file, the report, the service manager,
// and at the end the program of results.on_finish. None of them can make a run fail.

#include <cardvoid/base/errand.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/report/metrics.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/run/observer.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "console.hpp"

namespace cardvoid::cli {

// One run or reconcile, from the job file's having been read to its end. Console and job must outlive it.
class Reporter final : public run::Observer {
 public:
  // `job_file` as it was named on the command line.
  Reporter(Console& console, const std::filesystem::path& job_file, const model::Job& job)
      : console_{console}, job_file_{job_file}, job_{job} {}

  // Can they be told at all? Errors: no_input (66), bad_job (78).
  Result<void> check() const;
  // The run is not ours: another process holds the job and does the telling. Returns `exit_code`.
  int stand_aside(int exit_code);
  // Sending is about to begin with what the ledger holds; from here on it observes the run. `display` gives
  // the words for the service manager and must live until finish().
  void begin(ledger::Ledger& ledger, report::Progress& display);
  // How it ended, and what the ledger holds now.
  void keep(const report::Ending& ending, ledger::Ledger& ledger);
  // Reports the end and returns the exit code. A mistake in the command line is not reported to programs.
  int finish(int exit_code);

  void progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override;
  void recorded(const ledger::Attempt& attempt) override;
  void moved(model::RowState before, model::RowState after) override;
  void interrupted(int in_flight) override;

 private:
  void carry_over();
  void load(ledger::Ledger& ledger);
  void write_metrics(std::string text);
  void end_metrics(std::string text);
  void warn_of_metrics(std::string_view fault);
  void refresh_report(Instant now);
  void end_report();
  Result<void> write_report();
  void warn_of_report(const Result<void>& written);
  std::string summary(int exit_code) const;

  Console& console_;
  const std::filesystem::path& job_file_;
  const model::Job& job_;
  report::Progress* display_ = nullptr;
  bool stands_aside_ = false, has_warned_ = false;
  std::optional<report::Metrics> metrics_;
  Errand metrics_writer_, page_writer_;
  // Of the last writing; the errand's while one is under way. Empty: it went well.
  std::shared_ptr<std::string> metrics_fault_ = std::make_shared<std::string>();
  std::optional<report::Ending> ending_;
  Instant next_metrics_{}, next_status_{};
  // The page is made by a thread and a connection of its own: the ledger is the journal's while a run lasts.
  std::future<Result<void>> report_;
  Instant report_begun_{}, next_report_{};
  bool has_begun_ = false, has_warned_of_report_ = false;
};

}  // namespace cardvoid::cli
