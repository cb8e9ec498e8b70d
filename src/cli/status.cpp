#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/ledger/forget.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/report/screen.hpp>
#include <cardvoid/run/look_ahead.hpp>
#include <cardvoid/run/spoken.hpp>
#include <ctime>

#include "commands.hpp"
#include "console.hpp"
#include "handover.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "results.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;
constexpr timespec k_watch_interval{2, 0};
constexpr int k_runs_shown = 3, k_errors_shown = 5;

struct View {
  model::Limits limits;  // of the run under way, which may have been started with others than the job file's
  report::Standing rows;
  std::int64_t forgotten = 0;  // of them
  std::vector<ledger::RunRecord> runs;
  std::vector<ledger::ErrorCount> errors;
  std::optional<ledger::LockHolder> holder;
  bool is_suspended = false;                // the holder
  std::optional<ledger::Pulse> last_pulse;  // of the run under way
  std::optional<ledger::Pulse> pulse;       // the same, when it is fresh
  // Until everything is sent, or read back by a reconcile.
  run::Outlook outlook;
  std::int64_t log_bytes = 0;  // of a write-ahead log that no run under way needs

  bool is_under_way(const ledger::RunRecord& run) const {
    return run.id == runs.front().id && ledger::is_under_way(run, holder);
  }
};

Result<run::Outlook> look_ahead(const View& view, const model::Job& job, ledger::Ledger& ledger) {
  const bool only_reads_back = view.pulse && view.runs.front().command == "reconcile";
  return run::look_ahead(view.limits, job.safety.window, ledger, view.rows.totals, only_reads_back,
                         view.pulse, read_clocks().wall);
}

Result<View> look(Console& console, const model::Job& job) {
  auto ledger = open_results(console, job, ledger::Access::read_only);
  if (!ledger) return ledger.error();
  View view;
  view.limits = job.limits;
  view.holder = ledger::Lock::holder(job.results.database);
  view.is_suspended = view.holder && ledger::is_suspended(*view.holder);
  if (!view.holder) view.log_bytes = ledger::log_bytes(job.results.database);
  const auto totals = ledger::totals(*ledger);
  if (!totals) return totals.error();
  view.rows.totals = *totals;
  auto in_doubt = ledger::rows_in_doubt(*ledger, report::k_rows_in_doubt_shown);
  if (!in_doubt) return in_doubt.error();
  view.rows.in_doubt = std::move(*in_doubt);
  const auto forgotten = ledger::count_forgotten(*ledger);
  if (!forgotten) return forgotten.error();
  view.forgotten = *forgotten;
  auto runs = ledger::last_runs(*ledger, k_runs_shown);
  if (!runs) return runs.error();
  view.runs = std::move(*runs);
  auto errors = ledger::errors(*ledger, k_errors_shown);
  if (!errors) return errors.error();
  view.errors = std::move(*errors);
  const auto pulse = ledger::pulse(*ledger);
  if (!pulse) return pulse.error();
  view.rows.is_under_way = !view.runs.empty() && view.is_under_way(view.runs.front());
  if (view.rows.is_under_way)
    view.limits.requests_per_second =
        view.runs.front().requests_per_second.value_or(job.limits.requests_per_second);
  if (view.rows.is_under_way && *pulse && (*pulse)->run == view.runs.front().id) view.last_pulse = *pulse;
  if (view.last_pulse && !view.is_suspended && read_clocks().wall - view.last_pulse->at < run::k_pulse_is_old)
    view.pulse = view.last_pulse;
  const auto ahead = look_ahead(view, job, *ledger);
  if (!ahead) return ahead.error();
  view.outlook = *ahead;
  return view;
}

// ---- as JSON ----

boost::json::object as_json(const ledger::RunRecord& run) {
  // Parentheses: braces around a value make an array of it.
  using boost::json::value;
  return {{"run_id", run.id},
          {"command", run.command},
          {"started_at", format_rfc3339(run.started_at)},
          {"ended_at", run.ended_at ? value(format_rfc3339(*run.ended_at)) : value()},
          {"exit_code", run.exit_code ? value(*run.exit_code) : value()},
          {"ending", run.ending.empty() ? value() : value(run.ending)},
          {"tripped_by", run.tripped_by.empty() ? value() : value(run.tripped_by)},
          {"culprits", run.culprits.empty() ? value(boost::json::array()) : boost::json::parse(run.culprits)},
          {"sent", run.counts.sent},
          {"confirmed", run.counts.confirmed},
          {"rejected", run.counts.rejected},
          {"unresolved", run.counts.unresolved},
          {"other_brand", run.counts.other_brand}};
}

boost::json::object as_json(const ledger::LockHolder& holder, bool is_suspended) {
  return {{"pid", holder.pid},
          {"host", holder.host},
          {"command", holder.command},
          {"since", format_rfc3339(holder.since)},
          {"suspended", is_suspended}};
}

bool has_reason(const ledger::Pulse& pulse, std::string_view kind) {
  return std::any_of(pulse.reasons_to_wait.begin(), pulse.reasons_to_wait.end(),
                     [&](const auto& reason) { return reason.kind == kind; });
}

bool is_throttled(const ledger::Pulse& pulse) { return has_reason(pulse, "throttled"); }

boost::json::object as_json(const ledger::Pulse& pulse) {
  return {{"at", format_rfc3339(pulse.at)},
          {"rate", pulse.rate},
          {"allowed_rate", pulse.allowed_rate},
          {"paused_by_429", is_throttled(pulse)},
          {"in_flight", pulse.in_flight},
          {"waiting", pulse.waiting},
          {"canary", pulse.canary},
          {"canary_passed", pulse.canary_passed},
          {"canary_already", pulse.canary_already},
          {"primary", pulse.primary_state},
          {"backup", pulse.backup_state},
          {"reasons_to_wait", ledger::as_json(pulse.reasons_to_wait)}};
}

std::string json_line(const View& view, const model::Job& job, const std::optional<Handover>& handover) {
  using boost::json::value;
  boost::json::array runs, errors;
  for (const auto& run : view.runs) runs.push_back(as_json(run));
  for (const auto& error : view.errors)
    errors.push_back(
        boost::json::object{{"status", error.status}, {"error_code", error.code}, {"count", error.count}});
  boost::json::object answer{{"job", job.name},
                             {"shard", job.shard ? value(model::to_text(*job.shard)) : value()}};
  report::add_standing(answer, view.rows);
  answer["forgotten"] = view.forgotten;
  answer["log_bytes"] = view.log_bytes;
  const auto& ahead = view.outlook;
  const bool is_told = ahead.rows > 0 && ahead.left && ahead.done_at;
  answer["seconds_left"] = is_told ? value(ahead.left->count() / 1000) : value();
  answer["done_at"] = is_told ? value(format_rfc3339(*ahead.done_at)) : value();
  answer["running"] = view.holder ? value(as_json(*view.holder, view.is_suspended)) : value();
  answer["now"] = view.pulse ? value(as_json(*view.pulse)) : value();
  answer["errors"] = std::move(errors);
  answer["runs"] = std::move(runs);
  if (handover) answer["handover"] = handover_json(*handover);
  return to_json_line(answer);
}

// ---- for people ----

std::string words_for_endpoint(const std::string& state) {
  return state == "closed" ? tr("serves") : state == "open" ? tr("does not serve") : tr("is being probed");
}

std::string words_for_ending(const View& view, const ledger::RunRecord& run) {
  if (run.exit_code) return tr("exit {}, {}", *run.exit_code, escape_for_terminal(run::spoken(run.ending)));
  return view.is_under_way(run) ? tr("under way") : tr("died");
}

std::string words_for_holder(const View& view) {
  if (!view.holder) return tr("no run is under way") + "\n";
  const auto& holder = *view.holder;
  auto text = holder.command.empty() ? tr("{} is under way", ledger::to_text(holder))
                                     : tr("{} is under way: pid {} on {}, since {}", holder.command,
                                          holder.pid, holder.host, format_local_full(holder.since));
  text += "\n";
  if (view.is_suspended)
    text += "  " +
            tr("suspended (Ctrl-Z or SIGSTOP): it sends nothing and keeps the job; to go on, type fg where "
               "it was started, or kill -CONT {}",
               holder.pid) +
            "\n";
  return text;
}

std::string words_for_pulse(const View& view, const ledger::Pulse& pulse, WallTime now) {
  auto text =
      fmt::format("  {}\n  {}\n", run::words_for_pace(view.outlook, view.limits, pulse.reasons_to_wait, now),
                  tr("{} in flight, {} waiting to be tried again", pulse.in_flight, pulse.waiting));
  if (pulse.canary > 0) {
    auto canary = tr("canary: {} of {} cards are through, one at a time; then the pace opens",
                     grouped(pulse.canary_passed), grouped(pulse.canary));
    if (pulse.canary_already > 0)
      canary = tr("{} ({} more were INVALID already)", canary, grouped(pulse.canary_already));
    text += "  " + canary + "\n";
  }
  return text + "  " +
         tr("primary {}, backup {}", words_for_endpoint(pulse.primary_state),
            words_for_endpoint(pulse.backup_state)) +
         "\n";
}

std::string page(const View& view, const model::Job& job) {
  const auto& t = view.rows.totals;
  const auto now = read_clocks().wall;
  auto text = tr("job {}: {}", job.title(), tr_n(t.rows(), "{} row", "{} rows")) + "\n" +
              report::standing_text(view.rows);
  if (view.forgotten > 0)
    text += tr_n(view.forgotten, "{} row forgotten: its code, openid and reason were removed",
                 "{} rows forgotten: their codes, openids and reasons were removed") +
            "\n";
  if (const auto lines = t.refused_lines(); lines > 0)
    text += tr_n(lines, "{} input line refused", "{} input lines refused") + "\n";
  text += words_for_holder(view);
  if (view.log_bytes > 0) text += words_for_log(job) + "\n";
  if (view.pulse) text += words_for_pulse(view, *view.pulse, now);
  if (view.outlook.rows > 0)
    text +=
        view.pulse ? "  " + run::words_for_end(view.outlook, now) + "\n" : run::to_text(view.outlook) + "\n";
  for (const auto& error : view.errors)
    text += fmt::format("  {:>14}  {}\n", grouped(error.count),
                        tr("{} ({})", escape_for_terminal(error.code),
                           error.status == "in_flight" ? tr("in flight") : tr(error.status)));
  for (const auto& run : view.runs) {
    text += tr("run {} ({}) {}: sent {}, confirmed {}, rejected {}, unresolved {}; {}", run.id, run.command,
               format_local_full(run.started_at), grouped(run.counts.sent), grouped(run.counts.confirmed),
               grouped(run.counts.rejected), grouped(run.counts.unresolved), words_for_ending(view, run)) +
            "\n";
    if (const auto count = run.counts.other_brand; count > 0)
      text += "  " +
              tr_n(count, "{} answer about the card asked for named another brand_id",
                   "{} answers about the card asked for named another brand_id") +
              "\n";
  }
  return text;
}

Situation situation_of(const View& view) {
  Situation now;
  now.totals = view.rows.totals;
  now.holder = view.holder, now.is_suspended = view.is_suspended;
  now.pulse = view.last_pulse;
  if (!view.runs.empty()) now.last = view.runs.front();
  now.is_open = view.outlook.is_open, now.opens_at = view.outlook.opens_at;
  return now;
}

struct Options {
  std::filesystem::path job_file;
  bool watch = false, handover = false;
};

// As much of the page as the terminal has room for.
std::vector<std::string> lines_for(const std::string& page, report::TerminalSize size) {
  const auto columns = std::max<std::size_t>(size.columns, 2) - 1;
  const auto text = folded(page, columns);
  std::vector<std::string> lines;
  for (std::string_view rest{text}; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    lines.push_back(fit_to_width(rest.substr(0, end), columns));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (lines.size() <= size.rows) return lines;
  const auto shown = std::max<std::size_t>(size.rows, 2) - 1;
  const auto more = tr("({} more lines do not fit)", lines.size() - shown);
  lines.resize(shown);
  lines.push_back(fit_to_width(more, columns));
  return lines;
}

Words words(Options& options) {
  return of_one_shard(
      {{job_file(options.job_file)},
       {{.name = "--watch",
         .help = translatable("Show it again every two seconds, until Ctrl-C"),
         .is_on = &options.watch},
        {.name = "--handover",
         .help = translatable(
             "Show also what a colleague needs who takes over: the command that carries on, paths, "
             "contacts"),
         .excludes = "--watch",
         .is_on = &options.handover}}});
}

// Until the next look; false: the user has had enough.
bool wait_for_next() {
  ::nanosleep(&k_watch_interval, nullptr);  // a signal ends it early
  return !Interrupt::has_come();
}

int watch_on_terminal(Console& console, const model::Job& job) {
  report::Screen screen{stdout};
  do {
    const auto view = look(console, job);
    if (!view) {
      screen.clear();
      return console.fail(view.error());
    }
    screen.show(lines_for(page(*view, job), screen.size()));
  } while (wait_for_next());
  put(stdout, "\n");
  return 0;
}

int status(Console& console, const Options& options) {
  const bool is_json = console.globals().json;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  if (const auto zone = use_time_zone(*job); !zone) return console.fail(zone.error());
  if (const auto found = require_results(*job); !found)
    return fail(console, options.job_file, Stage::results, found.error());
  const Interrupt interrupt;
  if (options.watch && !is_json && ::isatty(STDOUT_FILENO) && report::can_move_cursor())
    return watch_on_terminal(console, *job);
  do {
    const auto view = look(console, *job);
    if (!view) return console.fail(view.error());
    std::optional<Handover> handover;
    if (options.handover) handover = hand_over(console.globals(), *job, situation_of(*view));
    const bool is_written =
        is_json ? console.answer(json_line(*view, *job, handover))
                : console.answer_page(page(*view, *job) + (handover ? handover_text(*handover) : ""));
    if (!is_written) return static_cast<int>(Errc::io);
  } while (options.watch && wait_for_next());
  return 0;
}

}  // namespace

Command status_command() {
  return {.name = "status",
          .group = translatable("Results"),
          .purpose = translatable("Shows totals, rate, time left, endpoints, errors, and the last runs"),
          .examples = {{"cardvoid status gold.toml --watch"}},
          .exits = {{0, translatable("it was shown, however the job stands")},
                    {66, translatable("there is no results database yet, or the job file cannot be opened")},
                    {73, translatable("the results database is damaged, or is not this job's")},
                    {74, translatable("standard output cannot be written, or the database cannot be read")},
                    {78, translatable("the job file is wrong")}},
          .call = call_of(words, status)};
}

}  // namespace cardvoid::cli
