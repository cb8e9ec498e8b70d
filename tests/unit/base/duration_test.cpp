#include <doctest/doctest.h>

#include <cardvoid/base/time.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  TEST_CASE("duration: every unit and their combinations are read") {
    CHECK(parse_duration("500ms").value() == 500ms);
    CHECK(parse_duration("10s").value() == 10s);
    CHECK(parse_duration("1m30s").value() == 90s);
    CHECK(parse_duration("2d4h").value() == 52h);
    CHECK(parse_duration("0").value() == 0ms);
  }

  TEST_CASE("duration: what is not exactly a duration is refused") {
    for (const auto* text : {"", "5", "s", "-1s", "5 s", "1.5s", "5sec", "1s1m", "1s1s", "99999999999d"})
      CHECK_MESSAGE(parse_duration(text).has_error(), text);
  }

  TEST_CASE("duration: the written form is read back to the same value") {
    for (const auto duration : {0ms, 1ms, 999ms, 90'000ms, 86'400'000ms, 90'061'001ms})
      CHECK(parse_duration(format_duration(duration)).value() == duration);
  }

  TEST_CASE("duration: people get two units at the most") {
    CHECK(humanize_duration(250ms) == "250ms");
    CHECK(humanize_duration(59'600ms) == "1m 00s");
    CHECK(humanize_duration(55h + 33min + 20s) == "55h 33m");
  }
}
