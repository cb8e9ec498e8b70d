// How fast: order, pace, lanes, max_in_flight, 429.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>

#include "virtual_run.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace cardvoid::dispatch::test;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;

  namespace {

  // Answers every request so.
  auto always(OutcomeKind kind) {
    return [kind](const Request&) { return Fault{kind}; };
  }

  double share_of_limit(double requests_per_second, int rows) {
    Settings settings;
    settings.requests_per_second = requests_per_second;
    settings.max_in_flight = 512;
    VirtualRun run{settings};
    run.one_way_jitter = 5ms;
    run.most_timer_lateness = 1ms;
    run.commit = 20ms;
    run.given_rows(rows);
    run.run();
    REQUIRE(run.count(Status::invalidated) == rows);
    const auto sending =
        std::chrono::duration<double>{run.sends.back().request.now.steady - run.start.steady};
    return rows / sending.count() / requests_per_second;
  }

  }  // namespace

  TEST_CASE("dispatcher: a thousand rows are invalidated one by one in about their order") {
    VirtualRun run{{}};
    run.given_rows(1000);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 1000);
    REQUIRE(run.sends.size() == 1000);
    for (std::size_t i = 0; i < run.sends.size(); ++i)
      CHECK(std::abs(run.sends[i].request.row - static_cast<RowId>(i + 1)) <= 4);
    CHECK(run.rows.at(1).last().settled_by == SettledBy::answer);
  }

  TEST_CASE("dispatcher: keeps within three percent of the limit at 5 and 50 and 500 requests a second") {
    for (const double limit : {5.0, 50.0, 500.0}) {
      const auto share = share_of_limit(limit, static_cast<int>(20 * limit));
      CAPTURE(limit);
      CAPTURE(share);
      CHECK(share >= 0.97);
    }
  }

  TEST_CASE("dispatcher: the time that only the limit takes is counted and no other") {
    const auto share_held = [](VirtualRun& run) {
      run.run();
      const std::chrono::duration<double> held = run.dispatcher.snapshot(run.now.steady).held_by_pace;
      return held / run.elapsed();
    };
    VirtualRun paced{{}};
    paced.given_rows(300);
    CHECK(share_held(paced) > 0.9);

    Settings few_at_once;
    few_at_once.max_in_flight = 1;
    VirtualRun busy{few_at_once};  // each answer takes five times as long as the pace would have it wait
    busy.latency = 1000ms;
    busy.given_rows(100);
    CHECK(share_held(busy) < 0.1);

    VirtualRun failing{{}};
    failing.connecting = [](const Request&) { return OutcomeKind::not_sent; };
    failing.given_rows(10);
    CHECK(share_held(failing) < 0.1);
  }

  TEST_CASE("dispatcher: as many rows are prepared as their commits and handshakes take") {
    for (const auto takes : {1ms, 600ms}) {
      VirtualRun run{{}};
      run.connect = takes;
      run.given_rows(300);
      int preparing = 0;
      for (milliseconds at = 20s; at < 50s; at += 130ms)
        run.at(at,
               [&] { preparing = std::max(preparing, run.dispatcher.snapshot(run.now.steady).preparing); });
      run.run();
      CHECK(run.elapsed() < 65s);
      if (takes == 1ms) CHECK(preparing <= 1);
      if (takes == 600ms) CHECK(preparing >= 4);
    }
  }

  TEST_CASE("dispatcher: a request that is signed late counts from when it left") {
    VirtualRun run{{}};
    run.most_signing = 150ms;
    run.given_rows(500);
    run.run();                    // and checks the pace
    CHECK(run.elapsed() < 113s);  // our own delays are known and need no guard
  }

  TEST_CASE("dispatcher: irregular round trips cost nothing") {
    VirtualRun run{{}};
    run.given_rows(500);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      return Fault{
          .kind = confirmed, .executed = true, .latency = milliseconds{request.row % 2 == 0 ? 50 : 350}};
    };
    run.run();
    CHECK(run.elapsed() < 103s);
  }

  TEST_CASE("dispatcher: nothing to do is done at once") {
    VirtualRun run{{}};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.elapsed() < 1s);
  }

  TEST_CASE("dispatcher: a slow platform gets no more than max_in_flight and all of it") {
    Settings settings;
    settings.max_in_flight = 2;
    VirtualRun run{settings};
    run.latency = 2s;
    run.given_rows(60);
    run.run();
    CHECK(run.elapsed().count() == doctest::Approx(60).epsilon(0.05));
  }

  TEST_CASE("dispatcher: two brands are each sent at the full limit") {
    Settings settings;
    settings.lanes = 2;
    VirtualRun run{settings};
    run.given_rows(200, 0);
    run.given_rows(200, 1);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 400);
    CHECK(run.elapsed() < 43s);
  }

  TEST_CASE("dispatcher: brands share max_in_flight fairly when that is the bottleneck") {
    Settings settings;
    settings.lanes = 3;
    settings.max_in_flight = 6;
    VirtualRun run{settings};
    run.latency = 4s;
    for (const LaneId lane : {0, 1, 2}) run.given_rows(300, lane);
    std::array<int, 3> sent{};
    run.at(100s, [&] {
      for (const auto& each : run.sends) ++sent[each.lane];
      run.dispatcher.stop({Errc::stopped, "seen enough"});
    });
    run.run();
    for (const int each : sent) CHECK(each == doctest::Approx(50).epsilon(0.1));
  }

  TEST_CASE("dispatcher: hold lets nothing leave before") {
    VirtualRun run{{}};
    run.given_rows(5);
    run.dispatcher.hold(run.start.steady + 3s);
    CHECK(run.dispatcher.reasons_to_wait(run.now).empty());
    run.run();
    CHECK(run.sends.front().request.now.steady >= run.start.steady + 3s);
    CHECK(run.elapsed() < 4500ms);
  }

  TEST_CASE("dispatcher: a 429 slows everything down and costs no attempt") {
    Settings settings;
    settings.card.retry.max_attempts = 2;
    VirtualRun run{settings};
    run.given_rows(100);
    int refusals = 0;
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.row != 50 || ++refusals > 5) return std::nullopt;
      return Fault{.kind = throttled, .retry_after = 3s};
    };
    std::vector<std::string> reasons;
    run.at(40s, [&] {
      for (const auto& reason : run.dispatcher.reasons_to_wait(run.now)) reasons.push_back(reason.words);
    });
    CHECK_FALSE(run.run().stopped);
    REQUIRE(reasons.size() == 1);
    CHECK(reasons[0].starts_with("limit found: "));
    CHECK(reasons[0].ends_with("/s (5 times 429 in 10m)"));
    CHECK(run.count(Status::invalidated) == 100);
    CHECK(run.sends_of(50).size() == 6);
    for (std::size_t i = 0; i + 1 < run.sends.size(); ++i) {
      if (run.sends[i].outcome != throttled) continue;
      const auto told =
          run.rows.at(50).rulings[static_cast<std::size_t>(run.sends[i].request.attempt - 1)].at;
      for (const auto& later : run.sends)
        CHECK((later.request.now.steady <= told + 2ms || later.request.now.steady >= told + 3s));
    }
    CHECK(run.dispatcher.snapshot(run.now.steady).throttled == 5);
    CHECK(run.elapsed() > 40s);
  }

  TEST_CASE("dispatcher: a platform that says 429 to everything gets an eighth of the limit") {
    VirtualRun run{{}};
    run.given_rows(100);
    run.answering = always(throttled);
    run.at(10min, [&] { run.dispatcher.stop({Errc::stopped, "by hand"}); });
    run.run();
    CHECK(run.count(Status::pending) == 100);
    CHECK(run.sends.size() < 600 * 5 / 8 + 20);
    CHECK(run.sends.size() > 100);
  }
}
