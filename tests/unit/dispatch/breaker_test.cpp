// A share of failures among the last settled rows stops a run.

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

  // Notes rows 1, 2, …, of which every `nth` fails; the row that trips it, 0: none.
  RowId trips_at(double rate, RowId rows, RowId nth) {
    Breaker breaker{rate};
    for (RowId row = 1; row <= rows; ++row)
      if (breaker.note({row, row + 1, row % nth == 0, "****", "X"})) return row;
    return 0;
  }

  Settings with_rate(double rate) {
    Settings settings;
    settings.safety.max_failure_rate = rate;
    return settings;
  }

  }  // namespace

  TEST_CASE("breaker: it judges from twenty settled rows on and a share at the limit is no trip") {
    CHECK(trips_at(0.2, 200, 1) == 20);
    CHECK(trips_at(0.2, 200, 3) == 21);  // 7 of 21; 6 of 20 were judged when the twentieth went well
    CHECK(trips_at(0.2, 500, 5) == 0);   // 10 of 50, never more
    CHECK(trips_at(0.19, 500, 5) == 20);
    CHECK(trips_at(1.0, 500, 1) == 0);
    CHECK(trips_at(0.01, 500, 100) == 100);  // 1 of 50
  }

  TEST_CASE("breaker: only the last fifty rows count") {
    Breaker breaker{0.1};
    for (RowId row = 1; row <= 1000; ++row) CHECK_FALSE(breaker.note({row, row + 1, false, "****", ""}));
    RowId row = 1001;
    while (!breaker.note({row, row + 1, true, "****", "X"})) ++row;
    CHECK(row == 1006);  // six of fifty
    CHECK(breaker.failed_rows() == std::vector<RowId>{1001, 1002, 1003, 1004, 1005, 1006});
  }

  TEST_CASE("breaker: it names the most frequent error and an example of it") {
    Breaker breaker{0.2};
    for (RowId row = 1; row <= 14; ++row) breaker.note({row, row + 1, false, "****", ""});
    breaker.note({15, 16, true, "****0015", "PARAM_ERROR"});
    for (RowId row = 16; row <= 19; ++row)
      breaker.note({row, row + 1, true, "****00" + std::to_string(row), "NOT_FOUND"});
    CHECK(breaker.note({20, 21, true, "****0020", "PARAM_ERROR"}));
    CHECK(breaker.describe() ==
          "6 of the last 20 settled rows were rejected or left unresolved, which is more than "
          "safety.max_failure_rate = 0.2; 4 with NOT_FOUND, such as line 20 (code ****0019)");
  }

  TEST_CASE("breaker: rejected rows stop the run softly and most rows stay pending") {
    VirtualRun run{with_rate(0.2)};
    run.given_rows(500);
    for (RowId row = 101; row <= 500; ++row) run.cards.refused.insert(row);
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::tripped);
    CHECK(finished.stopped->what.find("INVALID_REQUEST") != std::string::npos);
    REQUIRE(run.dispatcher.trip());
    const auto& trip = *run.dispatcher.trip();
    CHECK(trip.cause == model::TripCause::failure_rate);
    CHECK(trip.rows.size() >= 10);
    for (const auto row : trip.rows) CHECK(run.rows.at(row).status == Status::rejected);
    CHECK(run.count(Status::pending) > 350);
  }

  TEST_CASE("breaker: with the rate at 1 nothing trips") {
    VirtualRun run{with_rate(1)};
    run.given_rows(60);
    for (RowId row = 1; row <= 60; ++row) run.cards.refused.insert(row);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::rejected) == 60);
  }

  TEST_CASE("breaker: cards that were INVALID before are no failures") {
    auto settings = with_rate(0.01);
    settings.safety.expect_already = true;
    VirtualRun run{settings};
    run.given_rows(60);
    run.cards.refuses_second_time = true;
    for (RowId row = 1; row <= 60; ++row) run.cards.invalid_at[row] = run.start.wall - 24h;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 60);
  }

  TEST_CASE("breaker: rows whose attempts are used up count as failures") {
    auto settings = with_rate(0.2);
    settings.card.retry.max_attempts = 1;
    VirtualRun run{settings};
    run.given_rows(200);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row % 2 == 0 && request.kind == AttemptKind::invalidate) return Fault{system_error};
      return std::nullopt;
    };
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    REQUIRE(run.dispatcher.trip());
    CHECK(run.dispatcher.trip()->cause == model::TripCause::failure_rate);
    CHECK(run.count(Status::pending) > 50);
  }

  TEST_CASE("breaker: held rows that are only read back do not trip it") {
    VirtualRun run{with_rate(0.2)};
    run.given_rows(10);
    run.given_rows(40, Status::unresolved, 3);
    for (RowId row = 11; row <= 50; ++row) run.rows.at(row).candidate.held = true;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 10);
    CHECK(run.count(Status::unresolved) == 40);
  }

  TEST_CASE("breaker: reading back what is in doubt trips nothing") {
    auto settings = with_rate(0.2);
    settings.safety.read_back_only = true;
    VirtualRun run{settings};
    run.given_rows(60, Status::unresolved, 3);
    for (RowId row = 1; row <= 60; ++row) run.cards.refused.insert(row);
    CHECK_FALSE(run.run().stopped);
  }

  TEST_CASE("breaker: stops for unknown answers and wrong cards name their rows") {
    struct Case {
      OutcomeKind kind;
      model::TripCause cause;
    };
    for (const auto& [kind, cause] : {Case{unknown_answer, model::TripCause::unknown_answer},
                                      Case{wrong_card, model::TripCause::wrong_card}}) {
      CAPTURE(static_cast<int>(kind));
      VirtualRun run{{}};
      run.given_rows(50);
      run.answering = [kind = kind](const Request& request) -> std::optional<Fault> {
        if (request.row % 20 == 0) return Fault{kind};
        return std::nullopt;
      };
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::tripped);
      CHECK(finished.stopped->what.find("line 41") != std::string::npos);
      REQUIRE(run.dispatcher.trip());
      CHECK(run.dispatcher.trip()->cause == cause);
      CHECK(run.dispatcher.trip()->rows == std::vector<RowId>{20, 40});
    }
  }

  TEST_CASE("breaker: contradictions name every row of theirs") {
    VirtualRun run{{}};
    run.given_rows(50);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row % 20 == 0) return Fault{not_invalid};
      return std::nullopt;
    };
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    REQUIRE(run.dispatcher.trip());
    CHECK(run.dispatcher.trip()->cause == model::TripCause::contradiction);
    auto rows = run.dispatcher.trip()->rows;
    std::sort(rows.begin(), rows.end());
    CHECK(rows == std::vector<RowId>{20, 40});
  }
}
