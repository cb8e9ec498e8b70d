#pragma once

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <filesystem>

namespace cardvoid::cli {

// Writing over one of the job's own files would destroy what the answer is made from. Error (usage) names the
// flag.
Result<void> refuse_own_file(const char* flag, const std::filesystem::path& output, const model::Job& job);

}  // namespace cardvoid::cli
