#include <doctest/doctest.h>

#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/run/limits.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using namespace cardvoid::run;

  namespace {

  model::Limits limits(double requests_per_second) {
    model::Limits made;
    made.requests_per_second = requests_per_second;
    return made;
  }

  }  // namespace

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
