#include <fmt/format.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/report/export.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.hpp"
#include "output.hpp"
#include "own_output.hpp"
#include "results.hpp"

namespace cardvoid::cli {

namespace {

enum class Format { csv, jsonl };

struct Options {
  std::filesystem::path job_file, output;
  Format format = Format::csv;
  std::optional<model::Status> status;
  bool excel = false;
};

Words words(Options& options) {
  using enum model::Status;
  return of_one_shard(
      {{job_file(options.job_file)},
       {choice("--format", "FORMAT", translatable("What to write (default: csv)"), options.format,
               {{"csv", Format::csv}, {"jsonl", Format::jsonl}}),
        choice<std::optional<model::Status>>("--status", "STATUS", "Only rows of this status", options.status,
                                             {{"pending", pending},
                                              {"in_flight", in_flight},
                                              {"invalidated", invalidated},
                                              {"rejected", rejected},
                                              {"unresolved", unresolved}}),
        {.name = "--output",
         .letter = 'o',
         .value = "FILE",
         .help = translatable("Write to FILE (mode 0600), not to standard output"),
         .kind = ValueKind::file,
         .set = into(options.output)},
        {.name = "--excel",
         .help = translatable(
             "For a spreadsheet: keep codes as text and formulas harmless. Without it values stand as they "
             "are, and a spreadsheet runs one that begins with = + - @, a tab or a carriage return"),
         .is_on = &options.excel}}});
}

Result<void> check_words(Options& options, const Globals& globals) {
  if (globals.json) options.format = Format::jsonl;
  if (options.excel && options.format == Format::jsonl)
    return Error{Errc::usage, tr("--excel is for CSV; leave it out or leave out --format jsonl and --json")};
  return {};
}

int export_results(Console& console, const Options& options) {
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  if (const auto allowed = check_outputs({{"-o", options.output}}, *job); !allowed)
    return console.fail(allowed.error());
  auto ledger = open_results(console, *job, ledger::Access::read_only);
  if (!ledger) return console.fail(ledger.error());
  // A damaged page can hide rows without an error: results that lack some must not look whole.
  if (const auto sound = ledger->verify(); !sound) return console.fail(sound.error());

  auto out = Output::open(console, options.output);
  if (!out) return console.fail(out.error());
  const bool csv = options.format == Format::csv;
  if (csv) out->write(report::csv_header(options.excel));
  const auto rows = ledger::each_result(*ledger, options.status, [&](const ledger::ResultRow& row) {
    out->write(csv ? report::csv_line(row, options.excel) : report::json_line(row));
  });
  if (!rows) return console.fail(rows.error());
  return out->finish();
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .group = translatable("Results"),
          .purpose = translatable("Writes the results as CSV or JSON Lines"),
          .about = translatable(
              "The column settled_by says how we know that a row is invalidated:\n"
              "  answer     by a verified answer to our invalidation\n"
              "  read_back  the card was read back after a lost or doubtful answer, and is INVALID\n"
              "  already    it was INVALID before our first request\n"
              "docs/results.md has more, and SQL that finds the attempt that did it."),
          .examples = {{"cardvoid export gold.toml --status rejected -o rejected.csv"}},
          .exits = {{0, translatable("every row that was asked for is written")},
                    {66, translatable("there is no results database yet, or the job file cannot be opened")},
                    {73, translatable("the results database is damaged, or is not this job's")},
                    {74, translatable("the output cannot be written, or the database cannot be read")},
                    {78, translatable("the job file is wrong")}},
          .call = call_of(words, export_results, check_words)};
}

}  // namespace cardvoid::cli
