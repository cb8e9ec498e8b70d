#pragma once

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>

namespace cardvoid::cli {

// Puts the job's zone in force, for its window and for times that are shown. Before there are threads. Error
// (bad_job): the window would go by a variable TZ that stands for no zone.
Result<void> use_time_zone(const model::Job& job);

}  // namespace cardvoid::cli
