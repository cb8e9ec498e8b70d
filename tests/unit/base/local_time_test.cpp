#include <doctest/doctest.h>

#include <cardvoid/base/local_time.hpp>
#include <cstdlib>
#include <optional>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;

  namespace {

  // The zone of the process, as it was, at the end.
  struct Zone {
    explicit Zone(const std::string& name) {
      if (const char* set = std::getenv("TZ")) before = set;
      set_time_zone(name);
    }
    ~Zone() { set_time_zone(before.value_or("UTC")); }
    std::optional<std::string> before;
  };

  std::string local(const char* text) { return format_local(*parse_rfc3339(text)); }

  }  // namespace

  TEST_CASE("local time: it follows summer time and zones of half an hour") {
    {
      const Zone zone{"Europe/Berlin"};
      CHECK(local("2026-03-29T00:59:59Z") == "2026-03-29 01:59 +0100");
      CHECK(local("2026-03-29T01:00:00Z") == "2026-03-29 03:00 +0200");
      CHECK(local("2026-10-25T00:30:00Z") == "2026-10-25 02:30 +0200");
      CHECK(local("2026-10-25T01:30:00Z") == "2026-10-25 02:30 +0100");
      CHECK(local_minute(*parse_rfc3339("2026-03-29T01:00:59.999Z")) == 180);
    }
    const Zone zone{"Asia/Kolkata"};
    CHECK(local("2026-11-26T18:29:00Z") == "2026-11-26 23:59 +0530");
    CHECK(local_minute(*parse_rfc3339("2026-11-26T18:30:00Z")) == 0);
    CHECK(local_minute(*parse_rfc3339("1969-12-31T18:29:59.999Z")) == 1439);
  }

  TEST_CASE("local time: only zones that the machine knows are zones") {
    for (const auto* known : {"Asia/Shanghai", "Europe/Berlin", "UTC", "Etc/GMT+8"})
      CHECK(is_time_zone(known));
    for (const auto* unknown : {"", "Asia", "Asia/Shangai", "CST-8", "/usr/share/zoneinfo/UTC",
                                "../zoneinfo/UTC", "Asia/Shanghai ", "zone.tab"})
      CHECK_FALSE(is_time_zone(unknown));
  }

  TEST_CASE(
      "local time: a variable TZ that the C library would take for UTC is told from one it understands") {
    for (const auto* good :
         {"", "Asia/Shanghai", ":Asia/Shanghai", "/usr/share/zoneinfo/Asia/Shanghai", "CST-8", "UTC0",
          "<+0530>-5:30", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT4,J60/2:00:00,300", "CET-1CEST"}) {
      CAPTURE(good);
      CHECK(is_zone_variable(good));
    }
    for (const auto* bad : {"Asia/Shangai", "Shanghai", "CST", "+8", "GMT+8:", "CET-1CEST,M3.5.0",
                            "/etc/passwd", ":CST-8", "Beijing Time", "CET-1CEST,M3.5.0,M10.5.0,x", "C-8"}) {
      CAPTURE(bad);
      CHECK_FALSE(is_zone_variable(bad));
    }
  }
}
