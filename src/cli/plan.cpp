#include "plan.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/ledger/lock.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "results.hpp"

namespace cardvoid::cli {

namespace {

std::string as_json(const Plan& plan, const model::Job& job) {
  boost::json::array causes;
  for (const auto& cause : plan.causes) {
    boost::json::array lines(cause.example_lines.begin(), cause.example_lines.end());
    causes.push_back(
        boost::json::object{{"cause", cause.cause}, {"count", cause.count}, {"lines", std::move(lines)}});
  }
  const auto list = [](const std::vector<std::string>& texts) {
    return boost::json::array(texts.begin(), texts.end());
  };
  const auto& t = plan.totals;
  return boost::json::serialize(boost::json::object{
             {"job", job.name},
             {"source", plan.imported.source},
             {"remarks", list(plan.imported.remarks)},
             {"samples", list(plan.imported.samples)},
             {"lines", plan.imported.lines},
             {"added", plan.imported.added},
             {"known", plan.imported.known},
             {"duplicates", plan.imported.duplicates},
             {"refused", t.refused},
             {"conflicts", t.conflicts},
             {"vanished", plan.imported.vanished},
             {"vanished_to_send", plan.imported.vanished_to_send},
             {"rows", t.rows()},
             {"to_send", t.to_send()},
             {"pending", t.pending},
             {"in_doubt", t.in_doubt()},
             {"invalidated", t.invalidated},
             {"rejected", t.rejected},
             {"refused_causes", std::move(causes)},
             {"requests_per_second", job.limits.requests_per_second},
             {"seconds_needed", time_needed(t.to_send(), job.limits.requests_per_second).count() / 1000},
             {"fingerprint", plan.fingerprint}}) +
         "\n";
}

}  // namespace

milliseconds time_needed(std::int64_t rows, double per_second) {
  return milliseconds{static_cast<std::int64_t>(static_cast<double>(rows) / per_second * 1000)};
}

Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger) {
  Plan plan;
  const auto imported = run::import_input(job, ledger, Interrupt::has_come);
  if (!imported) return imported.error();
  plan.imported = *imported;
  const auto totals = ledger.totals();
  if (!totals) return totals.error();
  plan.totals = *totals;
  auto causes = ledger.refused_causes();
  if (!causes) return causes.error();
  plan.causes = std::move(*causes);
  auto fingerprint = ledger.fingerprint();
  if (!fingerprint) return fingerprint.error();
  plan.fingerprint = std::move(*fingerprint);
  return plan;
}

std::string plan_text(const Plan& plan, const model::Job& job) {
  using report::grouped;
  const auto& t = plan.totals;
  std::string text = fmt::format("job {}\ninput {}\n", job.name, plan.imported.source);
  for (const auto& remark : plan.imported.remarks) text += fmt::format("  note: {}\n", remark);
  if (!plan.imported.samples.empty()) text += "  samples as decoded, please look whether they make sense:\n";
  for (const auto& sample : plan.imported.samples) text += fmt::format("    {}\n", sample);
  const auto line = [&](const char* label, std::int64_t count, std::string_view remark = {}) {
    text += report::count_line(label, 14, count, remark);
  };
  line("lines read", plan.imported.lines);
  line("new", plan.imported.added);
  line("known", plan.imported.known, "from an earlier import");
  line("duplicates", plan.imported.duplicates, "the same card again: collapsed");
  line("refused", t.refused);
  for (const auto& cause : plan.causes) {
    text += fmt::format("  {:>16}  {} (line{}", grouped(cause.count), cause.cause,
                        cause.example_lines.size() == 1 ? " " : "s ");
    for (std::size_t i = 0; i < cause.example_lines.size(); ++i)
      text += fmt::format("{}{}", i ? ", " : "", cause.example_lines[i]);
    text += static_cast<std::size_t>(cause.count) > cause.example_lines.size() ? ", …)\n" : ")\n";
  }
  if (t.conflicts > 0)
    line("conflicts", t.conflicts, "the input names another openid or reason than the plan: not sent");
  if (plan.imported.vanished > 0)
    line("vanished", plan.imported.vanished,
         fmt::format("rows of an earlier import that the input no longer has; {} of them are still to send",
                     grouped(plan.imported.vanished_to_send)));
  text += fmt::format("{} rows in the job\n", grouped(t.rows()));
  line("invalidated", t.invalidated);
  line("rejected", t.rejected);
  line("in doubt", t.in_doubt(), t.in_doubt() > 0 ? "read back before anything is sent" : "");
  line("pending", t.pending);
  text +=
      fmt::format("to send {} at {:g} requests/s: {}\n", grouped(t.to_send()), job.limits.requests_per_second,
                  humanize_duration(time_needed(t.to_send(), job.limits.requests_per_second)));
  if (const auto most = job.safety.max_rows; most && t.to_send() > *most)
    text += fmt::format("run will refuse: safety.max_rows allows {}\n", grouped(*most));
  return text + fmt::format("fingerprint {}\n", plan.fingerprint);
}

int plan(Console& console) {
  const auto& options = console.options();
  const Interrupt interrupt;
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  const auto lock = ledger::Lock::acquire(job->results.database, "plan");
  if (!lock) return console.fail(lock.error());
  auto ledger = open_results(console, *job, ledger::Access::create);
  if (!ledger) return console.fail(ledger.error());
  const auto made = make_plan(*job, *ledger);
  if (!made) return console.fail(made.error());
  return console.answer(options.json ? as_json(*made, *job) : plan_text(*made, *job))
             ? 0
             : static_cast<int>(Errc::io);
}

}  // namespace cardvoid::cli
