#include <doctest/doctest.h>

#include <figures.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;

  TEST_CASE("report: a steady rate is shown as what it is however long the run was") {
    for (const int length : {1, 3, 7, 61, 239, 241, 300, 359, 1'000, 3'601, 200'001}) {
      CAPTURE(length);
      const WallTime from{milliseconds{1'796'000'000'123}};
      std::vector<std::int32_t> seconds;
      for (int i = 0; i < 5 * length; ++i) seconds.push_back(i / 5);
      const auto timeline = report::timeline_of(from, from + milliseconds{1'000 * length - 200}, 8);
      const auto rates = report::rates_of(seconds, timeline);
      REQUIRE(rates.size() == timeline.parts);
      CHECK(rates.size() <= 240);
      for (const auto rate : rates) CHECK(rate == doctest::Approx(5));
      CHECK(timeline.ended <= timeline.to);
      CHECK(timeline.part_of(timeline.ended) + 1 == timeline.parts);
    }
  }
}
