#include <doctest/doctest.h>
#include <stdlib.h>

#include <cardvoid/base/local_time.hpp>
#include <cardvoid/run/outlook.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using namespace cardvoid::run;

  namespace {

  const auto k_now = *parse_rfc3339("2026-11-27T02:47:00+08:00");  // a Friday

  model::Limits limits(double requests_per_second, model::QuotaPer per = model::QuotaPer::merchant) {
    model::Limits made;
    made.requests_per_second = requests_per_second;
    made.per = per;
    return made;
  }
  Outlook seen(const model::Limits& limits, const Remaining& remaining,
               const std::optional<Course>& course = std::nullopt) {
    return outlook(limits, std::nullopt, remaining, course, k_now);
  }
  ledger::Pulse pulse_of(std::vector<model::ReasonToWait> reasons) {
    ledger::Pulse pulse;
    pulse.rate = 3.1, pulse.allowed_rate = 3.2;
    pulse.reasons_to_wait = std::move(reasons);
    return pulse;
  }

  }  // namespace

  TEST_CASE("outlook: all rows share one quota when the limit is the merchant's") {
    CHECK(seen(limits(5), {1'000}).needed == 200s);
    CHECK(seen(limits(5), {1'000, 700}).left == 200s);
    CHECK(seen(limits(5), {1'000, 700}).per_second == doctest::Approx(5));
    CHECK(seen(limits(5), {1'000}).done_at == k_now + 200s);
    CHECK(seen(limits(5), {0}).needed == 0ms);
    CHECK(seen(limits(0.001), {INT64_MAX / 2}).needed > 24h * 365);
  }

  TEST_CASE("outlook: the brand with the most rows finishes last when each brand has its own quota") {
    const auto each = limits(4, model::QuotaPer::brand);
    CHECK(seen(each, {1'000, 600}).needed == 150s);
    CHECK(seen(each, {1'000, 600}).per_second == doctest::Approx(1'000.0 / 150));
    CHECK(seen(each, {8, 8}).needed == 2s);
    CHECK(seen(each, {8}).needed == 2s);  // brands not known
  }

  TEST_CASE("outlook: a measured pace counts where it is slower than the limits allow") {
    CHECK(seen(limits(5), {1'000}, Course{.measured = 2.5}).needed == 400s);
    CHECK(seen(limits(5), {1'000}, Course{.measured = 2.5}).per_second == doctest::Approx(2.5));
    CHECK(seen(limits(5), {1'000}, Course{.measured = 50}).needed == 200s);
    CHECK(seen(limits(5), {1'000}, Course{.measured = 10, .set = 10}).needed == 100s);
    // Two brands together send 8 a second, but that does not help the one that has nearly all the rows.
    const auto each = limits(4, model::QuotaPer::brand);
    CHECK(seen(each, {1'010, 1'000}, Course{.measured = 8}).needed == 250s);
    CHECK(seen(each, {1'010, 1'000}, Course{.measured = 1}).needed == 1'010s);
  }

  TEST_CASE("outlook: no forecast is made where no one can tell") {
    CHECK(seen(limits(5), {1'000}, Course{.measured = 4, .is_held_up = true}).left == std::nullopt);
    CHECK(seen(limits(5), {1'000}, Course{.measured = 4, .is_held_up = true}).done_at == std::nullopt);
    CHECK(seen(limits(5), {1'000}, Course{.is_throttled = true}).left == std::nullopt);
    CHECK(seen(limits(5), {1'000}, Course{.measured = 4, .is_throttled = true}).left == 250s);
    // At its start and in its canary a run has shown nothing yet.
    CHECK(seen(limits(5), {1'000}, Course{}).left == 200s);
    CHECK(seen(limits(5), {1'000}, Course{.measured = 0.5, .is_canary = true}).left == 200s);
  }

  TEST_CASE("outlook: hours in which the window is closed count") {
    set_time_zone("Asia/Shanghai");
    const model::DailyWindow night{1 * 60, 6 * 60};  // open for 3h 13m more
    const auto rest = outlook(limits(1), night, {4 * 3600}, std::nullopt, k_now);
    CHECK(rest.needed == 4h);
    CHECK(rest.is_open);
    CHECK(rest.done_at == *parse_rfc3339("2026-11-28T01:47:00+08:00"));
    CHECK(rest.left == 23h);
    const auto later = outlook(limits(1), night, {3600}, std::nullopt, k_now + 4h);
    CHECK_FALSE(later.is_open);
    CHECK(later.opens_at == *parse_rfc3339("2026-11-28T01:00:00+08:00"));
    CHECK(later.done_at == *parse_rfc3339("2026-11-28T02:00:00+08:00"));
    CHECK(to_text(later) ==
          "3,600 rows are left; at 1 requests/s that needs 1h 00m more; the window opens next at 2026-11-28 "
          "01:00 +0800, and all would be done at 2026-11-28 02:00 +0800");
  }

  TEST_CASE("outlook: a pulse on record and the run itself come to the same course") {
    dispatch::Snapshot snapshot;
    snapshot.rate = 3.2, snapshot.measured = 3.1, snapshot.limit = 5;
    for (const auto& [kind, held_up, throttled] : {std::tuple{"paused", true, false},
                                                   {"endpoints_down", true, false},
                                                   {"throttled", false, true},
                                                   {"slowed", false, false},
                                                   {"shared", false, false}}) {
      CAPTURE(kind);
      snapshot.reasons_to_wait = {{kind, "words"}};
      for (const auto& course :
           {course_of(snapshot, limits(5)), course_of(pulse_of(snapshot.reasons_to_wait), limits(5))}) {
        CHECK(course.measured == 3.1);
        CHECK(course.is_held_up == held_up);
        CHECK(course.is_throttled == throttled);
        CHECK(course.set == std::nullopt);
      }
    }
    snapshot.limit = 3.2;
    CHECK(course_of(snapshot, limits(5)).set == 3.2);
    CHECK(course_of(pulse_of({{"rate_set", "3.2 requests/s, set by alice"}}), limits(5)).set == 3.2);
  }

  TEST_CASE("outlook: the pace is a number that people read") {
    const auto words = [](double per_second) { return to_text(seen(limits(per_second), {12'400})); };
    CHECK(words(5).starts_with("12,400 rows are left; at 5 requests/s that needs 41m "));
    CHECK(words(4.8765).find(" 4.88 requests/s ") != std::string::npos);
    CHECK(words(0.001).find(" 0.001 requests/s ") != std::string::npos);
    CHECK(words(2000).find(" 2000 requests/s ") != std::string::npos);
    CHECK(words(1234.5).find(" 1234 requests/s ") != std::string::npos);
  }

  TEST_CASE("short time: the day is said only where it is another one") {
    set_time_zone("Asia/Shanghai");
    CHECK(short_time(k_now + 2h, k_now) == "04:47");
    CHECK(short_time(k_now + 48h, k_now) == "Sun 02:47");
    CHECK(short_time(k_now + 240h, k_now) == "Mon 2026-12-07");
    CHECK(short_time(k_now - 24h, k_now) == "Thu 2026-11-26");
  }
}
