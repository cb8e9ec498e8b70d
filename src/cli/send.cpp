#include "send.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/siblings.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/run/spoken.hpp>
#include <cardvoid/wechatpay/verifier.hpp>

#include "consent.hpp"
#include "interrupt.hpp"
#include "reporter.hpp"
#include "results.hpp"
#include "take_lock.hpp"
#include "time_zone.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

// Openids never, card codes only masked: `status` and `export` have them in full.
std::string attempt_line(const ledger::Attempt& attempt, const model::Candidate& row) {
  const auto& o = attempt.outcome;
  return fmt::format("line {} code {} attempt {} {} {} HTTP {} {} {} {}ms Request-ID {}", row.source_line,
                     mask(row.card.code), attempt.n, model::to_text(attempt.kind),
                     model::to_text(attempt.endpoint), o.http_status, model::to_text(o.kind),
                     o.error_code.empty() ? "-" : o.error_code, attempt.latency.count() / 1000,
                     o.request_id.empty() ? "-" : o.request_id);
}

boost::json::object attempt_fields(const ledger::Attempt& attempt, const model::Candidate& row) {
  using boost::json::value;
  const auto& o = attempt.outcome;
  const auto text_or_null = [](const std::string& text) { return text.empty() ? value() : value(text); };
  return {{"row_id", attempt.row},
          {"source_line", row.source_line},
          {"code", mask(row.card.code)},
          {"attempt", attempt.n},
          {"run_id", attempt.run},
          {"kind", model::to_text(attempt.kind)},
          {"endpoint", model::to_text(attempt.endpoint)},
          {"http_status", o.http_status == 0 ? value() : value(o.http_status)},
          {"outcome", model::to_text(o.kind)},
          {"error_code", text_or_null(escape_for_terminal(o.error_code))},
          {"latency_ms", static_cast<double>(attempt.latency.count()) / 1000},
          {"request_id", text_or_null(escape_for_terminal(o.request_id))}};
}

// A notice may quote what a gateway answered, and a page is not for the log.
constexpr std::size_t k_most_columns_of_a_notice = 400;
constexpr std::size_t k_shown_fingerprint_digits = 12;

// What standard error shows of a run: the progress display, notices, and with --log-level debug every
// request.
class Log final : public run::Observer {
 public:
  Log(Console& console, report::Progress& display) : console_{console}, display_{display} {}

  void notice(const dispatch::Notice& notice) override {
    console_.tell(notice.level == dispatch::Notice::warning ? LogLevel::warning : LogLevel::info,
                  [&] { return fit_to_width(run::spoken(notice.text), k_most_columns_of_a_notice); });
  }
  void progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override {
    display_.update(snapshot, counts, read_clocks());
  }
  void moved(model::RowState before, model::RowState after) override { display_.moved(before, after); }
  void attempted(const ledger::Attempt& attempt, const model::Candidate& row) override {
    display_.attempted(attempt);
    if (console_.globals().log_level == LogLevel::debug)
      console_.log(LogLevel::debug, attempt_line(attempt, row), attempt_fields(attempt, row));
  }
  void asked_how_it_stands(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override {
    console_.log(LogLevel::info, display_.line(snapshot, counts, read_clocks()));
  }
  void interrupted(int in_flight) override {
    console_.tell(LogLevel::warning, [&] {
      return tr(
          "stopping: nothing new is sent, waiting for the answers to {} in flight; a signal later than a "
          "second from now leaves at once and leaves them in doubt; the same command carries on",
          in_flight);
    });
  }

 private:
  Console& console_;
  report::Progress& display_;
};

}  // namespace

report::Manner manner_of(const Console& console) {
  const auto& options = console.globals();
  const bool is_followed = ::isatty(STDIN_FILENO) || ::isatty(STDOUT_FILENO) || ::isatty(STDERR_FILENO);
  report::Manner manner{.mode = options.progress,
                        .has_colour = has_colour(options, STDERR_FILENO),
                        .has_utf8 = has_utf8(),
                        .has_times = console.has_times()};
  if (options.quiet) manner.mode = report::ProgressMode::none;
  if (manner.mode != report::ProgressMode::automatic) return manner;
  manner.is_heartbeat = !is_followed;
  // A file of JSON Lines is one to its end.
  if (options.log_json && !::isatty(STDERR_FILENO)) manner.mode = report::ProgressMode::json;
  return manner;
}

namespace {

std::string words_for(const std::vector<std::string>& brands) {
  return brands.size() == 1 ? tr("brand {}", brands.front())
                            : tr_n(std::ssize(brands), "{} brand", "{} brands");
}

Result<report::Undertaking> undertaking(const Console& console, const Sending& sending, const model::Job& job,
                                        ledger::Ledger& ledger, const run::Order& order) {
  const auto totals = ledger::totals(ledger);
  if (!totals) return totals.error();
  report::Undertaking about;
  about.job = job.name, about.host = job.endpoints.primary.text();
  const auto brands = ledger::brands(ledger);
  if (!brands) return brands.error();
  about.brand = words_for(*brands);
  auto globals = console.globals();
  globals.overrides.set.clear();  // says nothing about which run is meant
  about.steering = command_line(globals, sending.job_file, "").substr(std::string_view{"cardvoid  "}.size());
  about.limits = job.limits;
  about.totals = *totals;
  about.only_reads_back = order.read_back_only;
  if (order.read_back_only) return about;
  about.window = job.safety.window;
  if (job.limits.per == model::QuotaPer::brand) {
    const auto most = ledger::most_to_send_of_a_brand(ledger);
    if (!most) return most.error();
    about.most_of_one_brand = *most;
  }
  return about;
}

// In the language that is spoken when it is called.
Result<std::function<std::string()>> words_for_begin(const Assignment& assignment,
                                                     const report::Undertaking& about, const model::Job& job,
                                                     ledger::Ledger& ledger) {
  const auto passed = ledger::canary_passed(ledger);
  if (!passed) return passed.error();
  const auto brands = ledger::brands(ledger);
  if (!brands) return brands.error();
  const auto canary = about.only_reads_back ? 0 : job.safety.canary - *passed;
  return std::function{[canary, brands = *brands, fingerprint = assignment.order.fingerprint,
                        count = assignment.to_send, job = job.title(), host = about.host,
                        only_reads_back = about.only_reads_back] {
    auto text = only_reads_back ? tr_n(count, "reconcile of {1} begins: {0} card to read back",
                                       "reconcile of {1} begins: {0} cards to read back", job)
                                : tr_n(count, "run of {1} begins: {0} card to send",
                                       "run of {1} begins: {0} cards to send", job);
    text = tr("{}, {}", tr("{}, {}", text, words_for(brands)), host);
    if (!fingerprint.empty())
      text = tr("{}, {}", text, tr("fingerprint {}", fingerprint.substr(0, k_shown_fingerprint_digits)));
    return canary > 0 ? tr("{}, {}", text, tr("canary {}", canary)) : text;
  }};
}

// On a terminal the whole summary. Elsewhere a success is one line, and trouble is told in full; with -q a
// success is silent and trouble one line, behind which a failure says why in lines of its own.
void say_summary(Console& console, report::Ending ending, bool is_failure) {
  const auto& options = console.globals();
  if (options.json) {
    console.answer(report::summary_json(ending));
  } else if (options.quiet) {
    if (ending.exit_code == 0) return;
    if (is_failure) ending.stopped.clear();
    console.say_held_back();
    const InEnglish of_log;
    console.log(LogLevel::error, report::summary_line(ending));
  } else {
    if (is_failure) ending.stopped.clear();  // standard error says it
    const bool is_short = ending.exit_code == 0 && !::isatty(STDOUT_FILENO);
    console.answer_page(is_short ? fmt::format("cardvoid {}\n", report::summary_line(ending))
                                 : report::summary_text(ending));
  }
}

Result<run::Credentials> load_keys(Console& console, const model::Job& job) {
  run::Credentials keys;
  const auto rights = wechatpay::examine_rights(job);
  if (!rights) return rights.error();
  for (std::size_t i = 0; i < rights->remarks.size(); ++i)
    console.tell(LogLevel::warning, [&] {
      const auto again = wechatpay::examine_rights(job);  // in the language that is spoken here
      return again && i < again->remarks.size() ? again->remarks[i] : rights->remarks[i];
    });
  auto merchant = wechatpay::load_merchant_key(job.merchant);
  if (!merchant) return merchant.error();
  keys.merchant = std::move(*merchant);
  auto platform = wechatpay::load_platform_keys(job.platform);
  if (!platform) return platform.error();
  keys.platform = std::move(*platform);
  return keys;
}

report::Ending ending_of(const run::Report& report, const model::Job& job, const std::string& command,
                         ledger::Ledger& ledger) {
  // Without examples when the database cannot be read any more: what is known is said.
  auto in_doubt =
      ledger::rows_in_doubt(ledger, report.totals.in_doubt() > 0 ? report::k_rows_in_doubt_shown : 0);
  report::Ending ending;
  ending.job = job.name, ending.command = command;
  ending.run = report.run;
  ending.standing.totals = report.totals;
  if (in_doubt) ending.standing.in_doubt = std::move(*in_doubt);
  ending.log_bytes = ledger::log_bytes(job.results.database);
  ending.counts = report.counts;
  ending.last = report.last;
  ending.commits = report.commits;
  ending.elapsed = report.elapsed;
  ending.exit_code = report.exit_code;
  if (report.stopped) ending.stopped = report.stopped->what;
  ending.rest = report.rest;
  ending.trip = report.trip;
  return ending;
}

std::vector<report::Step> steps_after(const Console& console, const Sending& sending,
                                      const run::Report& report, bool read_back_only) {
  Ended ended{.exit_code = report.exit_code, .totals = report.totals, .read_back_only = read_back_only};
  if (report.trip) ended.trip = report.trip->cause;
  return next_steps(console.globals(), sending.job_file, ended);
}

// The last words: how the job stands, why it ended, and what to type next.
int say_end(Console& console, const report::Ending& ending, const run::Report& report,
            const std::vector<report::Step>& next) {
  const bool is_failure = report.stopped && report.stopped->code != Errc::stopped &&
                          report.exit_code == static_cast<int>(report.stopped->code);
  say_summary(console, ending, is_failure);
  if (is_failure) console.fail({report.stopped->code, run::spoken(report.stopped->what)});
  console.say_next(next, is_failure);
  return report.exit_code;
}

int carry_out(Console& console, const Sending& sending, const model::Job& job, Reporter& reporter,
              const run::Credentials& keys, ledger::Ledger& ledger, Assignment& assignment, Stage stage) {
  const auto give_up = [&](Stage at, const Error& why) { return fail(console, sending.job_file, at, why); };
  auto about = undertaking(console, sending, job, ledger, assignment.order);
  if (!about) return give_up(stage, about.error());
  const auto begins = words_for_begin(assignment, *about, job, ledger);
  if (!begins) return give_up(stage, begins.error());
  report::Progress progress{manner_of(console), stderr, std::move(*about), read_clocks()};
  console.attach(&progress);
  console.tell(LogLevel::info, *begins);
  Log log{console, progress};
  reporter.begin(ledger, progress);
  run::Observers observers{{&log, &reporter}};
  assignment.order.is_stop_wanted = Interrupt::has_come;
  const auto report = run::execute(job, keys, ledger, assignment.order, observers);
  progress.finish();
  if (report)
    console.tell(LogLevel::info, [&] {
      return tr("run {} ended: exit {} after {}", report->run, report->exit_code,
                spoken_duration(report->elapsed));
    });
  console.attach(nullptr);
  if (!report) return give_up(Stage::sending, report.error());

  auto ending = ending_of(*report, job, console.globals().command, ledger);
  const auto steps = [&] { return steps_after(console, sending, *report, assignment.order.read_back_only); };
  {
    const InEnglish of_programs;
    for (const auto& step : steps()) ending.next.push_back(report::to_line(step));
  }
  reporter.keep(ending, ledger);
  warn_of_log(console, job);
  return say_end(console, ending, *report, steps());
}

int carry_out(Console& console, const Sending& sending, const model::Job& job, Reporter& reporter) {
  const auto& command = console.globals().command;
  const auto give_up = [&](Stage stage, const Error& why) {
    return fail(console, sending.job_file, stage, why);
  };
  const auto keys = load_keys(console, job);
  if (!keys) return give_up(Stage::keys, keys.error());
  if (sending.needs_results)
    if (const auto there = require_results(job); !there) return give_up(Stage::results, there.error());
  const auto lock = take_lock(console, job, command, sending.wait_lock);
  if (!lock) return reporter.stand_aside(give_up(Stage::lock, lock.error()));
  if (sending.invalidates)
    if (const auto alone = ledger::check_siblings(job.results.database, job); !alone)
      return give_up(Stage::results, alone.error());
  auto ledger = open_locked(console, job, *lock, ledger::Access::create);
  if (!ledger) return give_up(Stage::results, ledger.error());
  auto stage = Stage::results;
  auto assignment = sending.prepare(job, *ledger, stage);
  if (!assignment) return give_up(stage, assignment.error());
  assignment->order.version = k_version;
  if (Interrupt::has_come()) return give_up(stage, {Errc::stopped, tr("interrupted; nothing was sent")});

  return carry_out(console, sending, job, reporter, *keys, *ledger, *assignment, stage);
}

// A bug of ours ends a run like any other error.
int carry_out_or_report(Console& console, const Sending& sending, const model::Job& job, Reporter& reporter) {
  try {
    return carry_out(console, sending, job, reporter);
  } catch (const std::exception& bug) {
    console.attach(nullptr);  // the display went with what was thrown through
    return fail(console, sending.job_file, Stage::sending, internal_error(bug));
  }
}

}  // namespace

int send(Console& console, const Sending& sending) {
  console.hold_warnings_back();
  console.begin_times();
  const Interrupt interrupt;  // the run itself handles signals while it lasts
  const auto give_up = [&](const Error& why) { return fail(console, sending.job_file, Stage::job, why); };
  auto job = load_job(console.globals(), sending.job_file, sending.accept_damage);
  if (!job) return give_up(job.error());
  const auto proven = add_proof_of_consent(*job);
  Reporter reporter{console, sending.job_file, *job};
  if (!proven) return reporter.finish(fail(console, sending.job_file, Stage::keys, proven.error()));
  if (const auto zone = use_time_zone(*job); !zone) return reporter.finish(give_up(zone.error()));
  if (const auto ready = reporter.check(); !ready) return reporter.finish(give_up(ready.error()));
  if (const auto& why = job->endpoints.unusable_proxy; !why.empty())  // before anything is imported or asked
    return reporter.finish(fail(console, sending.job_file, Stage::proxy, {Errc::bad_job, why}));
  return reporter.finish(carry_out_or_report(console, sending, *job, reporter));
}

}  // namespace cardvoid::cli
