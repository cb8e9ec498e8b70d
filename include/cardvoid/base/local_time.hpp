#pragma once
// Wall clocks of people: local time by the C library's zone database, summer time included. Logs and records
// stay in UTC (time.hpp).

#include <cardvoid/base/time.hpp>
#include <string>
#include <string_view>

namespace cardvoid {

// Minutes since midnight on a clock of the zone in force, 0 to 1439.
int local_minute(WallTime time);

// "2026-11-27 01:00 +0800".
std::string format_local(WallTime time);

// Is this the name of a zone that the machine knows, "Asia/Shanghai"? Looks into TZDIR or
// /usr/share/zoneinfo.
bool is_time_zone(std::string_view name);

// Does the C library take this value of the variable TZ for what it says? Others it takes for UTC without a
// word (tzset(3)). A name, ":name", the path of a zone's file, or a rule of POSIX such as "CST-8".
bool is_zone_variable(std::string_view text);

// From here on this zone is in force in the whole process. Before there are threads.
void set_time_zone(const std::string& name);

}  // namespace cardvoid
