#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/journal.hpp>
#include <cardvoid/run/limits.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/run/outlook.hpp>
#include <cardvoid/run/runner.hpp>
#include <cardvoid/run/shared_pace.hpp>
#include <random>
#include <thread>

#include "asio_loop.hpp"
#include "https_transport.hpp"

namespace cardvoid::run {

namespace {

using namespace std::chrono_literals;
// With less than this a run's measured pace is a guess.
constexpr std::int64_t k_least_settled = 100;
constexpr milliseconds k_least_elapsed = 10s;

// Explicit, because a Report can also be made from an Error.
Result<Report> failed(const Error& error) { return {boost::system::in_place_error, error}; }

}  // namespace

int exit_code_for(const ledger::Totals& totals) {
  if (totals.pending_to_send() + totals.in_doubt() > 0) return static_cast<int>(Errc::stopped);
  return totals.rejected + totals.refused + totals.kept_back() > 0 ? 1 : 0;
}

namespace {

// `reconcile` has done its work when nothing is in doubt.
int standing_after(const Order& order, const ledger::Totals& totals) {
  if (!order.read_back_only) return exit_code_for(totals);
  return totals.in_doubt() > 0 ? static_cast<int>(Errc::stopped) : 0;
}

// What a soft stop leaves, and how long that takes.
std::optional<Outlook> rest_of(const model::Job& job, const Order& order, const Report& report,
                               ledger::Ledger& ledger, WallTime now) {
  const auto& counts = report.counts;
  const auto left = order.read_back_only ? report.totals.in_doubt() : report.totals.to_send();
  if (left == 0) return std::nullopt;
  Remaining remaining{left};
  if (job.limits.per == model::QuotaPer::brand && !order.read_back_only)
    if (const auto most = ledger::most_to_send_of_a_brand(ledger)) remaining.rows_of_one_brand = *most;
  std::optional<Course> course;
  const auto settled = counts.confirmed + counts.rejected;
  if (settled >= k_least_settled && report.elapsed >= k_least_elapsed)
    course.emplace(Course{.measured = report.last.measured});
  const auto window = order.read_back_only ? std::nullopt : job.safety.window;
  return outlook(job.limits, window, remaining, course, now);
}

// What earlier runs of the job have seen.
Result<void> remind(ledger::Ledger& ledger, Runner& runner) {
  auto witness = ledger::witness(ledger);
  if (!witness) return witness.error();
  if (*witness) runner.know_witness(std::move(**witness));
  auto already = ledger::already_so_far(ledger, static_cast<int>(dispatch::k_already_that_stop));
  if (!already) return already.error();
  runner.know_already(std::move(*already));
  return {};
}

ledger::RunStart start_of(const model::Job& job, const Order& order, WallTime begun) {
  ledger::RunStart start;
  start.command = order.command;
  start.started_at = begun;
  start.host = host_name(), start.pid = static_cast<int>(::getpid());
  start.version = order.version, start.acknowledge = job.safety.acknowledge;
  start.fingerprint = order.fingerprint, start.confirmed = order.confirmed;
  start.user = user_name(), start.consent = order.consent;
  start.requests_per_second = job.limits.requests_per_second;
  if (!order.read_back_only) start.signer = job.merchant.signer();
  return start;
}

// Works out the plan beside the run, and has it put on record. Done, or given up, when it goes.
class LatePlan {
 public:
  LatePlan(const Order& order, Store& store, ledger::RunId run, Observer& observer) : observer_{observer} {
    if (!order.late_plan) return;
    thread_ = std::thread{[this, &order, &store, run] { work_out(order, store, run); }};
  }
  LatePlan(const LatePlan&) = delete;
  ~LatePlan() { finish(false); }

  // Waits for it, or has it given up. The plan is for people who compare later: without it the run is as
  // good.
  void finish(bool is_needed) {
    is_given_up_ = !is_needed;
    if (thread_.joinable()) thread_.join();
    if (trouble_)
      observer_.notice({dispatch::Notice::warning,
                        fmt::format("the plan of this run could not be put on record: {}", trouble_->what)});
    trouble_.reset();
  }

 private:
  void work_out(const Order& order, Store& store, ledger::RunId run) {
    auto plan = order.late_plan([this] { return is_given_up_.load(); });
    if (!plan && !is_given_up_) trouble_ = plan.error();
    if (!plan) return;
    store.submit([plan = *std::move(plan), run,
                  by_digits = order.confirmed](ledger::Ledger& ledger) -> Result<void> {
      const auto now = read_clocks().wall;
      if (const auto saved = ledger::save_fingerprint(ledger, run, plan.fingerprint); !saved) return saved;
      if (const auto noted = ledger::remember_plan(ledger, plan, now, user_name()); !noted) return noted;
      // The rest of a confirmed plan: that one was agreed to.
      return by_digits ? Result<void>{} : ledger::confirm_plan(ledger, plan.fingerprint, now, user_name());
    });
  }

  Observer& observer_;
  std::atomic<bool> is_given_up_ = false;
  std::optional<Error> trouble_;
  std::thread thread_;
};

std::string_view words_for_ending(const Report& report) {
  if (report.stopped) return report.stopped->what;
  return report.exit_code == static_cast<int>(Errc::stopped) ? "ended with rows in doubt" : "done";
}

}  // namespace

Result<Report> execute(const model::Job& job, ledger::Ledger& ledger, const Order& order, Observer& observer,
                       const Ports& ports) {
  const InEnglish of_record;  // why it ended is on record
  const auto begun = ports.loop.now();
  std::vector<ledger::Cursor> cursors;
  if (job.limits.per == model::QuotaPer::brand) {
    const auto brands = ledger::brands(ledger);
    if (!brands) return failed(brands.error());
    if (const auto indexed = ledger::index_brands(ledger); !indexed) return failed(indexed.error());
    for (const auto& brand : *brands) cursors.push_back({brand, order.read_back_only});
  }
  if (cursors.empty()) cursors.push_back({std::nullopt, order.read_back_only});

  const auto last = ledger::last_sent_at(ledger, begun.wall);
  if (!last) return failed(last.error());
  const auto hold = hold_after_earlier_run(job.limits, *last, begun);

  const auto run = ledger::begin_run(ledger, start_of(job, order, begun.wall));
  if (!run) return failed(run.error());
  const auto passed = ledger::canary_passed(ledger);
  if (!passed) return failed(passed.error());
  Runner runner{job,
                order,
                observer,
                ports,
                std::move(cursors),
                *run,
                static_cast<int>(std::min<std::int64_t>(*passed, job.safety.canary))};
  if (const auto known = remind(ledger, runner); !known) return failed(known.error());
  LatePlan plan{order, ports.store, *run, observer};
  runner.begin(hold);
  ports.loop.run(runner);
  plan.finish(!runner.ending());
  if (const auto closed = ports.store.close(); !closed) return failed(closed.error());

  Report report;
  report.run = *run;
  report.stopped = runner.ending();
  report.trip = runner.trip();
  report.counts = runner.counts();
  report.last = runner.snapshot();
  const auto totals = ledger::recounted_totals(ledger);
  if (!totals) return failed(totals.error());
  report.totals = *totals;
  const int standing = standing_after(order, *totals);
  // A soft stop or a trip does not count if nothing was left to do.
  const bool is_soft = report.stopped && (report.stopped->code == Errc::stopped || report.trip);
  const bool early = report.stopped && (!is_soft || standing == static_cast<int>(Errc::stopped));
  report.exit_code = early ? static_cast<int>(report.stopped->code) : standing;
  if (is_soft && !early && !report.trip) report.stopped.reset();
  const auto now = ports.loop.now();
  report.elapsed = std::chrono::duration_cast<milliseconds>(now.steady - begun.steady);
  const auto closed =
      ledger::end_run(ledger, *run, report.counts, report.exit_code, words_for_ending(report), now.wall);
  if (!closed) return failed(closed.error());
  if (report.stopped && report.stopped->code == Errc::stopped)
    report.rest = rest_of(job, order, report, ledger, now.wall);
  (void)ledger.checkpoint();
  return report;
}

namespace {

std::function<std::uint32_t()> make_dice() {
  return [random = std::mt19937{std::random_device{}()}]() mutable {
    return static_cast<std::uint32_t>(random());
  };
}

}  // namespace

Result<Report> rehearse(const model::Job& job, const Credentials& keys, ledger::Ledger& ledger,
                        const Order& order, Observer& observer, const Clock& clock) {
  AsioLoop loop{observer, clock, order.is_stop_wanted};
  const auto platform = HttpsTransport::create_for_rehearsal(loop.context(), job, keys, order.version, clock);
  if (!platform) return failed(platform.error());
  Journal journal{ledger, loop.context().get_executor()};
  return execute(job, ledger, order, observer, Ports{loop, **platform, journal, make_dice()});
}

Result<Report> execute(const model::Job& job, const Credentials& keys, ledger::Ledger& ledger,
                       const Order& order, Observer& observer) {
  AsioLoop loop{observer, job.results.database, order.is_stop_wanted};
  const auto platform = HttpsTransport::create(loop.context(), job, keys, order.version);
  if (!platform) return failed(platform.error());
  Journal journal{ledger, loop.context().get_executor()};
  const auto warn = [&](const std::string& why) { observer.notice({dispatch::Notice::warning, why}); };
  const Ports ports{loop, **platform, journal, make_dice(), [&](const Ports::Brands& brands) {
                      return shared_paces(job, brands, loop.now().steady, warn);
                    }};
  auto report = execute(job, ledger, order, observer, ports);
  if (report) report->commits = journal.commits();
  return report;
}

}  // namespace cardvoid::run
