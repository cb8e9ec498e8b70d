// Which rows: what stops them, the retry budget, what was left by earlier runs, beginning and end.

#include <doctest/doctest.h>

#include <algorithm>
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

  std::set<RowId> rows_sent(const VirtualRun& run) {
    std::set<RowId> rows;
    for (const auto& sent : run.sends) rows.insert(sent.request.row);
    return rows;
  }

  }  // namespace

  TEST_CASE(
      "dispatcher: while the platform is in trouble a fresh row is started only when no other is begun") {
    for (const auto kind : {system_error, accepted, gateway_error, lost}) {
      CAPTURE(static_cast<int>(kind));
      Settings settings;
      settings.endpoints.failover_after = 1'000'000;  // not what is tested here
      VirtualRun run{settings};
      run.given_rows(1000);
      int others_begun = 0;
      run.answering = [&](const Request& request) -> std::optional<Fault> {
        if (run.elapsed() > 9min) return std::nullopt;
        const auto snapshot = run.dispatcher.snapshot(run.now.steady);
        if (run.elapsed() > 1min && request.attempt == 1)
          others_begun += snapshot.waiting + snapshot.preparing + snapshot.in_flight - 1;
        return Fault{.kind = kind, .latency = 100ms};
      };
      std::size_t after_a_minute = 0, at_the_end = 0;
      run.at(1min, [&] { after_a_minute = rows_sent(run).size(); });
      run.at(9min, [&] { at_the_end = rows_sent(run).size(); });
      CHECK_FALSE(run.run().stopped);
      CHECK(after_a_minute < 60);
      CHECK(at_the_end > after_a_minute);  // it keeps probing
      CHECK(others_begun == 0);
      CHECK(run.count(Status::invalidated) + run.count(Status::unresolved) == 1000);
      CHECK(run.count(Status::unresolved) <= static_cast<std::int64_t>(at_the_end));
    }
  }

  TEST_CASE("dispatcher: refusals are answers and give the budget back what failures took") {
    Settings settings;
    settings.requests_per_second = 100;
    settings.max_in_flight = 100;
    VirtualRun run{settings};
    run.given_rows(400);
    for (RowId row = 1; row <= 400; ++row) run.cards.refused.insert(row);

    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row % 3 != 0 || request.attempt > 1) return std::nullopt;
      return Fault{system_error};
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::rejected) == 400);
    CHECK(run.elapsed().count() <
          1.1 * static_cast<double>(run.sends.size()) / 100 + 17);  // 5 s after a doubt
  }

  TEST_CASE("dispatcher: holds few rows in memory") {
    VirtualRun run{{}};
    run.given_rows(5000);
    std::int64_t held = 0;
    run.at(20s, [&] {
      held = std::count_if(run.rows.begin(), run.rows.end(), [](const auto& each) {
        return each.second.phase != Row::not_offered && !each.second.finished;
      });
      run.dispatcher.stop({Errc::stopped, "seen enough"});
    });
    run.run();
    CHECK(held > 0);
    CHECK(held <= 256 + 64);
  }

  TEST_CASE("dispatcher: rows waiting for their back-off hold back fresh ones when they pile up") {
    Settings settings;
    settings.max_in_flight = 4;  // so 16 may wait
    settings.card.retry.base = 60s;
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

  TEST_CASE("dispatcher: refused credentials cost four requests even at a thousand a second") {
    Settings settings;
    settings.requests_per_second = 1000;
    settings.max_in_flight = 500;
    VirtualRun run{settings};
    run.given_rows(5000);
    run.answering = always(credentials_refused);
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK(run.sends.size() <= 4);
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
    CHECK(run.story(22) == "read_back not_invalid; read_back not_invalid; invalidate confirmed");
    CHECK(run.rows.at(22).last().settled_by == SettledBy::answer);
    CHECK(run.rows.at(22).candidate.attempts == 6);
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

  TEST_CASE("dispatcher: stop does not wait for connections that are not made") {
    VirtualRun run{{}};
    run.connect = 60s;
    run.given_rows(50);
    run.given_rows(2, Status::in_flight, 1);
    run.at(1s, [&] { run.dispatcher.stop({Errc::stopped, "SIGTERM"}); });
    CHECK(run.run().stopped);
    CHECK(run.elapsed() < 2s);
    CHECK(run.sends.empty());
    CHECK(run.count(Status::pending) == 50);
    CHECK(run.count(Status::in_flight) == 2);
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
    SUBCASE("which may be one") {
      settings.row_limit = 1;
      VirtualRun run{settings};
      run.given_rows(2);
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->what == "the limit of 1 row for this run is reached");
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
    SUBCASE("and reads back what comes last in doubt all the same") {
      VirtualRun run{settings};
      run.given_rows(400);
      run.given_rows(1, Status::in_flight, 1);
      run.given_rows(1, Status::unresolved, 1);
      run.given_rows(1);
      run.rows.at(401).candidate.strange = run.rows.at(402).candidate.held = true;
      run.rows.at(403).candidate.strange = true;
      run.cards.invalid_at[401] = run.cards.invalid_at[402] = run.start.wall - 1h;
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->what == "the limit of 10 rows for this run is reached");
      CHECK(run.count(Status::invalidated) == 12);
      CHECK(run.rows.at(403).candidate.attempts == 0);
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
    settings.safety.read_back_only = true;
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
    CHECK(seen.retries == 1);  // a read-back is none
    CHECK(seen.read_backs == 1);
    CHECK(seen.primary == EndpointHealth::State::closed);
  }
}
