#include "reporter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <memory>
#include <utility>

#include "finish_hook.hpp"
#include "report.hpp"
#include "service_manager.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {
using namespace std::chrono_literals;
constexpr auto k_metrics_interval = 15s, k_status_interval = 5s, k_report_interval = 60s;
constexpr int k_report_share = 20;  // at most one part in so many of the time goes into the page
constexpr std::size_t k_largest_metrics = 1 << 20;
// A folder that does not answer within so long is gone: a share whose server is away.
constexpr std::string_view k_no_answer = "its folder does not answer";
constexpr milliseconds k_patience_at_ends{2'000}, k_patience_with_page{30'000};
}  // namespace

Result<void> Reporter::check() const {
  return job_.results.on_finish.empty() ? Result<void>{} : check_hook(job_.results.on_finish);
}

int Reporter::stand_aside(int exit_code) {
  stands_aside_ = true;
  return exit_code;
}

void Reporter::carry_over() {
  metrics_.emplace(job_.name, job_.limits.requests_per_second, k_version, job_.shard);
  const auto earlier = std::make_shared<std::string>();
  const auto read = [file = job_.results.metrics_file, earlier] {
    if (auto text = read_file(file, k_largest_metrics, Errc::no_input)) *earlier = std::move(*text);
  };
  if (metrics_writer_.run(read, k_patience_at_ends)) metrics_->carry_over(*earlier);
}

// Read once: while a run lasts, the ledger is its journal's.
void Reporter::load(ledger::Ledger& ledger) {
  if (const auto loaded = metrics_->load(ledger); !loaded)
    console_.log(LogLevel::warning,
                 fmt::format("{}: {}", job_.results.metrics_file.string(), loaded.error().what));
}

void Reporter::begin(ledger::Ledger& ledger, report::Progress& display) {
  display_ = &display;
  has_begun_ = true;
  if (!job_.results.metrics_file.empty()) {
    carry_over();
    load(ledger);
  }
  ServiceManager::get().ready();  // from here on the watchdog counts
}

void Reporter::progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) {
  auto& manager = ServiceManager::get();
  manager.alive();
  const auto now = std::chrono::steady_clock::now();
  if (manager.is_there() && now >= next_status_) {
    next_status_ = now + k_status_interval;
    manager.status(display_->line(snapshot, counts, read_clocks()));
  }
  if (!job_.results.report_file.empty()) refresh_report(now);
  if (!metrics_) return;
  metrics_->note(snapshot);
  const bool is_written = metrics_writer_.wait(0ms);
  if (is_written) warn_of_metrics(*metrics_fault_);
  if (now < next_metrics_) return;
  next_metrics_ = now + k_metrics_interval;
  if (!is_written) return warn_of_metrics(k_no_answer);
  write_metrics(metrics_->while_running(snapshot));
}

void Reporter::recorded(const ledger::Attempt& attempt) {
  if (metrics_) metrics_->count(attempt);
}

void Reporter::moved(model::RowState before, model::RowState after) {
  if (metrics_) metrics_->move(before, after);
}

void Reporter::interrupted(int /*in_flight*/) { ServiceManager::get().stopping(); }

void Reporter::keep(const report::Ending& ending, ledger::Ledger& ledger) {
  ending_ = ending;
  if (!metrics_) return;
  metrics_->set_totals(ending.standing.totals);
  (void)metrics_->load(ledger);  // where it cannot be read any more, what was counted stands
}

// Not in the thread that sends: the file's folder is often one that others have, and may hang.
void Reporter::write_metrics(std::string text) {
  const auto write = [file = job_.results.metrics_file, text = std::move(text), fault = metrics_fault_] {
    const InEnglish of_log;
    const auto written = write_public_file(file, text);
    *fault = written ? std::string{} : written.error().what;
  };
  (void)metrics_writer_.begin(write);
}

// A warning while the run lasted is not enough: the file would say for good that it is under way.
void Reporter::end_metrics(std::string text) {
  bool is_done = metrics_writer_.wait(k_patience_at_ends);
  if (is_done) {
    write_metrics(std::move(text));
    is_done = metrics_writer_.wait(k_patience_at_ends);
  }
  const auto fault = is_done ? *metrics_fault_ : std::string{k_no_answer};
  if (!fault.empty())
    console_.log(LogLevel::warning,
                 fmt::format("results.metrics_file: {}; what it says is from before the end", fault));
}

// Once: at 55 hours, one line every 15 s would bury everything else.
void Reporter::warn_of_metrics(std::string_view fault) {
  if (fault.empty() || std::exchange(has_warned_, true)) return;
  console_.log(LogLevel::warning, fmt::format("results.metrics_file: {}; the run goes on without", fault));
}

// Opens its own connection: in a thread while the run goes on, and at the end.
Result<void> Reporter::write_report() try {
  auto ledger = ledger::Ledger::open(job_.results.database, job_, ledger::Access::read_only);
  if (!ledger) return ledger.error();
  const auto page = make_report(console_.globals(), job_file_, job_, *ledger);
  if (!page) return page.error();
  const auto written = std::make_shared<Result<void>>();
  const auto write = [file = job_.results.report_file, text = *page, written] {
    const InEnglish of_log;
    *written = write_private_file(file, text);
  };
  if (page_writer_.run(write, k_patience_with_page)) return *written;
  return Error{Errc::io, job_.results.report_file.string() + ": its folder does not answer"};
} catch (const std::exception& bug) {  // a page never ends a run
  return Error{Errc::internal, bug.what()};
}

void Reporter::refresh_report(Instant now) {
  if (report_.valid()) {
    if (report_.wait_for(0s) != std::future_status::ready) return;
    warn_of_report(report_.get());
    next_report_ =
        now + std::max<Instant::duration>(k_report_interval, (now - report_begun_) * k_report_share);
  }
  if (now < next_report_) return;
  report_begun_ = now;
  try {
    report_ = std::async(std::launch::async, [this] { return write_report(); });
  } catch (const std::system_error& no_thread) {
    next_report_ = now + k_report_interval;
    warn_of_report(Error{Errc::internal, no_thread.what()});
  }
}

void Reporter::end_report() {
  if (report_.valid()) warn_of_report(report_.get());
  if (has_begun_ && !job_.results.report_file.empty()) warn_of_report(write_report());
}

void Reporter::warn_of_report(const Result<void>& written) {
  if (written || std::exchange(has_warned_of_report_, true)) return;
  console_.log(LogLevel::warning,
               fmt::format("results.report_file: {}; the run goes on without", written.error().what));
}

int Reporter::finish(int exit_code) {
  end_report();
  auto& manager = ServiceManager::get();
  if (exit_code != static_cast<int>(Errc::usage) && !stands_aside_) {
    // A run that has the job writes its own: one that could not even begin leaves that alone.
    if (!job_.results.metrics_file.empty() && !metrics_ && !ledger::Lock::holder(job_.results.database)) {
      carry_over();
      auto ledger = ledger::Ledger::open(job_.results.database, job_, ledger::Access::read_only);
      if (ledger) load(*ledger);
    }
    if (metrics_) end_metrics(metrics_->at_end(console_.globals().command, exit_code, read_clocks().wall));
    manager.stopping();
    if (!job_.results.on_finish.empty() && check_hook(job_.results.on_finish))
      run_hook(console_, job_.results.on_finish, job_.file.parent_path(), summary(exit_code), exit_code);
  }
  // If systemd waits for READY=1, an end without it is a failure, even with SuccessExitStatus=.
  if (exit_code == 0 || exit_code == static_cast<int>(Errc::stopped)) manager.ready();
  manager.status(fmt::format("ended with exit code {}", exit_code));
  return exit_code;
}

std::string Reporter::summary(int exit_code) const {
  if (ending_) return report::summary_json(*ending_);
  const auto& error = console_.last_error();
  const auto& steps = console_.last_steps();
  return to_json_line({{"job", job_.name},
                       {"command", console_.globals().command},
                       {"run_id", nullptr},
                       {"stopped", error.empty() ? boost::json::value() : boost::json::value(error)},
                       {"next", boost::json::array(steps.begin(), steps.end())},
                       {"exit_code", exit_code}});
}

}  // namespace cardvoid::cli
