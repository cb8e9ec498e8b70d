#include "commands.hpp"

#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>

#include "plan_words.hpp"
#include "send.hpp"

namespace cardvoid::cli {

namespace {

struct Options {
  std::filesystem::path job_file;
  std::optional<milliseconds> max_duration;
  milliseconds wait_lock{0};
};

Words words(Options& options) {
  return of_one_shard(
      {{job_file(options.job_file)}, {max_duration(options.max_duration), wait_lock(options.wait_lock)}});
}

Result<Assignment> prepare(Console& console, const Options& options, const model::Job& job,
                           ledger::Ledger& ledger) {
  const auto signer = ledger::signer(ledger);
  if (!signer) return signer.error();
  if (!signer->empty() && *signer != job.merchant.signer())
    console.tell(LogLevel::warning, [&] { return words_for_other_signer(*signer, job.merchant.signer()); });
  const auto totals = ledger::totals(ledger);
  if (!totals) return totals.error();
  const auto fingerprint = ledger::fingerprint(ledger);
  if (!fingerprint) return fingerprint.error();
  Assignment assignment;
  assignment.order.command = "reconcile";
  assignment.order.read_back_only = true;
  assignment.order.max_duration = options.max_duration;
  assignment.order.fingerprint = *fingerprint;
  assignment.to_send = totals->in_doubt();
  return assignment;
}

int reconcile(Console& console, const Options& options) {
  Sending sending;
  sending.job_file = options.job_file;
  sending.needs_results = true;
  sending.wait_lock = options.wait_lock;
  sending.prepare = [&](const model::Job& job, ledger::Ledger& ledger, Stage&) {
    return prepare(console, options, job, ledger);
  };
  return send(console, sending);
}

}  // namespace

Command reconcile_command() {
  return {
      .name = "reconcile",
      .group = translatable("Run"),
      .purpose = translatable("Settles every row in doubt by reading the card back; invalidates nothing"),
      .examples = {{"cardvoid reconcile gold.toml"}},
      .exits =
          {{0, translatable("nothing is in doubt; rows may be left to send")},
           {66, translatable("there is no results database yet, or the job file or a key cannot be opened")},
           {69, translatable("the platform is away or in trouble for too long; rows are still in doubt")},
           {73, translatable("the results database is damaged, or is not this job's")},
           {74, translatable("results cannot be written: sending stopped at once")},
           {75, translatable("rows are still in doubt, or another cardvoid holds the job")},
           {76, translatable(
                    "it stopped itself, for contradictory answers for example; rows are still in doubt")},
           {77, translatable("the platform refuses the credentials, or a key is unusable")},
           {78, translatable("the job file is wrong")}},
      .call = call_of(words, reconcile)};
}

}  // namespace cardvoid::cli
