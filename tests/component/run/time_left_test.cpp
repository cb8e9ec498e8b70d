#include <doctest/doctest.h>

#include <cardvoid/run/time_left.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  TEST_CASE("time left: the pace is a number that people read") {
    const auto words = [](double per_second) {
      return run::words_for({12'400, per_second, 41min}, std::nullopt, WallTime{1'800'000'000'000ms});
    };
    CHECK(words(5).starts_with("12,400 rows are left; at 5 requests/s that needs 41m "));
    CHECK(words(4.8765).find(" 4.88 requests/s ") != std::string::npos);
    CHECK(words(0.001).find(" 0.001 requests/s ") != std::string::npos);
    CHECK(words(2000).find(" 2000 requests/s ") != std::string::npos);
    CHECK(words(1234.5).find(" 1234 requests/s ") != std::string::npos);
  }
}
