#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/report/progress.hpp>

#include "chosen_rows.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "results.hpp"
#include "take_lock.hpp"

namespace cardvoid::cli {

namespace {

struct Options {
  std::filesystem::path job_file;
  ChosenRows rows;
  milliseconds wait_lock{0};
};

Words words(Options& options) {
  auto flags = flags_of(options.rows);
  flags.push_back(wait_lock(options.wait_lock));
  return of_one_shard({{job_file(options.job_file)}, std::move(flags)});
}

Result<void> check_words(Options& options, const Globals&) {
  if (options.rows.is_any()) return {};
  return Error{Errc::usage,
               tr("retry: say which rows, with --status, --code or --where-code-in; rows that the platform "
                  "refused are sent again only when you choose them")};
}

std::string answer_text(const ledger::PutBack& result, const model::Job& job) {
  std::string text = tr("job {}", job.name) + "\n";
  const auto line = [&](const std::string& label, std::int64_t count, std::string_view remark = {}) {
    text += report::count_line(label, 14, count, remark);
  };
  line(tr("retried"), result.retried,
       result.retried > 0
           ? tr("pending again: the next run sends them; `cardvoid plan` shows the fingerprint")
           : "");
  if (result.is_protected > 0)
    line(tr("protected"), result.is_protected, tr("of them: protected, and so not sent"));
  if (result.acceptances_withdrawn > 0)
    line(tr("accepted"), result.acceptances_withdrawn, tr("of them: the acceptance is withdrawn"));
  if (result.accepted > 0)
    line(tr("accepted"), result.accepted,
         tr("left as they are: only --code or --where-code-in takes them back"));
  line(tr("in doubt"), result.in_doubt,
       result.in_doubt > 0 ? tr("left as they are: `cardvoid reconcile` first") : "");
  line(tr("not eligible"), result.not_eligible);
  line(tr("not found"), result.not_found, result.not_found > 0 ? tr("codes without a row") : "");
  return text;
}

std::string as_json(const ledger::PutBack& result, const model::Job& job) {
  return to_json_line({{"job", job.name},
                       {"retried", result.retried},
                       {"protected", result.is_protected},
                       {"acceptances_withdrawn", result.acceptances_withdrawn},
                       {"accepted", result.accepted},
                       {"in_doubt", result.in_doubt},
                       {"not_eligible", result.not_eligible},
                       {"not_found", result.not_found}});
}

// Puts chosen rows back into the plan; sends nothing and needs no keys.
int retry(Console& console, const Options& options) {
  const Interrupt interrupt;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());

  std::optional<input::CodeList> list;
  auto choice = choice_of(options.rows, job->input, list);
  if (!choice) return console.fail(choice.error());

  if (const auto there = require_results(*job); !there)
    return fail(console, options.job_file, Stage::results, there.error());
  const auto lock = take_lock(console, *job, "retry", options.wait_lock);
  if (!lock) return fail(console, options.job_file, Stage::lock, lock.error());
  auto ledger = open_locked(console, *job, *lock, ledger::Access::read_write);
  if (!ledger) return fail(console, options.job_file, Stage::results, ledger.error());
  choice->at = read_clocks().wall, choice->by = user_name();
  const auto result = ledger::put_back(*ledger, *choice);
  if (!result) return console.fail(result.error());
  (void)ledger->checkpoint();
  warn_of_log(console, *job);

  warn_about(*result, options.rows, console);
  (void)(console.globals().json ? console.answer(as_json(*result, *job))
                                : console.answer_words(answer_text(*result, *job)));
  if (result->in_doubt > 0)
    return console.fail(
        {Errc::stopped,
         tr("left as they are, since in doubt: {}{}; run `cardvoid reconcile {}` first, which reads the "
            "cards back",
            tr_n(result->in_doubt, "{} row", "{} rows"), examples(result->rows_in_doubt, result->in_doubt),
            options.job_file.string())});
  if (result->retried == 0)
    return console.fail({Errc::bad_input, result->accepted > 0
                                              ? tr("only accepted rows match; nothing was put back")
                                              : tr("no row matches; nothing was put back")});
  return 0;
}

}  // namespace

Command retry_command() {
  return {
      .name = "retry",
      .group = translatable("Results"),
      .purpose = translatable("Puts chosen rejected or unresolved rows back to pending; sends nothing"),
      .about = translatable(
          "Filters combine: a row must pass all that are given, and at least one must be given.\n"
          "Rows in doubt stay as they are until `cardvoid reconcile` has read them back. In doubt are rows "
          "in flight, and unresolved rows unless their last request is a read-back that found the card "
          "not INVALID.\n"
          "An earlier --confirm does not cover rows that were put back. Their attempts stay on record.\n"
          "Rows that `cardvoid accept` has settled are left as they are, unless --code or --where-code-in "
          "names them: then the acceptance is withdrawn, and stays on record."),
      .examples = {{"cardvoid retry gold.toml --status rejected --where-code-in corrected.txt"}},
      .exits = {{0, translatable("every row that matched was put back")},
                {65, translatable("no row matches")},
                {75, translatable("rows in doubt stayed as they are, or a run is under way")}},
      .call = call_of(words, retry, check_words)};
}

}  // namespace cardvoid::cli
