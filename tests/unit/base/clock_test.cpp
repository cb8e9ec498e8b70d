#include <doctest/doctest.h>

#include <cardvoid/base/clock.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  TEST_CASE("clock: by default it is the machine's own") {
    const Clock clock;
    const auto before = read_clocks();
    const auto now = clock.now();
    CHECK(now.steady >= before.steady);
    CHECK(now.wall >= before.wall);
    CHECK(clock.real(now.steady) == now.steady);
    CHECK(clock.real(10s) == 10s);
  }

  TEST_CASE("clock: a fast one says when its time comes by the machine's own") {
    const Clock clock{40};
    CHECK(clock.speed() == 40);
    const auto before = read_clocks();
    const auto first = clock.now();
    const auto after = read_clocks();
    const auto real = clock.real(first.steady);
    CHECK(real >= before.steady - 1us);
    CHECK(real <= after.steady + 1us);
    CHECK(clock.real(first.steady + 40s) - real >= 1s - 1us);
    CHECK(clock.real(first.steady + 40s) - real <= 1s + 1us);
    CHECK(clock.real(10s) == 250ms);
    CHECK(clock.real(Instant::max()) == Instant::max());
    const auto second = clock.now();
    CHECK(second.steady >= first.steady);
    const auto apart = (second.wall - first.wall) - (second.steady - first.steady);
    CHECK(std::chrono::abs(apart) <= 1ms);
  }
}
