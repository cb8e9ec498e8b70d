#include "report.hpp"

#include <fmt/format.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <future>

#include "commands.hpp"
#include "next_steps.hpp"
#include "output.hpp"
#include "own_output.hpp"
#include "results.hpp"
#include "time_zone.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

struct Options {
  std::filesystem::path job_file, output;
};

Words words(Options& options) {
  return of_one_shard({{job_file(options.job_file)},
                       {{.name = "--output",
                         .letter = 'o',
                         .value = "FILE",
                         .help = translatable("Write the page to FILE (mode 0600); - is standard output"),
                         .kind = ValueKind::file,
                         .required = true,
                         .set = into(options.output)}}});
}

using Digest = Result<std::optional<report::ExportDigest>>;

// What `read` returns, from a thread, where there is one to be had, and a connection of its own. `job` must
// live until then.
template <class Read>
auto beside(const model::Job& job, Read read) {
  return std::async(std::launch::async | std::launch::deferred,
                    [&job, read]() -> decltype(read(std::declval<ledger::Ledger&>())) {
                      auto same = ledger::Ledger::open(job.results.database, job, ledger::Access::read_only);
                      if (!same) return same.error();
                      return read(*same);
                    });
}

int write_report(Console& console, const Options& options) {
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  if (const auto zone = use_time_zone(*job); !zone) return console.fail(zone.error());
  if (const auto allowed = check_outputs({{"-o", options.output}}, *job); !allowed)
    return console.fail(allowed.error());
  auto ledger = open_results(console, *job, ledger::Access::read_only);
  if (!ledger) return fail(console, options.job_file, Stage::results, ledger.error());
  const auto page = make_report(console.globals(), options.job_file, *job, *ledger);
  if (!page) return console.fail(page.error());
  auto out = Output::open(console, options.output);
  if (!out) return console.fail(out.error());
  out->write(*page);
  return out->finish();
}

}  // namespace

Result<std::string> make_report(const Globals& globals, const std::filesystem::path& job_file,
                                const model::Job& job, ledger::Ledger& ledger) {
  report::ReportOrder order;
  order.language = globals.lang;
  order.now = read_clocks().wall;
  order.version = k_version;
  order.command = [&](std::string_view name, std::string_view flags) {
    return command_line(globals, job_file, name, flags);
  };
  order.holder = ledger::Lock::holder(job.results.database);
  if (order.holder) return report::job_report(job, ledger, order, [] { return Digest{std::nullopt}; });
  // Three readers at the same time: each takes about a second for a million rows.
  auto digest = beside(job, [](ledger::Ledger& same) { return report::export_digest(same); });
  // A damaged page can hide rows without an error: results that lack some must not look whole.
  auto sound = beside(job, [](ledger::Ledger& same) { return same.verify(); });
  auto page = report::job_report(job, ledger, order, [&digest]() -> Digest {
    const auto made = digest.get();
    if (!made) return made.error();
    return std::optional{*made};
  });
  if (const auto checked = sound.get(); !checked) return checked.error();
  return page;
}

Command report_command() {
  return {
      .name = "report",
      .group = translatable("Results"),
      .purpose = translatable("Writes one HTML page with all that happened, with charts"),
      .about = translatable(
          "The page needs no network and no script: it can be sent by e-mail, printed and kept. What was\n"
          "asked and by whom, the outcome, progress and rate over time, latency, answers, causes of\n"
          "rejection with what to do, runs, and the SHA-256 of what `cardvoid export` writes. Card codes\n"
          "are masked, openids left out. `results.report_file` has it rewritten while a run is under way."),
      .examples = {{"cardvoid report gold.toml -o gold.html --lang zh"}},
      .exits = {{0, translatable("the page is written")},
                {66, translatable("there is no results database yet, or the job file cannot be opened")},
                {73, translatable("the results database is damaged, or is not this job's")},
                {74, translatable("the page cannot be written, or the database cannot be read")},
                {78, translatable("the job file is wrong")}},
      .call = call_of(words, write_report)};
}

}  // namespace cardvoid::cli
