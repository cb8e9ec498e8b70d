#include "time_zone.hpp"

#include <fmt/format.h>

#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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
               tr("{}: safety.window goes by the variable TZ, and this machine knows no time zone "
                  "\"{}\"; set safety.timezone, for example \"Asia/Shanghai\", or correct TZ",
                  job.file.string(), escape_for_terminal(variable))};
}

std::string zone_of_machine() {
  const auto if_known = [](std::string name) { return is_time_zone(name) ? name : std::string{}; };
  if (const char* const variable = std::getenv("TZ")) {
    const std::string_view text{variable};
    return if_known(std::string{text.substr(text.starts_with(':') ? 1 : 0)});
  }
  std::string name;
  std::getline(std::ifstream{"/etc/timezone"}, name);
  if (is_time_zone(name)) return name;
  std::error_code error;
  const auto link = std::filesystem::read_symlink("/etc/localtime", error).string();
  constexpr std::string_view k_folder{"/zoneinfo/"};
  const auto at = link.find(k_folder);
  return at == std::string::npos ? std::string{} : if_known(link.substr(at + k_folder.size()));
}

}  // namespace cardvoid::cli
