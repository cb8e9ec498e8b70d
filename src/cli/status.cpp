#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/ledger/lock.hpp>

#include "commands.hpp"

namespace cardvoid::cli {

namespace {

boost::json::object as_json(const ledger::RunRecord& run) {
  // Parentheses: braces around a value make an array of it.
  using boost::json::value;
  return {{"run_id", run.id},
          {"command", run.start.command},
          {"started_at", format_rfc3339(run.start.started_at)},
          {"ended_at", run.ended_at ? value(format_rfc3339(*run.ended_at)) : value()},
          {"exit_code", run.exit_code ? value(*run.exit_code) : value()},
          {"ending", run.ending},
          {"sent", run.counts.sent},
          {"confirmed", run.counts.confirmed},
          {"rejected", run.counts.rejected},
          {"unresolved", run.counts.unresolved}};
}

boost::json::object as_json(const ledger::LockHolder& holder) {
  return {{"pid", holder.pid},
          {"host", holder.host},
          {"command", holder.command},
          {"since", format_rfc3339(holder.since)}};
}

}  // namespace

int status(Console& console) {
  const auto& options = console.options();
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  auto ledger = ledger::Ledger::open(job->results.database, job->name, ledger::Access::read_only);
  if (!ledger) return console.fail(ledger.error());
  const auto totals = ledger->totals();
  if (!totals) return console.fail(totals.error());
  const auto runs = ledger->last_runs(3);
  if (!runs) return console.fail(runs.error());
  const auto holder = ledger::Lock::holder(job->results.database);

  const auto& t = *totals;
  if (options.json) {
    boost::json::array history;
    for (const auto& run : *runs) history.push_back(as_json(run));
    const boost::json::object answer{
        {"job", job->name},
        {"rows", t.rows()},
        {"pending", t.pending},
        {"in_flight", t.in_flight},
        {"invalidated", t.invalidated},
        {"rejected", t.rejected},
        {"unresolved", t.unresolved},
        {"in_doubt", t.in_doubt()},
        {"refused", t.refused},
        {"already", t.already},
        {"read_back", t.read_back},
        {"running", holder ? boost::json::value(as_json(*holder)) : boost::json::value()},
        {"runs", std::move(history)}};
    return console.answer(boost::json::serialize(answer) + "\n") ? 0 : static_cast<int>(Errc::io);
  }

  using report::grouped;
  std::string text = fmt::format("job {}: {} rows\n", job->name, grouped(t.rows()));
  const auto line = [&](const char* label, std::int64_t count) {
    text += fmt::format("  {:<12}{:>14}\n", label, grouped(count));
  };
  line("in doubt", t.in_doubt());
  line("invalidated", t.invalidated);
  line("rejected", t.rejected);
  line("pending", t.pending);
  if (t.refused > 0) text += fmt::format("{} input lines refused\n", grouped(t.refused));
  text += holder ? fmt::format("{} is under way: pid {} on {}, since {}\n", holder->command, holder->pid,
                               holder->host, format_rfc3339(holder->since))
                 : std::string{"no run is under way\n"};
  if (holder && t.to_send() > 0)
    text += fmt::format("left at {:g} requests/s: {}\n", job->limits.requests_per_second,
                        humanize_duration(milliseconds{static_cast<std::int64_t>(
                            static_cast<double>(t.to_send()) / job->limits.requests_per_second * 1000)}));
  for (const auto& run : *runs)
    text += fmt::format(
        "run {} ({}) {}: sent {}, confirmed {}, rejected {}, unresolved {}; {}\n", run.id, run.start.command,
        format_rfc3339(run.start.started_at), grouped(run.counts.sent), grouped(run.counts.confirmed),
        grouped(run.counts.rejected), grouped(run.counts.unresolved),
        run.exit_code ? fmt::format("exit {}, {}", *run.exit_code, escape_for_terminal(run.ending))
        : holder      ? std::string{"under way"}
                      : std::string{"died"});
  return console.answer(text) ? 0 : static_cast<int>(Errc::io);
}

}  // namespace cardvoid::cli
