#pragma once

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <string>

namespace cardvoid::cli {

// Puts the job's zone in force, for its window and for times that are shown. Before there are threads. Error
// (bad_job): the window would go by a variable TZ that stands for no zone.
Result<void> use_time_zone(const model::Job& job);

// The name of the zone that this machine's clock goes by, such as "Asia/Shanghai": from TZ, else
// /etc/timezone, else the link /etc/localtime. Empty where none of them names one.
std::string zone_of_machine();

}  // namespace cardvoid::cli
