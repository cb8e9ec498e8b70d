#include <doctest/doctest.h>

#include <cardvoid/base/time.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  TEST_CASE("rfc 3339: the platform's forms name the same instant") {
    const auto expected = parse_rfc3339("2020-05-20T05:29:35Z");
    REQUIRE(expected.has_value());
    CHECK(parse_rfc3339("2020-05-20T13:29:35+08:00") == expected);
    CHECK(parse_rfc3339("2020-05-20T13:29:35.000000000+08:00") == expected);
    CHECK(*parse_rfc3339("2020-05-20T13:29:35.120+08:00") == *expected + 120ms);
    CHECK(*parse_rfc3339("2020-05-20T00:29:35.1-05:00") == *expected + 100ms);
  }

  TEST_CASE("rfc 3339: what is not a time is refused") {
    for (const auto* text :
         {"", "2020-05-20", "2020-02-30T00:00:00Z", "2020-05-20T24:00:00Z", "2020-05-20T13:29:35",
          "2020-05-20T13:29:35.Z", "2020-05-20T13:29:35+0800", "2020-05-20T13:29:35Z "})
      CHECK_MESSAGE(!parse_rfc3339(text).has_value(), text);
  }

  TEST_CASE("rfc 3339: a time that four digits of a year cannot write is refused") {
    CHECK(format_rfc3339(*parse_rfc3339("9999-12-31T23:59:59.999Z")) == "9999-12-31T23:59:59.999Z");
    CHECK(format_rfc3339(*parse_rfc3339("0000-01-01T00:00:00Z")) == "0000-01-01T00:00:00.000Z");
    for (const auto* text :
         {"9999-12-31T23:59:60Z", "9999-12-31T23:00:00-01:00", "0000-01-01T00:00:00+00:01"})
      CHECK_MESSAGE(!parse_rfc3339(text).has_value(), text);
    CHECK_FALSE(parse_http_date("Fri, 31 Dec 9999 23:59:60 GMT").has_value());
  }

  TEST_CASE("rfc 3339: the last and the first time of all have some text") {
    CHECK(format_rfc3339(WallTime::max()).starts_with("32767-12-31T"));
    CHECK(format_rfc3339(WallTime::min()).starts_with("-32767-01-01T"));
    CHECK(format_http_date(WallTime::min()).ends_with(" GMT"));
  }

  TEST_CASE("rfc 3339: written in UTC with milliseconds and read back") {
    const auto time = *parse_rfc3339("2026-11-02T03:04:05.678Z");
    CHECK(format_rfc3339(time) == "2026-11-02T03:04:05.678Z");
  }

  TEST_CASE("http date: written and read back to the second") {
    const auto time = *parse_rfc3339("2026-11-02T03:04:05Z");
    CHECK(format_http_date(time) == "Mon, 02 Nov 2026 03:04:05 GMT");
    CHECK(parse_http_date("Mon, 02 Nov 2026 03:04:05 GMT") == time);
    CHECK_FALSE(parse_http_date("Mon, 02 Foo 2026 03:04:05 GMT").has_value());
  }
}
