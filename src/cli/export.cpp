#include <fmt/format.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/report/export.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.hpp"
#include "own_files.hpp"
#include "results.hpp"

namespace cardvoid::cli {

int export_results(Console& console) {
  const auto& options = console.options();
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  const bool to_file = !options.output.empty() && options.output != "-";
  if (to_file)
    if (const auto allowed = refuse_own_files("-o", options.output, *job); !allowed)
      return console.fail(allowed.error());
  auto ledger = open_results(console, *job, ledger::Access::read_only);
  if (!ledger) return console.fail(ledger.error());
  // A damaged page can hide rows without an error: results that lack some must not look whole.
  if (const auto sound = ledger->verify(); !sound) return console.fail(sound.error());

  auto out = to_file ? PrivateFile::create(options.output) : PrivateFile::standard_output();
  if (!out) return console.fail(out.error());
  const bool csv = options.format == ExportFormat::csv;
  if (csv) out->write(report::csv_header(options.excel));
  const auto status = options.status.empty() ? std::nullopt : model::status_from_text(options.status);
  const auto rows = ledger->each_result(status, [&](const ledger::ResultRow& row) {
    out->write(csv ? report::csv_line(row, options.excel) : report::json_line(row));
  });
  if (!rows) return console.fail(rows.error());
  if (const auto done = out->finish(); !done) return console.fail(done.error());
  return 0;
}

}  // namespace cardvoid::cli
