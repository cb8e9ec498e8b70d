// Which row when: order, pace, limits, budget, beginning and end.

#include <doctest/doctest.h>

#include <algorithm>
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

  std::set<RowId> rows_sent(const VirtualRun& run) {
    std::set<RowId> rows;
    for (const auto& sent : run.sends) rows.insert(sent.request.row);
    return rows;
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
    for (const Lane lane : {0, 1, 2}) run.given_rows(300, lane);
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
    CHECK_FALSE(run.dispatcher.snapshot(run.now.steady).paused_by_429);
    run.run();
    CHECK(run.sends.front().request.now.steady >= run.start.steady + 3s);
    CHECK(run.elapsed() < 4500ms);
  }

  TEST_CASE("dispatcher: a 429 slows everything down and costs no attempt") {
    Settings settings;
    settings.retry.max_attempts = 2;
    VirtualRun run{settings};
    run.given_rows(100);
    int refusals = 0;
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.row != 50 || ++refusals > 5) return std::nullopt;
      return Fault{.kind = throttled, .retry_after = 3s};
    };
    CHECK_FALSE(run.run().stopped);
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

  TEST_CASE("dispatcher: while the platform is in trouble hardly any fresh row is started") {
    VirtualRun run{{}};
    run.given_rows(2000);
    run.answering = [&](const Request&) -> std::optional<Fault> {
      if (run.elapsed() > 15min) return std::nullopt;
      return Fault{system_error};
    };
    std::size_t after_a_minute = 0, at_the_end = 0;
    run.at(1min, [&] { after_a_minute = rows_sent(run).size(); });
    run.at(15min, [&] { at_the_end = rows_sent(run).size(); });
    CHECK_FALSE(run.run().stopped);
    CHECK(after_a_minute < 50);
    CHECK(at_the_end > after_a_minute);  // it keeps probing
    CHECK(at_the_end <
          after_a_minute + 15 * 60 / 20);  // one row at a time, which takes its attempts' back-off
    CHECK(run.count(Status::invalidated) == 2000 - static_cast<std::int64_t>(run.count(Status::unresolved)));
    CHECK(run.count(Status::unresolved) <= static_cast<std::int64_t>(at_the_end));
  }

  TEST_CASE("dispatcher: rows waiting for their back-off hold back fresh ones when they pile up") {
    Settings settings;
    settings.max_in_flight = 4;  // so 16 may wait
    settings.retry.base = 60s;
    VirtualRun run{settings};
    run.given_rows(500);
    int most = 0;
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      most = std::max(most, run.dispatcher.snapshot(run.now.steady).waiting);
      // Every second row fails once: the budget bears it, the heap must not grow without end.
      if (request.row % 3 != 0 || request.attempt > 1) return std::nullopt;
      return Fault{system_error};
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 500);
    CHECK(most >= 14);
    CHECK(most <= 16 + 4);
  }

  TEST_CASE("dispatcher: refused credentials cost three requests even at a thousand a second") {
    Settings settings;
    settings.requests_per_second = 1000;
    settings.max_in_flight = 500;
    VirtualRun run{settings};
    run.given_rows(5000);
    run.answering = always(credentials_refused);
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK(run.sends.size() <= 3);
    CHECK(run.count(Status::pending) == 5000);
  }

  TEST_CASE("dispatcher: a wrong platform key stops the run and invalidates nothing in the books") {
    Settings settings;
    settings.requests_per_second = 100;
    VirtualRun run{settings};
    run.given_rows(500);
    run.answering = [](const Request&) { return Fault{.kind = unverified, .executed = true}; };
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK(run.sends.size() <= 5);
    CHECK(run.count(Status::invalidated) == 0);
    CHECK(run.count(Status::in_flight) == static_cast<std::int64_t>(run.cards.invalid_at.size()));
  }

  TEST_CASE("dispatcher: deliberate wrong signatures among good answers stop nothing") {
    VirtualRun run{{}};
    run.given_rows(300);
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.row % 7 == 0 && request.kind == AttemptKind::invalidate)
        return Fault{probe_signature, true};
      if (request.row % 20 == 1 && request.kind == AttemptKind::invalidate) return Fault{unverified, true};
      return std::nullopt;
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 300);
  }

  TEST_CASE("dispatcher: rows in doubt are read back first and sent again only when not INVALID") {
    VirtualRun run{{}};
    run.given_rows(20);
    run.given_rows(10, Status::in_flight, 3);
    run.given_rows(10, Status::unresolved, 8);
    for (RowId row = 21; row <= 40; row += 2) run.cards.invalid_at[row] = run.start.wall - 1h;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 40);
    std::set<RowId> first;
    for (std::size_t i = 0; i < 20; ++i)
      if (run.sends[i].request.kind == AttemptKind::read_back) first.insert(run.sends[i].request.row);
    CHECK(first.size() >= 15);  // the rest between the first resends
    CHECK(*first.begin() > 20);
    CHECK(run.story(21) == "read_back confirmed");
    CHECK(run.rows.at(21).last().settled_by == SettledBy::read_back);
    CHECK(run.story(22) == "read_back not_invalid; invalidate confirmed");
    CHECK(run.rows.at(22).last().settled_by == SettledBy::answer);
    CHECK(run.rows.at(22).candidate.attempts == 5);
  }

  TEST_CASE("dispatcher: stop sends nothing new and leaves every row with its standing") {
    VirtualRun run{{}};
    run.latency = 3s;
    run.given_rows(2000);
    run.answering = VirtualRun::script({{5, {{lost, true, 20s}}}, {6, {{system_error}}}});
    run.at(10s, [&] {
      run.dispatcher.stop({Errc::stopped, "SIGTERM"});
      run.dispatcher.stop({Errc::internal, "a later reason"});
    });
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->what == "SIGTERM");
    for (const auto& sent : run.sends) CHECK(sent.request.now.steady <= run.start.steady + 10s + 3ms);
    CHECK(run.elapsed() > 20s);  // what is in flight is waited for
    CHECK(run.rows.at(5).status == Status::in_flight);
    CHECK(run.count(Status::invalidated) + run.count(Status::in_flight) == std::ssize(rows_sent(run)));
  }

  TEST_CASE("dispatcher: stop in any moment of the first second ends cleanly") {
    for (auto moment = 0ms; moment < 1s; moment += 3ms) {
      CAPTURE(moment.count());
      VirtualRun run{{}};
      run.connect = 150ms;
      run.given_rows(50);
      run.given_rows(10, Status::in_flight, 1);
      run.at(moment, [&] { run.dispatcher.stop({Errc::stopped, "now"}); });
      CHECK(run.run().stopped);
    }
  }

  TEST_CASE("dispatcher: takes up no more rows than its limit and says so") {
    Settings settings;
    settings.row_limit = 10;
    SUBCASE("in one lane") {
      VirtualRun run{settings};
      run.given_rows(400);
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::stopped);
      CHECK(run.count(Status::invalidated) == 10);
      CHECK(run.sends.size() == 10);
    }
    SUBCASE("over two lanes of which the first has too few") {
      settings.lanes = 2;
      VirtualRun run{settings};
      run.given_rows(4, 0);
      run.given_rows(400, 1);
      CHECK(run.run().stopped);
      CHECK(run.count(Status::invalidated) == 10);
    }
    SUBCASE("and is done when there are fewer") {
      VirtualRun run{settings};
      run.given_rows(9);
      CHECK_FALSE(run.run().stopped);
      CHECK(run.count(Status::invalidated) == 9);
    }
    SUBCASE("and is done when there are just as many") {
      VirtualRun run{settings};
      run.given_rows(10);
      CHECK_FALSE(run.run().stopped);
    }
    SUBCASE("beyond one fetch") {
      settings.row_limit = 700;
      settings.requests_per_second = 200;
      VirtualRun run{settings};
      run.given_rows(1000);
      CHECK(run.run().stopped);
      CHECK(run.count(Status::invalidated) == 700);
    }
  }

  TEST_CASE("dispatcher: a reconcile run reads back and invalidates nothing") {
    Settings settings;
    settings.read_back_only = true;
    VirtualRun run{settings};
    run.given_rows(30, Status::in_flight, 1);
    run.given_rows(1);  // even if it is given one that was never sent
    for (RowId row = 1; row <= 10; ++row) run.cards.invalid_at[row] = run.start.wall - 1h;
    for (RowId row = 11; row <= 20; ++row) run.cards.refused.insert(row);
    run.answering = VirtualRun::script({{1, {{lost}, {gateway_error}}}, {2, {{throttled}}}});
    CHECK_FALSE(run.run().stopped);
    for (const auto& sent : run.sends) CHECK(sent.request.kind == AttemptKind::read_back);
    CHECK(run.count(Status::invalidated) == 10);
    CHECK(run.count(Status::unresolved) == 10);
    CHECK(run.count(Status::pending) == 11);
    CHECK_FALSE(run.rows.at(11).last().held);
  }

  TEST_CASE("dispatcher: the snapshot counts what is under way") {
    VirtualRun run{{}};
    run.latency = 2s;
    run.given_rows(100);
    run.answering = VirtualRun::script({{1, {{system_error}}}, {2, {{lost, true, 100ms}}}});
    Snapshot seen;
    run.at(10s, [&] { seen = run.dispatcher.snapshot(run.now.steady); });
    run.run();
    CHECK(seen.in_flight >= 9);
    CHECK(seen.in_flight <= 11);
    CHECK(seen.rate == 5);
    CHECK(seen.retries == 2);
    CHECK(seen.read_backs == 1);
    CHECK(seen.primary == EndpointHealth::State::closed);
  }
}
