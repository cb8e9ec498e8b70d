#include "own_output.hpp"

#include <fmt/format.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/own_files.hpp>

namespace cardvoid::cli {

namespace {

bool is_same_file(const std::filesystem::path& one, const std::filesystem::path& other) {
  std::error_code ignored;
  return real_path(one) == real_path(other) || std::filesystem::equivalent(one, other, ignored);
}

// Writing over one of the job's own files would destroy what the answer is made from.
Result<void> refuse_own_file(const OutputFile& output, const model::Job& job) {
  const auto own = model::find_own_file(job, output.file);
  if (!own) return {};
  return Error{Errc::usage, tr("{} {}: that is the job's {}; name another file", output.flag,
                               output.file.string(), tr(own->what.data()))};
}

}  // namespace

Result<void> check_outputs(const std::vector<OutputFile>& outputs, const model::Job& job) {
  std::vector<const OutputFile*> files;
  for (const auto& output : outputs) {
    if (output.file.empty() || output.file == "-") continue;
    if (const auto allowed = refuse_own_file(output, job); !allowed) return allowed;
    for (const auto* earlier : files)
      if (is_same_file(earlier->file, output.file))
        return Error{Errc::usage, tr("{} and {} name the same file, {}; name two different ones",
                                     earlier->flag, output.flag, output.file.string())};
    files.push_back(&output);
  }
  for (const auto* output : files)
    if (const auto possible = try_private_file(output->file); !possible)
      return with_context(possible.error(), std::string{output->flag});
  return {};
}

}  // namespace cardvoid::cli
