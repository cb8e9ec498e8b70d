// The hours in which a run may send, and the moment at which it ends; cards that are never sent.

#include <doctest/doctest.h>

#include <cardvoid/dispatch/window.hpp>
#include <ostream>

#include "virtual_run.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace cardvoid::dispatch::test;
  using namespace std::chrono_literals;

  namespace {

  WallTime at(const char* text) { return *parse_rfc3339(text); }

  std::string shown(std::optional<WallTime> time) {
    return time ? format_rfc3339(*time).substr(0, 16) : "never";
  }

  int minute_of_day(WallTime time) {
    return static_cast<int>(
        (std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count() % 1440));
  }

  // Berlin in 2026: two hours ahead of UTC in summer, else one.
  int berlin(WallTime time) {
    const bool is_summer = time >= at("2026-03-29T01:00:00Z") && time < at("2026-10-25T01:00:00Z");
    return minute_of_day(time + (is_summer ? 2h : 1h));
  }

  Window window(int opens, int closes, Window::LocalMinute zone = minute_of_day) {
    return {{opens * 60, closes * 60}, std::move(zone)};
  }

  }  // namespace

  TEST_CASE("window: it is open from its first minute until right before its last") {
    const auto night = window(1, 6);
    CHECK(night.text() == "01:00-06:00");
    CHECK_FALSE(night.is_open(at("2026-11-27T00:59:59.999Z")));
    CHECK(night.is_open(at("2026-11-27T01:00:00Z")));
    CHECK(night.is_open(at("2026-11-27T05:59:59.999Z")));
    CHECK_FALSE(night.is_open(at("2026-11-27T06:00:00Z")));
    CHECK(shown(night.next_change(at("2026-11-27T00:59:59.999Z"))) == "2026-11-27T01:00");
    CHECK(shown(night.next_change(at("2026-11-27T01:00:00Z"))) == "2026-11-27T06:00");
    CHECK(shown(night.next_change(at("2026-11-27T06:00:00Z"))) == "2026-11-28T01:00");
  }

  TEST_CASE("window: over midnight it is open on both sides") {
    const auto night = window(22, 5);
    for (const auto* open :
         {"2026-11-27T22:00:00Z", "2026-11-27T23:59:59Z", "2026-11-28T00:00:00Z", "2026-11-28T04:59:59Z"})
      CHECK(night.is_open(at(open)));
    for (const auto* closed : {"2026-11-27T21:59:59Z", "2026-11-28T05:00:00Z", "2026-11-28T12:00:00Z"})
      CHECK_FALSE(night.is_open(at(closed)));
    CHECK(shown(night.next_change(at("2026-11-27T23:10:00Z"))) == "2026-11-28T05:00");
    CHECK(shown(night.next_change(at("2026-11-28T05:00:00Z"))) == "2026-11-28T22:00");
    CHECK(window(22, 0).is_open(at("2026-11-27T23:59:59Z")));
    CHECK_FALSE(window(22, 0).is_open(at("2026-11-28T00:00:00Z")));
    CHECK_FALSE(window(22, 24).is_open(at("2026-11-28T00:00:00Z")));
  }

  TEST_CASE("window: the whole day never closes") {
    const auto day = window(0, 24);
    CHECK(day.is_open(at("2026-11-27T00:00:00Z")));
    CHECK(day.is_open(at("2026-11-27T23:59:59Z")));
    CHECK(shown(day.next_change(at("2026-11-27T12:00:00Z"))) == "never");
    CHECK(shown(day.end_of(at("2026-11-27T12:00:00Z"), 55h)) == "2026-11-29T19:00");
  }

  TEST_CASE("window: an hour that summer time leaves out is no hour of the window") {
    // On 29 March the clocks go from 02:00 to 03:00, at 01:00 UTC.
    const auto before = at("2026-03-29T00:30:00Z");
    CHECK(shown(window(2, 5, berlin).next_change(before)) == "2026-03-29T01:00");
    CHECK(shown(window(1, 2, berlin).next_change(before)) == "2026-03-29T01:00");
    CHECK(shown(window(1, 3, berlin).next_change(before)) == "2026-03-29T01:00");
    CHECK(shown(window(2, 3, berlin).next_change(before)) == "2026-03-30T00:00");  // not at all on that day
    CHECK(shown(window(1, 4, berlin).next_change(before)) == "2026-03-29T02:00");  // two hours long
  }

  TEST_CASE("window: an hour that comes twice is in it twice") {
    // On 25 October the clocks go from 03:00 back to 02:00, at 01:00 UTC.
    const auto whole = window(2, 3, berlin);
    CHECK(shown(whole.next_change(at("2026-10-24T23:00:00Z"))) == "2026-10-25T00:00");
    CHECK(shown(whole.next_change(at("2026-10-25T00:00:00Z"))) == "2026-10-25T02:00");
    const Window half{{150, 180}, berlin};  // 02:30-03:00
    CHECK(shown(half.next_change(at("2026-10-25T00:40:00Z"))) == "2026-10-25T01:00");
    CHECK(shown(half.next_change(at("2026-10-25T01:00:00Z"))) == "2026-10-25T01:30");
    CHECK(shown(half.next_change(at("2026-10-25T01:30:00Z"))) == "2026-10-25T02:00");
  }

  TEST_CASE("window: work rests while it is closed") {
    const auto night = window(1, 6);
    CHECK(shown(night.end_of(at("2026-11-27T02:00:00Z"), 3h)) == "2026-11-27T05:00");
    CHECK(shown(night.end_of(at("2026-11-27T02:00:00Z"), 4h)) == "2026-11-27T06:00");
    CHECK(shown(night.end_of(at("2026-11-27T02:00:00Z"), 4h + 1min)) == "2026-11-28T01:01");
    CHECK(shown(night.end_of(at("2026-11-27T12:00:00Z"), 55h)) == "2026-12-08T06:00");  // eleven nights
    CHECK(shown(night.end_of(at("2026-11-27T12:00:00Z"), 5h * 400)) == "never");
  }

  TEST_CASE("dispatcher: at the end of its time nothing new is begun and what is in flight is settled") {
    Settings settings;
    settings.requests_per_second = 10;
    VirtualRun run{settings};
    run.latency = 2s;
    run.given_rows(1000);
    run.dispatcher.stop_at(run.start.steady + 30s, {Errc::stopped, "time is up"});
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->what == "time is up");
    CHECK(run.sends.back().request.now.steady <= run.start.steady + 30s + 5ms);
    CHECK(run.sends.size() > 200);
    CHECK(run.count(Status::invalidated) == static_cast<std::int64_t>(run.sends.size()));
    CHECK(run.count(Status::in_flight) == 0);
    CHECK(run.elapsed() < 33s);
  }

  TEST_CASE("dispatcher: the end of its time can be put off and comes true when nothing else happens") {
    Settings settings;
    settings.requests_per_second = 0.01;
    VirtualRun run{settings};
    run.given_rows(50);
    run.dispatcher.stop_at(run.start.steady + 10s, {Errc::stopped, "early"});
    run.at(5s, [&] { run.dispatcher.stop_at(run.start.steady + 250s, {Errc::stopped, "late"}); });
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->what == "late");
    CHECK(run.sends.size() == 3);
    CHECK(run.elapsed() >= 250s);
    CHECK(run.elapsed() < 251s);
  }

  TEST_CASE("dispatcher: a protected row in doubt is read back and never sent") {
    for (const bool is_invalid : {false, true}) {
      CAPTURE(is_invalid);
      VirtualRun run{{}};
      run.given_rows(1, Status::in_flight, 1);
      run.given_rows(1, Status::unresolved, 3);
      run.given_rows(1, Status::pending, 0);
      for (auto& [id, row] : run.rows) {
        row.candidate.is_protected = true;
        row.must_be_read_back = true;
        if (is_invalid) run.cards.invalid_at[id] = run.start.wall - 1h;
      }
      CHECK_FALSE(run.run().stopped);
      for (const auto& sent : run.sends) CHECK(sent.request.kind == AttemptKind::read_back);
      CHECK(run.count(is_invalid ? Status::invalidated : Status::pending) == 3);
    }
  }
}
