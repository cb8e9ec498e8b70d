#include "plan.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/interruptible.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/run/outlook.hpp>

#include "commands.hpp"
#include "consent.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "own_output.hpp"
#include "plan_words.hpp"
#include "results.hpp"
#include "space.hpp"
#include "take_lock.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_digits_to_confirm = 12;

// The disk may fill up in the days that a run takes, and then it stops: better to know before.
void check_space(const std::filesystem::path& database, Plan& plan) {
  const auto space = look_at_space(database, {plan.totals.rows(), 0, plan.totals.to_send()});
  if (!space || space->available_bytes > space->prudent_bytes) return;
  const auto remark = [&] {
    return tr("the results database may grow by {} MiB in the run, and its disk has {} MiB left",
              space->prudent_bytes >> 20, space->available_bytes >> 20);
  };
  plan.imported.remarks.push_back(remark());
  const InEnglish of_log;
  plan.imported.remarks_of_log.push_back(remark());
}

// Does the job file name this brand, and not the list?
bool is_brand_of_job(const model::Job& job, const std::string& brand_id) {
  return job.merchant.api == model::Api::brand || job.defaults.brand_id == brand_id;
}

Result<void> look_for_strangers(const model::Job& job, ledger::Ledger& ledger, Plan& plan) {
  if (plan.totals.to_send() + plan.totals.in_doubt() == 0) return {};
  const auto brands = ledger::other_brand(ledger, plan.survey.brands);
  if (!brands) return brands.error();
  const auto signer = ledger::signer(ledger);
  if (!signer) return signer.error();
  plan.other_brand = *brands;
  if (!signer->empty() && *signer != job.merchant.signer()) plan.former_signer = *signer;
  const auto* const now = *brands ? &(**brands).now : nullptr;
  plan.needs_a_person =
      now ? !now->was_requested && is_brand_of_job(job, now->brand_id) : !plan.former_signer.empty();
  return {};
}

Words words(PlanOptions& options) {
  return of_one_shard(
      {{job_file(options.job_file)},
       {{.name = "--diff",
         .value = "[FILE]",
         .help = translatable(
             "List what was added, what changed and what left the list since the plan that was confirmed "
             "last, else since the last import; all of it to FILE (CSV, mode 0600)"),
         .kind = ValueKind::file,
         .set = into(options.diff_file),
         .is_on = &options.diff},
        {.name = "--refused",
         .value = "FILE",
         .help = translatable(
             "Write the refused lines to FILE (mode 0600), in the columns of the input plus the cause"),
         .kind = ValueKind::file,
         .set = into(options.refused_file)},
        {.name = "--page",
         .value = "FILE.html",
         .help = translatable(
             "Write the page to approve as HTML to FILE.html (mode 0600), with room for a name, a date and "
             "a signature"),
         .kind = ValueKind::file,
         .set = into(options.page_file)},
        accept_damage(options.accept_damage),
        wait_lock(options.wait_lock)}});
}

std::vector<OutputFile> outputs(const PlanOptions& options) {
  return {{"--refused", options.refused_file}, {"--diff", options.diff_file}, {"--page", options.page_file}};
}

Result<void> check_words(PlanOptions& options, const Globals&) {
  for (const auto& [flag, file] : outputs(options))
    if (file == "-")
      return Error{Errc::usage, tr("{} -: name a file; standard output is for the plan", flag)};
  return {};
}

// As this command was given. Empty: a run would refuse the plan.
std::string run_command(const Globals& globals, const PlanOptions& options, const Plan& plan,
                        const model::Job& job) {
  if (plan.fingerprint.empty() || is_too_large(plan, job)) return {};
  return command_line(globals, options.job_file, "run",
                      fmt::format("--confirm {}{}", plan.fingerprint.substr(0, k_digits_to_confirm),
                                  options.accept_damage ? " --accept-damage" : ""));
}

Result<void> write_page(const std::filesystem::path& file, const Plan& plan, const model::Job& job,
                        ledger::Ledger& ledger) {
  const auto page = plan_html(plan, job, ledger);
  if (!page) return page.error();
  return write_private_file(file, *page);
}

Result<void> write_answer(Console& console, const PlanOptions& options, const Plan& plan,
                          const model::Job& job, ledger::Ledger& ledger) {
  const bool as_json = console.globals().json;
  const auto write = [&](std::string_view text) {
    if (!console.has_lost_answer()) (void)(as_json ? console.answer(text) : console.answer_words(text));
  };
  Result<void> all;
  if (as_json) {
    JsonStream json{write};
    json.begin_object();
    json.members(plan_json(plan, job));
    if (options.diff) all = write_differences(json, ledger);
    json.end_object();
  } else {
    std::string differences;
    if (options.diff) {
      const auto found = find_differences(ledger);
      if (!found) return found.error();
      differences = differences_text(*found, options.diff_file);
    }
    write(plan_text(plan, job, differences));
  }
  return all;
}

// For whom the plan is shown to.
Result<void> look_closely(Plan& plan, ledger::Ledger& ledger) {
  auto causes = ledger::refused_causes(ledger);
  if (!causes) return causes.error();
  plan.causes = std::move(*causes);
  if (plan.totals.protected_pending > 0) {
    const auto protected_rows = ledger::protected_rows(ledger);
    if (!protected_rows) return protected_rows.error();
    plan.protected_rows = *protected_rows;
  }
  auto survey = ledger::survey(ledger, k_most_templates);
  if (!survey) return survey.error();
  plan.survey = std::move(*survey);
  if (plan.totals.to_send() == 0) return {};
  plan.fingerprint = plan.survey.plan.fingerprint;
  return ledger::remember_plan(ledger, plan.survey.plan, read_clocks().wall, user_name());
}

}  // namespace

Result<Plan> make_plan(const model::Job& job, ledger::Ledger& ledger, run::Again again) {
  const ledger::Interruptible scope{ledger, Interrupt::has_come};
  Plan plan;
  // Whether one of several brands is a stranger takes a look at all rows.
  const auto brands = ledger::brands(ledger);
  if (!brands) return brands.error();
  if (brands->size() > 1) again = run::Again::always;
  auto imported = run::import_input(job, ledger, Interrupt::has_come, again);
  if (!imported) return imported.error();
  plan.imported = std::move(*imported);
  const auto totals = ledger::totals(ledger);
  if (!totals) return totals.error();
  plan.totals = *totals;
  if (!plan.imported.is_unchanged)
    if (const auto looked = look_closely(plan, ledger); !looked) return looked.error();
  plan.remaining.rows = plan.totals.to_send();
  if (job.limits.per == model::QuotaPer::brand) {
    const auto most = ledger::most_to_send_of_a_brand(ledger);
    if (!most) return most.error();
    plan.remaining.rows_of_one_brand = *most;
  }
  plan.needed =
      *run::outlook(job.limits, std::nullopt, plan.remaining, std::nullopt, read_clocks().wall).needed;
  check_space(job.results.database, plan);
  if (const auto looked = look_for_strangers(job, ledger, plan); !looked) return looked.error();
  return plan;
}

int plan(Console& console, const PlanOptions& options) {
  const Interrupt interrupt;
  const auto give_up = [&](Stage stage, const Error& why) {
    return fail(console, options.job_file, stage, why);
  };
  auto job = load_job(console.globals(), options.job_file, options.accept_damage);
  if (!job) return give_up(Stage::job, job.error());
  if (const auto proven = add_proof_of_consent(*job); !proven) return give_up(Stage::job, proven.error());
  if (const auto zone = use_time_zone(*job); !zone) return give_up(Stage::job, zone.error());
  if (const auto allowed = check_outputs(outputs(options), *job); !allowed)
    return give_up(Stage::job, allowed.error());
  const auto lock = take_lock(console, *job, "plan", options.wait_lock);
  if (!lock) return give_up(Stage::lock, lock.error());
  auto ledger = open_locked(console, *job, *lock, ledger::Access::create);
  if (!ledger) return give_up(Stage::results, ledger.error());
  auto made = make_plan(*job, *ledger);
  if (!made) return give_up(Stage::input, made.error());
  made->run_command = run_command(console.globals(), options, *made, *job);
  warn_of_protect_list(*made, console);
  const bool is_read_here = ::isatty(STDOUT_FILENO) && !console.globals().json;  // and the plan has it
  if (!is_read_here) warn_of_strangers(*made, *job, console);
  if (!options.refused_file.empty())
    if (const auto written = write_refused(options.refused_file, made->imported.dialect, *ledger); !written)
      return give_up(Stage::sending, written.error());
  if (!options.diff_file.empty())
    if (const auto written = write_differences(options.diff_file, *ledger); !written)
      return give_up(Stage::sending, written.error());
  if (!options.page_file.empty())
    if (const auto written = write_page(options.page_file, *made, *job, *ledger); !written)
      return give_up(Stage::sending, written.error());
  if (const auto written = write_answer(console, options, *made, *job, *ledger); !written)
    return give_up(Stage::sending, written.error());
  (void)ledger->checkpoint();
  warn_of_log(console, *job);
  return 0;
}

Command plan_command() {
  return {
      .name = "plan",
      .group = translatable("Before a run"),
      .purpose = translatable("Imports the input and shows what a run would do; sends nothing"),
      .examples = {{"cardvoid plan gold.toml"}},
      .exits = {{0, translatable("the input was read, even where single lines were refused")},
                {65, translatable("the input or the list of protected cards is not what it claims to be")},
                {66, translatable("the job file, the input or the list of protected cards cannot be opened")},
                {73,
                 translatable("the results database cannot be created, is damaged, or is not this job's")},
                {74, translatable("the results, the plan or a FILE cannot be written")},
                {75, translatable("another cardvoid holds the job, or a signal came")},
                {78, translatable("the job file is wrong")}},
      .call = call_of(words, plan, check_words)};
}

}  // namespace cardvoid::cli
