#pragma once
// The files that a command is told to write.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <filesystem>
#include <string_view>
#include <vector>

namespace cardvoid::cli {

struct OutputFile {
  std::string_view flag;       // "--refused", for messages
  std::filesystem::path file;  // empty: it is not wanted; "-": standard output
};

// Before anything is done: each may be written, and none over a file of the job or over another one. Error
// (usage, or io) names the flag. The place is tried; what is there stays as it is.
Result<void> check_outputs(const std::vector<OutputFile>& outputs, const model::Job& job);

}  // namespace cardvoid::cli
