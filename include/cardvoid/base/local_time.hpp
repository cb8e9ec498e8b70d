#pragma once
// Local time, by the C library's zone database, with daylight saving. For people; logs and records use UTC
// (time.hpp).

#include <cardvoid/base/time.hpp>
#include <string>
#include <string_view>

namespace cardvoid {

// Minutes since midnight in the current zone, 0 to 1439.
int local_minute(WallTime time);

// "2026-11-27 01:00 +0800".
std::string format_local(WallTime time);
// "2026-11-27 01:00:59 +0800".
std::string format_local_full(WallTime time);
// "Fri 2026-11-27 +0800": a day of the current zone. Two times of one day may have two, when the clock
// changes.
std::string format_local_day(WallTime time);
// "01:00:59".
std::string format_local_clock(WallTime time);

// True if the machine has a zone of this name, "Asia/Shanghai". Looks in TZDIR, else in
// /usr/share/zoneinfo.
bool is_time_zone(std::string_view name);

// True if the C library understands this value of TZ: a name, ":name", the path of a zone file, or a POSIX
// rule such as "CST-8". It silently takes every other value for UTC (tzset(3)).
bool is_zone_variable(std::string_view text);

// Sets the zone of the whole process. Call it before any thread starts.
void set_time_zone(const std::string& name);

}  // namespace cardvoid
