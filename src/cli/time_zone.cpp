#include "time_zone.hpp"

#include <fmt/format.h>

#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cstdlib>

namespace cardvoid::cli {

Result<void> use_time_zone(const model::Job& job) {
  const auto& safety = job.safety;
  if (!safety.timezone.empty()) {
    set_time_zone(safety.timezone);
    return {};
  }
  const char* variable = std::getenv("TZ");
  if (!safety.window || !variable || is_zone_variable(variable)) return {};
  return Error{Errc::bad_job,
               fmt::format("{}: safety.window goes by the variable TZ, and this machine knows no time zone "
                           "\"{}\"; set safety.timezone, for example \"Asia/Shanghai\", or correct TZ",
                           job.file.string(), escape_for_terminal(variable))};
}

}  // namespace cardvoid::cli
