#include "own_output.hpp"

#include <fmt/format.h>

#include <cardvoid/model/own_files.hpp>

namespace cardvoid::cli {

Result<void> refuse_own_file(const char* flag, const std::filesystem::path& output, const model::Job& job) {
  const auto own = model::find_own_file(job, output);
  if (!own) return {};
  return Error{Errc::usage, fmt::format("{} {}: that is the job's {}; name another file", flag,
                                        output.string(), own->what)};
}

}  // namespace cardvoid::cli
