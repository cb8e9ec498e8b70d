// The first rows go one at a time and are proven; VirtualRun checks that nothing is under way beside them.

#include <doctest/doctest.h>

#include <ostream>

#include "virtual_run.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace cardvoid::dispatch::test;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;

  namespace {

  Settings with_canary(int rows) {
    Settings settings;
    settings.safety.canary = rows;
    return settings;
  }

  const std::string k_proven = "invalidate confirmed; read_back confirmed", k_plain = "invalidate confirmed";

  bool is_canary_trip(const VirtualRun& run, RowId row) {
    return run.dispatcher.trip() && run.dispatcher.trip()->cause == model::TripCause::canary &&
           run.dispatcher.trip()->rows == std::vector<RowId>{row};
  }

  std::size_t rows_sent(const VirtualRun& run) {
    std::set<RowId> rows;
    for (const auto& sent : run.sends) rows.insert(sent.request.row);
    return rows.size();
  }

  // Stopped by row 1, before anything else was begun.
  void check_stopped_by_the_first(const VirtualRun& run, const action::Finished& finished) {
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::tripped);
    CHECK(finished.stopped->what.starts_with(
        "the canary failed at line 2 (code ****), 0 of 3 cards had passed"));
    CHECK(is_canary_trip(run, 1));
    CHECK(rows_sent(run) == 1);
    CHECK(run.dispatcher.canary_passed() == 0);
  }

  }  // namespace

  TEST_CASE("canary: the first rows are read back one by one before the pace opens") {
    VirtualRun run{with_canary(3)};
    run.given_rows(20);
    CHECK_FALSE(run.run().stopped);
    for (RowId row = 1; row <= 3; ++row) CHECK(run.story(row) == k_proven);
    for (RowId row = 4; row <= 20; ++row) CHECK(run.story(row) == k_plain);
    CHECK(run.rows.at(1).last().settled_by == SettledBy::answer);
    CHECK(run.dispatcher.canary_passed() == 3);
    REQUIRE(run.notices.size() == 1);
    CHECK(run.notices[0].text.starts_with("canary: 3 of 3 cards are invalidated"));
  }

  TEST_CASE("canary: the snapshot tells how far it is while it lasts") {
    VirtualRun run{with_canary(3)};
    run.given_rows(20);
    std::map<RowId, Snapshot> seen;
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      seen.try_emplace(request.row, run.dispatcher.snapshot(run.now.steady));
      return std::nullopt;
    };
    run.run();
    CHECK(seen.at(1).canary == 3);
    CHECK(seen.at(1).canary_passed == 0);
    CHECK(seen.at(3).canary_passed == 2);
    CHECK(seen.at(4).canary == 0);
  }

  TEST_CASE("canary: trouble that passes is retried as usual and fails nothing") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.answering = VirtualRun::script({{1, {{throttled}, {system_error}, {gateway_error}, {accepted}}},
                                        {2, {{.kind = lost, .executed = true}}},
                                        {3, {{.kind = not_invalid, .executed = true}}}});
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 10);
    CHECK(run.story(1).ends_with(k_proven));
    CHECK(run.story(2) == "invalidate lost; read_back confirmed");  // read back already
    CHECK(run.dispatcher.canary_passed() == 3);
  }

  TEST_CASE("canary: a rejected card stops the run with nothing else begun") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.cards.refused = {1};
    const auto finished = run.run();
    check_stopped_by_the_first(run, finished);
    CHECK(run.rows.at(1).status == Status::rejected);
    CHECK(finished.stopped->what.find("rejected: HTTP 400 INVALID_REQUEST") != std::string::npos);
  }

  TEST_CASE("canary: a later card that fails stops the run too") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.cards.refused = {3};
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->what.find("2 of 3 cards had passed") != std::string::npos);
    CHECK(is_canary_trip(run, 3));
    CHECK(rows_sent(run) == 3);
  }

  TEST_CASE("canary: a card whose attempts are used up by answers that never verify stops the run") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.kind == AttemptKind::invalidate) return Fault{unverified};
      return std::nullopt;
    };
    check_stopped_by_the_first(run, run.run());
    CHECK(run.rows.at(1).status == Status::unresolved);
    CHECK(run.rows.at(1).last().held);
  }

  TEST_CASE("canary: an answer that says INVALID and a card that does not show it stop the run") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.cards.read_lag = 1h;
    const auto finished = run.run();
    check_stopped_by_the_first(run, finished);
    CHECK(finished.stopped->what.find("NOT_INVALID") != std::string::npos);
    CHECK(run.rows.at(1).status == Status::unresolved);
    CHECK(run.rows.at(1).last().held);
    CHECK(run.elapsed() > 5s);  // it may have lagged
    CHECK(run.sends.size() <= 8);
  }

  TEST_CASE("canary: a read-back that lags a little is waited for") {
    VirtualRun run{with_canary(2)};
    run.given_rows(4);
    run.cards.read_lag = 1500ms;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story(1) ==
          "invalidate confirmed; read_back not_invalid; read_back not_invalid; read_back confirmed");
    CHECK(run.count(Status::invalidated) == 4);
  }

  TEST_CASE("canary: a read-back that cannot be read stops the run and the verified answer stands") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.kind == AttemptKind::read_back) return Fault{unreadable};
      return std::nullopt;
    };
    const auto finished = run.run();
    check_stopped_by_the_first(run, finished);
    CHECK(run.rows.at(1).status == Status::invalidated);
    CHECK(run.rows.at(1).last().settled_by == SettledBy::answer);
    CHECK(run.rows.at(1).last().shown.kind == confirmed);
    CHECK(finished.stopped->what.find("called INVALID, and not read back") != std::string::npos);
  }

  TEST_CASE("canary: refused credentials in its read-back stop the run and the verified answer stands") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.answering = VirtualRun::script({{1, {{confirmed}, {credentials_refused}}}});
    run.cards.invalid_at[1] = run.start.wall;
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK(run.rows.at(1).status == Status::invalidated);
    CHECK_FALSE(run.dispatcher.trip());
  }

  TEST_CASE("canary: cards that were INVALID before prove nothing and others take their place") {
    for (const bool refuses : {true, false}) {
      CAPTURE(refuses);
      VirtualRun run{with_canary(2)};
      run.given_rows(8);
      for (RowId row = 1; row <= 3; ++row) run.cards.invalid_at[row] = run.start.wall - 24h;
      run.cards.refuses_second_time = refuses;
      CHECK_FALSE(run.run().stopped);
      for (RowId row = 1; row <= 3; ++row) CHECK(run.rows.at(row).last().settled_by == SettledBy::already);
      for (RowId row = 4; row <= 5; ++row) CHECK(run.story(row) == k_proven);
      CHECK(run.story(6) == k_plain);
    }
  }

  TEST_CASE("canary: a list that is INVALID already comes to its end where that is expected") {
    auto settings = with_canary(2);
    settings.safety.expect_already = true;
    VirtualRun run{settings};
    run.given_rows(30);
    for (RowId row = 1; row <= 30; ++row) run.cards.invalid_at[row] = run.start.wall - 24h;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 30);
    CHECK(run.dispatcher.canary_passed() == 0);
  }

  TEST_CASE("canary: what earlier runs left in doubt is read back first and does not count") {
    VirtualRun run{with_canary(2)};
    run.given_rows(10);
    run.given_rows(4, Status::in_flight, 1);
    for (RowId row = 11; row <= 14; ++row) run.cards.invalid_at[row] = run.start.wall - 1min;
    CHECK_FALSE(run.run().stopped);
    for (std::size_t i = 0; i < 4; ++i) CHECK(run.sends[i].request.row > 10);
    CHECK(run.story(1) == k_proven);
    CHECK(run.story(2) == k_proven);
    CHECK(run.story(3) == k_plain);
  }

  TEST_CASE("canary: a row in doubt that must be sent again is no canary while there are others") {
    VirtualRun run{with_canary(2)};
    run.given_rows(4);
    run.given_rows(3, Status::in_flight, 1);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 7);
    CHECK(run.story(1) == k_proven);
    CHECK(run.story(2) == k_proven);
    CHECK(run.story(5).ends_with("read_back not_invalid; invalidate confirmed"));

    VirtualRun only{with_canary(2)};
    only.given_rows(3, Status::in_flight, 1);
    CHECK_FALSE(only.run().stopped);
    CHECK(only.story(1).ends_with(k_proven));
    CHECK(only.story(2).ends_with(k_proven));
    CHECK(only.story(3).ends_with("read_back not_invalid; invalidate confirmed"));
  }

  TEST_CASE("canary: what an earlier run left in doubt and is rejected neither fails it nor counts") {
    VirtualRun run{with_canary(2)};
    run.given_rows(4);
    run.given_rows(3, Status::in_flight, 1);
    for (RowId row = 5; row <= 7; ++row) run.cards.refused.insert(row);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::rejected) == 3);
    CHECK(run.story(1) == k_proven);
    CHECK(run.story(2) == k_proven);
    CHECK(run.story(3) == k_plain);

    VirtualRun fresh{with_canary(2)};
    fresh.given_rows(4);
    fresh.given_rows(1, Status::in_flight, 1);
    fresh.cards.refused = {1, 5};
    const auto finished = fresh.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->what.find("line 2 ") != std::string::npos);
  }

  TEST_CASE("canary: held rows are read back and neither fail it nor count") {
    VirtualRun run{with_canary(2)};
    run.given_rows(5);
    run.given_rows(1, Status::unresolved, 3);
    run.rows.at(6).candidate.held = true;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.rows.at(6).status == Status::unresolved);
    CHECK(run.dispatcher.canary_passed() == 2);
  }

  TEST_CASE("canary: what passed in earlier runs is not asked for again") {
    for (const int passed : {3, 5}) {
      auto settings = with_canary(5);
      settings.safety.canary_passed = passed;
      VirtualRun run{settings};
      run.given_rows(10);
      CHECK_FALSE(run.run().stopped);
      CHECK(run.dispatcher.canary_passed() == 5 - passed);
      for (RowId row = 1; row <= 10; ++row) CHECK(run.story(row) == (row <= 5 - passed ? k_proven : k_plain));
    }
  }

  TEST_CASE("canary: with fewer rows left it is as many as there are") {
    VirtualRun run{with_canary(50)};
    run.given_rows(7);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 7);
    CHECK(run.dispatcher.canary_passed() == 7);
  }

  TEST_CASE("canary: a limit of rows below it ends the run softly") {
    auto settings = with_canary(5);
    settings.row_limit = 3;
    VirtualRun run{settings};
    run.given_rows(10);
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->what == "the limit of 3 rows for this run is reached");
    CHECK(finished.stopped->code == Errc::stopped);
    CHECK(run.dispatcher.canary_passed() == 3);
    CHECK_FALSE(run.dispatcher.trip());
  }

  TEST_CASE("canary: one is for the whole run and not for each brand") {
    auto settings = with_canary(3);
    settings.lanes = 3;
    VirtualRun run{settings};
    for (LaneId lane = 0; lane < 3; ++lane) run.given_rows(5, lane);
    CHECK_FALSE(run.run().stopped);
    int proven = 0;
    for (const auto& [id, row] : run.rows) proven += run.story(id) == k_proven;
    CHECK(proven == 3);
    CHECK(run.count(Status::invalidated) == 15);
  }

  TEST_CASE("canary: with both endpoints down the run waits and ends as ever") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.connecting = [](const Request&) { return not_sent; };
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::unavailable);
    CHECK(finished.stopped->what.starts_with("neither endpoint"));
    CHECK_FALSE(run.dispatcher.trip());
    CHECK(run.count(Status::pending) == 10);
  }

  TEST_CASE("canary: an endpoint that goes down in its middle is served around") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.connecting = [&](const Request& request) -> std::optional<OutcomeKind> {
      if (request.endpoint == Endpoint::primary && run.elapsed() > 300ms) return not_sent;
      return std::nullopt;
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 10);
  }

  TEST_CASE("canary: a stop between answer and proof leaves the verified answer and counts nothing") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.kind == AttemptKind::read_back) run.dispatcher.stop({Errc::stopped, "enough"});
      return request.kind == AttemptKind::read_back ? std::optional{Fault{system_error}} : std::nullopt;
    };
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::stopped);
    CHECK(run.rows.at(1).status == Status::invalidated);
    CHECK(run.dispatcher.canary_passed() == 0);
    CHECK(run.count(Status::pending) == 9);
  }

  TEST_CASE("canary: whenever a pause or a lower rate comes each card is proven before the next one begins") {
    for (auto when = 0ms; when <= 4s; when += 37ms) {
      CAPTURE(when.count());
      auto settings = with_canary(3);
      settings.requests_per_second = 2;
      VirtualRun run{settings};
      run.connect = 300ms;  // so that something is prepared most of the time
      run.given_rows(8);
      run.at(when, [&] {
        run.dispatcher.set_rate(0.1, {"alice", run.now.wall}, run.now.steady);
        run.dispatcher.pause({"alice", run.now.wall}, run.now.steady);
      });
      run.at(1h, [&] {
        run.dispatcher.set_rate(2, {"alice", run.now.wall}, run.now.steady);
        run.dispatcher.resume(run.now.steady);
      });
      CHECK_FALSE(run.run().stopped);
      CHECK(run.count(Status::invalidated) == 8);
      for (RowId row = 1; row <= 3; ++row) CHECK(run.story(row) == k_proven);
      CHECK(run.dispatcher.canary_passed() == 3);
    }
  }

  TEST_CASE("canary: a card that fails while the run stops weighs more than the stop") {
    VirtualRun run{with_canary(3)};
    run.given_rows(10);
    run.cards.refused = {1};
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.kind == AttemptKind::read_back) run.dispatcher.stop({Errc::stopped, "enough"});
      return std::nullopt;
    };
    check_stopped_by_the_first(run, run.run());
  }

  TEST_CASE("canary: reading back has none") {
    auto settings = with_canary(3);
    settings.safety.read_back_only = true;
    VirtualRun run{settings};
    run.given_rows(8, Status::in_flight, 1);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.dispatcher.snapshot(run.now.steady).canary == 0);
    CHECK(run.dispatcher.canary_passed() == 0);
  }

  TEST_CASE("canary: it goes alone at any pace") {
    auto settings = with_canary(10);
    settings.requests_per_second = 500;
    settings.max_in_flight = 200;
    VirtualRun run{settings};
    run.given_rows(300);
    CHECK_FALSE(run.run().stopped);
    for (RowId row = 1; row <= 10; ++row) CHECK(run.story(row) == k_proven);
  }
}
