#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/time_left.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <iostream>
#include <string>

#include "commands.hpp"
#include "confirm.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "plan.hpp"
#include "reporter.hpp"
#include "results.hpp"
#include "take_lock.hpp"
#include "time_zone.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_least_fingerprint_digits = 8, k_fingerprint_digits = 64;

// Before anything is read or written: without a terminal to ask on, the command line must say yes.
Result<void> require_consent(const Options& o) {
  if (o.command == "reconcile" || o.yes) return {};
  if (!o.confirm.empty()) {
    if (o.confirm.size() < k_least_fingerprint_digits || o.confirm.size() > k_fingerprint_digits ||
        o.confirm.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return Error{
          Errc::usage,
          fmt::format("--confirm {}: expected {} to {} digits of the fingerprint that `cardvoid plan` prints",
                      o.confirm, k_least_fingerprint_digits, k_fingerprint_digits)};
    return {};
  }
  if (::isatty(STDIN_FILENO)) return {};
  return Error{Errc::usage,
               "standard input is not a terminal, so nobody can be asked: give --confirm FINGERPRINT (from "
               "`cardvoid plan`) or --yes"};
}

// `run --confirm` again after an interruption is the same command: what is left of a confirmed plan needs no
// other word.
Result<void> confirm_by_fingerprint(const Options& o, const Plan& plan, ledger::Ledger& ledger) {
  std::string wanted = o.confirm;
  for (auto& c : wanted) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (plan.fingerprint.starts_with(wanted)) return {};
  const auto is_rest = ledger.is_rest_of_confirmed(wanted);
  if (!is_rest) return is_rest.error();
  if (*is_rest) return {};
  return another_plan(o.confirm, plan, ledger);
}

// Also where standard error goes to a file: who does not see the question would take the run for a slow one.
void ask(const std::string& question) {
  put(stderr, question);
  if (::isatty(STDERR_FILENO)) return;
  if (std::FILE* const terminal = std::fopen("/dev/tty", "we")) {
    put(terminal, question);
    std::fclose(terminal);
  }
}

Result<void> confirm(const Options& o, const Plan& plan, const model::Job& job, ledger::Ledger& ledger) {
  if (job.safety.max_rows && plan.totals.to_send() > *job.safety.max_rows)
    return Error{Errc::bad_input,
                 fmt::format("{} rows are to be sent, safety.max_rows allows {}; nothing was sent",
                             plan.totals.to_send(), *job.safety.max_rows)};
  if (o.yes || plan.totals.to_send() == 0) return {};
  if (!o.confirm.empty()) return confirm_by_fingerprint(o, plan, ledger);
  ask(fmt::format("{}\nInvalidating cannot be undone. Type the number of cards ({}) to go on: ",
                  plan_text(plan, job), plan.totals.to_send()));
  std::string typed;
  if (Interrupt::input_comes_first()) std::getline(std::cin, typed);
  if (Interrupt::has_come()) return Error{Errc::stopped, "interrupted; nothing was sent"};
  std::erase_if(typed, [](char c) { return c == ',' || c == ' ' || c == '\r'; });
  if (typed == std::to_string(plan.totals.to_send())) return {};
  return Error{Errc::usage, "not confirmed; nothing was sent"};
}

// A run that may not send now says when it may, for whoever reads cron's mail.
Result<void> require_open_window(const Plan& plan, const model::Job& job) {
  const auto now = read_clocks().wall;
  if (!job.safety.window || run::is_open(*job.safety.window, now)) return {};
  if (plan.totals.to_send() + plan.totals.in_doubt() == 0) return {};  // the run says so itself
  return Error{
      Errc::stopped,
      fmt::format(
          "the window {} is closed: nothing was sent; {}", dispatch::to_text(*job.safety.window),
          run::words_for(run::TimeLeft{plan.totals.to_send(), job.limits.requests_per_second, plan.needed},
                         job.safety.window, now))};
}

// What somebody who does not look at the plan must know.
void warn_about(const Plan& plan, Console& console) {
  const auto warn = [&](std::int64_t count, const char* words) {
    if (count > 0) console.log(LogLevel::warning, fmt::format(fmt::runtime(words), report::grouped(count)));
  };
  for (const auto& remark : plan.imported.remarks)
    console.log(LogLevel::warning, fmt::format("input: {}", remark));
  warn(plan.imported.vanished_to_send,
       "{} of the rows to send are not in the input any more; an earlier import planned them and they are "
       "sent too");
  warn(plan.totals.conflicts,
       "{} rows are not sent: the input names another openid or reason than the plan; `cardvoid plan` shows "
       "them");
  warn(plan.totals.protected_invalidated,
       "{} cards that safety.protect names are INVALID already: for them it comes too late");
  if (plan.totals.protected_pending > 0)
    console.log(LogLevel::info, fmt::format("{} rows are protected by safety.protect and are not sent",
                                            report::grouped(plan.totals.protected_pending)));
  warn(plan.totals.refused, "{} input lines are refused; `cardvoid plan` shows them by cause");
  if (plan.totals.in_doubt() > 0)
    console.log(LogLevel::info, fmt::format("{} rows in doubt are read back first", plan.totals.in_doubt()));
}

// Openids never, card codes only masked: `status` and `export` have them in full.
std::string attempt_line(const ledger::Attempt& attempt, const model::Card& card) {
  const auto& o = attempt.outcome;
  return fmt::format("row {} code {} attempt {} {} {} HTTP {} {} {} {}ms Request-ID {}", attempt.row,
                     mask(card.code), attempt.n, model::to_text(attempt.kind),
                     model::to_text(attempt.endpoint), o.http_status, model::to_text(o.kind),
                     o.error_code.empty() ? "-" : o.error_code, attempt.latency.count() / 1000,
                     o.request_id.empty() ? "-" : o.request_id);
}

boost::json::object attempt_fields(const ledger::Attempt& attempt, const model::Card& card) {
  using boost::json::value;
  const auto& o = attempt.outcome;
  const auto text_or_null = [](const std::string& text) { return text.empty() ? value() : value(text); };
  return {{"row_id", attempt.row},
          {"code", mask(card.code)},
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

// What standard error shows of a run: the progress display, notices, and with --log-level debug every
// request.
class Log final : public run::Observer {
 public:
  Log(Console& console, report::Progress& display) : console_{console}, display_{display} {}

  void notice(const dispatch::Notice& notice) override {
    console_.log(notice.level == dispatch::Notice::warning ? LogLevel::warning : LogLevel::info, notice.text);
  }
  void progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override {
    display_.update(snapshot, counts, std::chrono::steady_clock::now());
  }
  void attempted(const ledger::Attempt& attempt, const model::Card& card) override {
    if (console_.options().log_level == LogLevel::debug)
      console_.log(LogLevel::debug, attempt_line(attempt, card), attempt_fields(attempt, card));
  }
  void interrupted(int in_flight) override {
    console_.log(LogLevel::warning,
                 fmt::format("stopping: nothing new is sent, waiting for the answers to {} in flight; a "
                             "second signal leaves at once and leaves them in doubt",
                             in_flight));
  }

 private:
  Console& console_;
  report::Progress& display_;
};

// Nobody follows where no stream is a terminal, under cron or a service manager: then progress is silent
// unless it was asked for.
report::ProgressMode progress_mode(const Options& options) {
  if (options.quiet) return report::ProgressMode::none;
  const bool is_followed = ::isatty(STDIN_FILENO) || ::isatty(STDOUT_FILENO) || ::isatty(STDERR_FILENO);
  if (options.progress != report::ProgressMode::automatic) return options.progress;
  if (!is_followed) return report::ProgressMode::none;
  // A file of JSON Lines is one to its end.
  if (options.log_json && !::isatty(STDERR_FILENO)) return report::ProgressMode::json;
  return options.progress;
}

// On a terminal the whole summary. Elsewhere a success is one line, and trouble is told in full; with -q a
// success is silent and trouble one line, behind which a failure says why in lines of its own.
void say_summary(Console& console, report::Ending ending, bool is_failure) {
  const auto& options = console.options();
  if (options.json) {
    console.answer(report::summary_json(ending));
  } else if (options.quiet) {
    if (ending.exit_code == 0) return;
    if (is_failure) ending.stopped.clear();
    console.say_held_back();
    console.log(LogLevel::error, report::summary_line(ending));
  } else {
    const bool is_short = ending.exit_code == 0 && !::isatty(STDOUT_FILENO);
    console.answer(is_short ? fmt::format("cardvoid {}\n", report::summary_line(ending))
                            : report::summary_text(ending));
  }
}

int carry_out(Console& console, const model::Job* job, Reporter& reporter) {
  const auto& options = console.options();
  run::Credentials keys;
  auto merchant = wechatpay::load_merchant_key(job->merchant);
  if (!merchant) return console.fail(merchant.error());
  keys.merchant = std::move(*merchant);
  auto platform = wechatpay::load_platform_keys(job->platform);
  if (!platform) return console.fail(platform.error());
  keys.platform = std::move(*platform);

  const bool reconcile = options.command == "reconcile";
  if (reconcile)
    if (const auto there = require_results(*job); !there) return console.fail(there.error());
  const auto lock = take_lock(console, *job, options.command);
  if (!lock) return reporter.stand_aside(console.fail(lock.error()));
  auto ledger = open_results(console, *job, ledger::Access::create);
  if (!ledger) return console.fail(ledger.error());

  run::Order order;
  order.command = options.command + (options.overrides.accept_damage ? " --accept-damage" : "");
  order.read_back_only = reconcile;
  order.row_limit = options.limit;
  order.max_duration = options.max_duration;
  order.version = k_version;
  std::int64_t to_send = 0;
  if (reconcile) {
    const auto totals = ledger->totals();
    if (!totals) return console.fail(totals.error());
    const auto fingerprint = ledger->fingerprint();
    if (!fingerprint) return console.fail(fingerprint.error());
    order.fingerprint = *fingerprint;
    to_send = totals->in_doubt();
  } else {
    const auto plan = make_plan(*job, *ledger);
    if (!plan) return console.fail(plan.error());
    warn_about(*plan, console);
    // Nobody is asked for what cannot be done now; a plan that is not the confirmed one is worth a word at
    // any hour.
    const bool asks = !options.yes && options.confirm.empty();
    if (asks)
      if (const auto open = require_open_window(*plan, *job); !open) return console.fail(open.error());
    if (const auto confirmed = confirm(options, *plan, *job, *ledger); !confirmed)
      return console.fail(confirmed.error());
    if (const auto open = require_open_window(*plan, *job); !open) return console.fail(open.error());
    order.fingerprint = plan->fingerprint;
    order.confirmed = !options.confirm.empty();
    to_send = plan->totals.to_send();
  }

  if (Interrupt::has_come()) return console.fail({Errc::stopped, "interrupted; nothing was sent"});

  report::Progress progress{progress_mode(options), stderr, to_send};
  console.attach(&progress);
  Log log{console, progress};
  reporter.begin(*ledger, progress);
  run::Observers observers{{&log, &reporter}};
  order.is_stop_wanted = Interrupt::has_come;

  auto report = run::execute(*job, keys, *ledger, order, observers);
  progress.finish();
  console.attach(nullptr);
  if (!report) return console.fail(report.error());
  // Without examples when the database cannot be read any more: what is known shall be said.
  auto in_doubt = ledger->rows_in_doubt(report->totals.in_doubt() > 0 ? report::k_rows_in_doubt_shown : 0);
  report::Ending ending;
  ending.job = job->name, ending.command = options.command;
  ending.run = report->run;
  ending.standing.totals = report->totals;
  if (in_doubt) ending.standing.in_doubt = std::move(*in_doubt);
  ending.counts = report->counts;
  ending.last = report->last;
  ending.commits = report->commits;
  ending.elapsed = report->elapsed;
  ending.exit_code = report->exit_code;
  if (report->stopped) ending.stopped = report->stopped->what;
  ending.trip = report->trip;
  reporter.keep(ending, *ledger);
  const bool is_failure = report->stopped && report->stopped->code != Errc::stopped &&
                          report->exit_code == static_cast<int>(report->stopped->code);
  say_summary(console, ending, is_failure);
  if (is_failure) {
    if (report->trip) report->stopped->what += next_steps(options, report->totals);
    return console.fail(*report->stopped);
  }
  return report->exit_code;
}

// A bug of ours is told of like any other end.
int carry_out_or_report(Console& console, const model::Job& job, Reporter& reporter) {
  try {
    return carry_out(console, &job, reporter);
  } catch (const std::exception& bug) {
    console.attach(nullptr);  // the display went with what was thrown through
    return console.fail(internal_error(bug));
  }
}

}  // namespace

int run_job(Console& console) {
  const auto& options = console.options();
  console.hold_warnings_back();
  const Interrupt interrupt;  // but while the run itself heeds signals
  if (const auto consent = require_consent(options); !consent) return console.fail(consent.error());
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  Reporter reporter{console, *job};
  if (const auto zone = use_time_zone(*job); !zone) return reporter.finish(console.fail(zone.error()));
  if (const auto ready = reporter.check(); !ready) return reporter.finish(console.fail(ready.error()));
  return reporter.finish(carry_out_or_report(console, *job, reporter));
}

}  // namespace cardvoid::cli
