#include <doctest/doctest.h>

#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/run/limits.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using namespace cardvoid::run;

  namespace {

  model::Limits limits(double requests_per_second, model::QuotaPer per = model::QuotaPer::merchant) {
    model::Limits made;
    made.requests_per_second = requests_per_second;
    made.per = per;
    return made;
  }

  }  // namespace

  TEST_CASE("limits: all rows share one quota when the limit is the merchant's") {
    CHECK(time_needed(limits(5), {1'000}) == 200s);
    CHECK(time_needed(limits(5), {1'000, 700}) == 200s);
    CHECK(expected_rate(limits(5), {1'000, 700}) == doctest::Approx(5));
    CHECK(time_needed(limits(5), {0}) == 0ms);
  }

  TEST_CASE("limits: the brand with the most rows finishes last when each brand has its own quota") {
    const auto each = limits(4, model::QuotaPer::brand);
    CHECK(time_needed(each, {1'000, 600}) == 150s);
    CHECK(expected_rate(each, {1'000, 600}) == doctest::Approx(1'000.0 / 150));
    CHECK(time_needed(each, {8, 8}) == 2s);
    CHECK(time_needed(each, {8}) == 2s);  // brands not known
  }

  TEST_CASE("limits: a measured pace counts where it is slower than the limits allow") {
    CHECK(time_needed(limits(5), {1'000}, 2.5) == 400s);
    CHECK(time_needed(limits(5), {1'000}, 50) == 200s);
    // Two brands together send 8 a second, but that does not help the one that has nearly all the rows.
    const auto each = limits(4, model::QuotaPer::brand);
    CHECK(time_needed(each, {1'010, 1'000}, 8) == 250s);
    CHECK(time_needed(each, {1'010, 1'000}, 1) == 1'010s);
  }

  TEST_CASE("limits: an earlier run's requests hold a new run for one window") {
    const Now now{Instant{1h}, WallTime{1'800'000'000'000ms}};
    const auto window = dispatch::Pacer{5}.window();
    CHECK(hold_after_earlier_run(limits(5), std::nullopt, now) == std::nullopt);
    CHECK(hold_after_earlier_run(limits(5), now.wall, now) == now.steady + window);
    CHECK(hold_after_earlier_run(limits(5), now.wall - 300ms, now) == now.steady + window - 300ms);
    // The wall clock was set back since: it cannot have been later than now.
    CHECK(hold_after_earlier_run(limits(5), now.wall + 1h, now) == now.steady + window);
  }
}
