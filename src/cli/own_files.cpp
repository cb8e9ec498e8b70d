#include "own_files.hpp"

#include <fmt/format.h>

#include <cardvoid/base/file.hpp>

namespace cardvoid::cli {

namespace fs = std::filesystem;

Result<void> refuse_own_files(const char* flag, const fs::path& output, const model::Job& job) {
  const auto& database = job.results.database.string();
  const std::pair<const char*, fs::path> own[] = {
      {"results database", database},
      {"results database", database + "-wal"},
      {"results database", database + "-shm"},
      {"results database", database + ".lock"},
      {"results database", database + ".sock"},
      {"job file", job.file},
      {"input", job.input.csv},
      {"input", job.input.sqlite},
      {"input", job.input.sqlite.empty() ? "" : job.input.sqlite.string() + "-wal"},
      {"private key", job.merchant.private_key_file},
      {"passphrase file", job.merchant.passphrase_file},
      {"platform key", job.platform.public_key_file},
      {"ca_file", job.endpoints.ca_file},
      {"list of protected cards", job.safety.protect},
      {"metrics file", job.results.metrics_file},
      {"program of results.on_finish", job.results.on_finish}};
  for (const auto& [what, file] : own)
    if (!file.empty() && is_same_file(output, file))
      return Error{Errc::usage, fmt::format("{} {}: that is the job's {}; name another file", flag,
                                            output.string(), what)};
  return {};
}

}  // namespace cardvoid::cli
