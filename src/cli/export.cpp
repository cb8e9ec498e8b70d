#include <fmt/format.h>
#include <cardvoid/report/export.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.hpp"

namespace cardvoid::cli {

int export_results(Console& console) {
  const auto& options = console.options();
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  auto ledger = ledger::Ledger::open(job->results.database, job->name, ledger::Access::read_only);
  if (!ledger) return console.fail(ledger.error());
  std::FILE* out = options.output.empty() || options.output == "-"
                       ? stdout
                       : std::fopen(options.output.c_str(), "wb");  // 0600: the process's umask
  const auto cannot = [&] {
    return console.fail({Errc::io, fmt::format("{}: cannot write: {}",
                                               options.output.empty() ? "standard output" : options.output,
                                               std::strerror(errno))});
  };
  if (!out) return cannot();
  const bool csv = options.format == ExportFormat::csv;
  bool written = true;
  const auto put = [&](const std::string& text) {
    written = written && std::fwrite(text.data(), 1, text.size(), out) == text.size();
  };
  if (csv) put(report::csv_header(options.excel));
  const auto status = options.status.empty() ? std::nullopt : model::status_from_text(options.status);
  const auto rows = ledger->each_result(status, [&](const ledger::ResultRow& row) {
    put(csv ? report::csv_line(row, options.excel) : report::json_line(row));
  });
  written = written && std::fflush(out) == 0;
  if (out != stdout && std::fclose(out) != 0) written = false;
  if (!rows) return console.fail(rows.error());
  return written ? 0 : cannot();
}

}  // namespace cardvoid::cli
