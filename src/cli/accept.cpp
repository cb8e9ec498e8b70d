#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/report/progress.hpp>

#include "chosen_rows.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "note.hpp"
#include "results.hpp"
#include "take_lock.hpp"

namespace cardvoid::cli {

namespace {

struct Options {
  std::filesystem::path job_file;
  ChosenRows rows;
  std::string note;
  milliseconds wait_lock{0};
};

Words words(Options& options) {
  auto flags = flags_of(options.rows);
  flags.push_back(
      note_flag(translatable("Why they are settled, for the record; one line, required"), options.note));
  flags.push_back(wait_lock(options.wait_lock));
  return of_one_shard({{job_file(options.job_file)}, std::move(flags)});
}

Result<void> check_words(Options& options, const Globals&) {
  if (!options.rows.is_any())
    return Error{Errc::usage,
                 tr("accept: say which rows, with --status, --code or --where-code-in; a person settles only "
                    "what the person has looked at")};
  return check_note("accept", options.note);
}

std::string answer_text(const ledger::Accepted& result, const std::string& by, const model::Job& job) {
  std::string text = tr("job {}", job.name) + "\n";
  const auto line = [&](const std::string& label, std::int64_t count, std::string_view remark = {}) {
    text += report::count_line(label, 16, count, remark);
  };
  line(tr("accepted"), result.rows(),
       result.rows() > 0 ? tr("by {}: {} rejected and {} unresolved; neither sent nor read back, and "
                              "no longer counted for exit codes and success",
                              by, grouped(result.rejected), grouped(result.unresolved))
                         : "");
  line(tr("accepted before"), result.before, result.before > 0 ? tr("left as they are") : "");
  line(tr("in flight"), result.in_doubt,
       result.in_doubt > 0 ? tr("left as they are: `cardvoid reconcile` first") : "");
  line(tr("not eligible"), result.not_eligible);
  line(tr("not found"), result.not_found, result.not_found > 0 ? tr("codes without a row") : "");
  return text;
}

std::string as_json(const ledger::Accepted& result, const std::string& by, const model::Job& job) {
  return to_json_line({{"job", job.name},
                       {"accepted", result.rows()},
                       {"accepted_rejected", result.rejected},
                       {"accepted_unresolved", result.unresolved},
                       {"accepted_before", result.before},
                       {"accepted_by", by},
                       {"in_doubt", result.in_doubt},
                       {"not_eligible", result.not_eligible},
                       {"not_found", result.not_found}});
}

// Puts a person's word on record; sends nothing and needs no keys.
int accept(Console& console, const Options& options) {
  const Interrupt interrupt;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  std::optional<input::CodeList> list;
  const auto choice = choice_of(options.rows, job->input, list);
  if (!choice) return console.fail(choice.error());

  if (const auto there = require_results(*job); !there)
    return fail(console, options.job_file, Stage::results, there.error());
  const auto lock = take_lock(console, *job, "accept", options.wait_lock);
  if (!lock) return fail(console, options.job_file, Stage::lock, lock.error());
  auto ledger = open_locked(console, *job, *lock, ledger::Access::read_write);
  if (!ledger) return fail(console, options.job_file, Stage::results, ledger.error());
  const auto by = user_name();
  const auto result = ledger::accept(*ledger, *choice, {by, read_clocks().wall, options.note});
  if (!result) return console.fail(result.error());
  (void)ledger->checkpoint();
  warn_of_log(console, *job);

  warn_about(*result, options.rows, console);
  (void)(console.globals().json ? console.answer(as_json(*result, by, *job))
                                : console.answer_words(answer_text(*result, by, *job)));
  if (result->in_doubt > 0)
    return console.fail(
        {Errc::stopped, tr("left as they are, since a request for them may be under way: {}{}; run `cardvoid "
                           "reconcile {}` first, which reads the cards back",
                           tr_n(result->in_doubt, "{} row", "{} rows"),
                           examples(result->rows_in_doubt, result->in_doubt), options.job_file.string())});
  if (result->rows() + result->before == 0)
    return console.fail({Errc::bad_input, tr("no row matches; nothing was accepted")});
  return 0;
}

}  // namespace

Command accept_command() {
  return {
      .name = "accept",
      .group = translatable("Results"),
      .purpose = translatable("Settles chosen rejected or unresolved rows by a person's word; sends nothing"),
      .about = translatable(
          "For rows that a person has looked at and that are to stay as they are. Who, when and why are on "
          "record: the columns accepted_at, accepted_by and accepted_note.\n"
          "Accepted rows keep their status, are never sent and never read back, and no longer count for exit "
          "codes and for the time of the last success. So an unresolved card that is accepted may be INVALID "
          "or not: nothing finds out any more. `cardvoid retry` withdraws an acceptance.\n"
          "Filters combine: a row must pass all that are given, and at least one must be given."),
      .examples =
          {{"cardvoid accept gold.toml --status rejected --note \"OPS-7: cards of closed accounts\""}},
      .exits = {{0, translatable("every row that matched is accepted")},
                {65, translatable("no row matches")},
                {75, translatable("rows in flight stayed as they are, or a run is under way")}},
      .call = call_of(words, accept, check_words)};
}

}  // namespace cardvoid::cli
