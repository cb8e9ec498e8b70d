// What an outcome means for its row: the answer table, from the first request to the standing in the books.

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

  // A run of five rows; row 1 is the one that something happens to.
  struct OneRow : VirtualRun {
    explicit OneRow(std::vector<Fault> faults = {}, Settings settings = {})
        : VirtualRun{std::move(settings)} {
      given_rows(5);
      answering = script({{1, std::move(faults)}});
    }
    Row& row() { return rows.at(1); }
    std::string story_of_row() const { return story(1); }
  };

  std::string text(OutcomeKind kind) { return std::string{model::to_text(kind)}; }

  }  // namespace

  TEST_CASE("rulings: what leaves a doubt is read back before anything else is sent") {
    for (const auto kind : {lost, unverified, probe_signature, stale_connection, not_invalid, wrong_card,
                            unreadable, distrusted, unknown_answer}) {
      if (kind == unknown_answer) continue;  // stops the run, see below
      CAPTURE(text(kind));
      OneRow executed{{{kind, true}}};
      CHECK_FALSE(executed.run().stopped);
      CHECK(executed.story_of_row() == "invalidate " + text(kind) + "; read_back confirmed");
      CHECK(executed.row().last().settled_by == SettledBy::read_back);
      CHECK(executed.row().rulings.front().ruling.status == Status::in_flight);
      CHECK(executed.row().rulings.front().ruling.shown.kind == kind);  // until there is something better

      OneRow not_executed{{{kind, false}}};
      CHECK_FALSE(not_executed.run().stopped);
      CHECK(not_executed.story_of_row() ==
            "invalidate " + text(kind) +
                "; read_back not_invalid; read_back not_invalid; invalidate confirmed");
      CHECK(not_executed.row().last().settled_by == SettledBy::answer);
      const auto sends = not_executed.sends_of(1);  // the first read-back may have come too early
      CHECK(sends[3].arrived - sends[0].arrived >= 5s);
    }
  }

  TEST_CASE("rulings: SYSTEM_ERROR and 202 and 5xx are sent again after a back-off") {
    for (const auto kind : {system_error, accepted, gateway_error})
      for (const bool executed : {false, true}) {
        CAPTURE(text(kind));
        OneRow run{std::vector<Fault>(7, Fault{kind, executed})};
        CHECK_FALSE(run.run().stopped);
        const auto sends = run.sends_of(1);
        REQUIRE(sends.size() == 8);
        for (const auto& sent : sends) CHECK(sent.request.kind == AttemptKind::invalidate);
        CHECK(run.row().last().settled_by == SettledBy::answer);
        CHECK(sends[7].arrived - sends[0].arrived > 5s);  // the sum of the waits: 31.75 s on average
        CHECK(sends[7].arrived - sends[0].arrived < 70s);
      }
  }

  TEST_CASE("rulings: a 429 leaves the row as it was and costs no attempt") {
    Settings settings;
    settings.card.retry.max_attempts = 2;
    OneRow run{{{throttled}, {throttled}, {system_error}}, settings};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story_of_row() ==
          "invalidate throttled; invalidate throttled; invalidate system_error; invalidate confirmed");
    CHECK(run.row().rulings.front().ruling.status == Status::pending);
  }

  TEST_CASE("rulings: a 429 to a read-back is not held against the row") {
    Settings settings;
    settings.card.retry.max_attempts = 2;
    OneRow run{{{unreadable, true}, {throttled}, {throttled}, {throttled}}, settings};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.row().last().settled_by == SettledBy::read_back);
  }

  TEST_CASE("rulings: what was not INVALID before our first request is not called already so") {
    OneRow run;
    run.cards.refuses_second_time = true;
    run.cards.invalid_at[1] = run.start.wall + 10ms;  // just after our first request left; it was refused
    CHECK_FALSE(run.run().stopped);
    CHECK(run.row().last().settled_by == SettledBy::read_back);
  }

  TEST_CASE("rulings: a refusal is final after one read-back and shows the platform's code") {
    OneRow run;
    run.cards.refused = {1};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story_of_row() == "invalidate refused; read_back refused");
    CHECK(run.row().status == Status::rejected);
    CHECK(run.row().last().shown.error_code == "INVALID_REQUEST");
    CHECK(run.row().last().shown.http_status == 400);
  }

  TEST_CASE("rulings: a rejected row shows the state that the read-back found") {
    OneRow run{{{refused}}};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story_of_row() == "invalidate refused; read_back not_invalid");
    CHECK(run.row().status == Status::rejected);
    CHECK(run.row().last().shown.card_state == "EFFECTIVE");
    CHECK(run.row().last().shown.error_code == "INVALID_REQUEST");
  }

  TEST_CASE("rulings: a refusal of a card that is INVALID already counts as done before us") {
    OneRow run;
    run.cards.refuses_second_time = true;
    run.cards.invalid_at[1] = run.start.wall - 24h;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story_of_row() == "invalidate refused; read_back confirmed");
    CHECK(run.row().last().settled_by == SettledBy::already);
  }

  TEST_CASE("rulings: after a doubt a refusal waits until a read-back cannot lag behind") {
    const std::vector<Fault> doubt{{stale_connection, true, 50ms}};
    SUBCASE("and finds what we did") {
      OneRow run{doubt};
      run.cards.refuses_second_time = true;
      run.cards.read_lag = 4s;
      CHECK_FALSE(run.run().stopped);
      CHECK(run.story_of_row() == "invalidate stale_connection; read_back not_invalid; read_back confirmed");
      CHECK(run.row().last().settled_by == SettledBy::read_back);
    }
    SUBCASE("or finds nothing and is final") {
      OneRow run{{{system_error}}};
      run.cards.refused = {1};
      CHECK_FALSE(run.run().stopped);
      CHECK(run.story_of_row() ==
            "invalidate system_error; invalidate refused; read_back refused; read_back refused");
      CHECK(run.row().status == Status::rejected);
      const auto sends = run.sends_of(1);
      CHECK(sends[3].arrived - sends[0].arrived >= 5s);
    }
    SUBCASE("also when the doubt is from a run that ended just now") {
      VirtualRun run{{}};
      run.given_rows(1, Status::in_flight, 1);
      run.cards.refused = {1};
      run.run();
      CHECK(run.story(1) ==
            "read_back refused; read_back refused; invalidate refused; read_back refused; read_back refused");
      CHECK(run.elapsed() >= 15s);  // its request may be on its way until it times out
    }
  }

  TEST_CASE("rulings: when attempts are used up the row is read once more and left unresolved") {
    Settings settings;
    settings.card.retry.max_attempts = 3;
    for (const auto kind : {system_error, gateway_error, lost, unreadable}) {
      CAPTURE(text(kind));
      OneRow run{{}, settings};
      run.answering = [&](const Request& request) -> std::optional<Fault> {
        if (request.row != 1 || request.kind == AttemptKind::read_back) return std::nullopt;
        return Fault{kind};
      };
      CHECK_FALSE(run.run().stopped);
      int invalidations = 0;
      for (const auto& sent : run.sends_of(1)) invalidations += sent.request.kind == AttemptKind::invalidate;
      CHECK(invalidations == 3);
      CHECK(run.sends_of(1).back().request.kind == AttemptKind::read_back);
      CHECK(run.row().status == Status::unresolved);
      CHECK(run.row().last().held == model::is_strange(kind));
      CHECK(run.row().last().shown.kind == kind);
      CHECK(run.row().rulings.back().at - *run.row().last_doubt >= 5s);
    }
  }

  TEST_CASE("rulings: the last read-back may still find the row INVALID") {
    Settings settings;
    settings.card.retry.max_attempts = 3;
    OneRow run{{{system_error}, {system_error}, {system_error, true}}, settings};
    run.cards.read_lag = 3s;
    CHECK_FALSE(run.run().stopped);
    CHECK(run.row().status == Status::invalidated);
    CHECK(run.row().last().settled_by == SettledBy::read_back);
  }

  TEST_CASE("rulings: read-backs without a usable answer end unresolved too") {
    Settings settings;
    settings.card.retry.max_attempts = 4;
    OneRow run{{}, settings};
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row != 1) return std::nullopt;
      return request.kind == AttemptKind::invalidate ? Fault{unreadable, true} : Fault{system_error};
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.sends_of(1).size() == 5);
    CHECK(run.row().status == Status::unresolved);
    CHECK_FALSE(run.row().last().held);
  }

  TEST_CASE("rulings: another card in the answer twice holds the row and the run goes on") {
    OneRow run{{{wrong_card}, {wrong_card}}};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story_of_row() == "invalidate wrong_card; read_back wrong_card");
    CHECK(run.row().status == Status::unresolved);
    CHECK(run.row().last().held);
  }

  TEST_CASE("rulings: a complaint about the time is answered with one new signature") {
    OneRow once{{{clock_refused}}};
    CHECK_FALSE(once.run().stopped);
    CHECK(once.story_of_row() == "invalidate clock_refused; invalidate confirmed");

    OneRow twice;
    twice.answering = [](const Request&) { return Fault{clock_refused}; };
    const auto finished = twice.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK(twice.row().status == Status::pending);
  }

  TEST_CASE("rulings: a kept connection found closed is replaced at the same endpoint at no cost") {
    Settings settings;
    settings.card.retry.max_attempts = 1;
    OneRow run{{{connection_closed}, {throttled}}, settings};

    CHECK_FALSE(run.run().stopped);
    const auto sends = run.sends_of(1);
    REQUIRE(sends.size() == 3);
    CHECK_FALSE(sends[0].request.fresh_connection);
    CHECK(sends[1].request.fresh_connection);
    CHECK_FALSE(sends[2].request.fresh_connection);

    CHECK(sends[1].request.kind == AttemptKind::invalidate);
    CHECK(sends[1].request.endpoint == Endpoint::primary);
    CHECK(run.row().rulings.front().ruling.status == Status::pending);
  }

  TEST_CASE("rulings: after a stale connection the read-back takes a fresh one to the same endpoint") {
    OneRow run{{{stale_connection, true}}};
    run.run();
    const auto sends = run.sends_of(1);
    REQUIRE(sends.size() == 2);
    CHECK(sends[1].request.fresh_connection);
    CHECK(sends[1].request.endpoint == Endpoint::primary);
  }

  TEST_CASE("rulings: after a lost answer the read-back goes to the other endpoint") {
    OneRow run{{{lost, true}}};
    run.run();
    REQUIRE(run.sends_of(1).size() == 2);
    CHECK(run.sends_of(1)[1].request.endpoint == Endpoint::backup);
  }

  TEST_CASE("rulings: what is wrong for every card stops the run and leaves the row its standing") {
    struct Case {
      OutcomeKind kind;
      Errc code;
      Status standing;
    };
    for (const auto& each : {Case{credentials_refused, Errc::bad_credentials, Status::pending},
                             Case{setup_refused, Errc::bad_job, Status::pending}}) {
      CAPTURE(text(each.kind));
      OneRow run;
      run.answering = [&](const Request&) { return Fault{each.kind}; };
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == each.code);
      CHECK(finished.stopped->what.find(text(each.kind)) != std::string::npos);  // the raw code is shown
      CHECK(run.row().status == each.standing);

      OneRow after_doubt;
      after_doubt.answering = [&](const Request& request) {
        return request.kind == AttemptKind::invalidate ? Fault{lost, false, 50ms} : Fault{each.kind};
      };
      REQUIRE(after_doubt.run().stopped);
      CHECK(after_doubt.row().status == Status::in_flight);
    }
  }

  TEST_CASE("rulings: a held row is read back by every run and only settled or left held") {
    VirtualRun run{{}};
    run.given_rows(2, Status::unresolved, 3);
    for (auto& [id, row] : run.rows) {
      row.candidate.held = true;
      row.candidate.first_sent_at = row.candidate.last_sent_at = run.start.wall - 1h;
    }
    run.cards.invalid_at[1] = run.start.wall - 59min;
    run.run();
    CHECK(run.story(1) == "read_back confirmed");
    CHECK(run.rows.at(1).last().settled_by == SettledBy::read_back);
    CHECK(run.story(2) == "read_back not_invalid");
    CHECK(run.rows.at(2).status == Status::unresolved);
    CHECK(run.rows.at(2).last().held);
  }

  TEST_CASE("rulings: a held row stays held when the run ends before it was read back") {
    for (const auto fault : {lost, system_error, throttled, credentials_refused}) {
      CAPTURE(static_cast<int>(fault));
      VirtualRun run{{}};
      run.given_rows(1, Status::unresolved, 3);
      auto& row = run.rows.at(1);
      row.candidate.held = true;
      row.candidate.first_sent_at = row.candidate.last_sent_at = run.start.wall - 1h;
      run.answering = [&](const Request&) { return Fault{fault}; };
      run.at(300ms, [&] { run.dispatcher.stop({Errc::stopped, "a signal"}); });
      run.run();
      CHECK(row.status == Status::unresolved);
      REQUIRE_FALSE(row.rulings.empty());
      CHECK(row.last().held);
    }
  }

  TEST_CASE("rulings: a read-back counts from when it left and not from when it was answered") {
    OneRow run{{{lost, false, 50ms}, {not_invalid, false, 9s}}};
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story_of_row() ==
          "invalidate lost; read_back not_invalid; read_back not_invalid; invalidate confirmed");
  }

  TEST_CASE("rulings: verified answers that are not about the cards asked for stop the run") {
    for (const auto kind : {wrong_card, unreadable}) {
      VirtualRun run{{}};
      run.given_rows(50);
      run.answering = [&](const Request& request) -> std::optional<Fault> {
        if (request.kind == AttemptKind::invalidate) return Fault{kind, true};
        return Fault{unreadable};
      };
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::tripped);
      CHECK(run.sends.size() < 12);
    }
    VirtualRun half{{}};  // every invalidation is answered so, and every read-back well
    half.given_rows(60);
    half.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.kind == AttemptKind::invalidate) return Fault{wrong_card, true};
      return std::nullopt;
    };
    REQUIRE(half.run().stopped);
    CHECK(half.sends.size() < 40);
  }

  TEST_CASE("rulings: an answer that no table knows holds its row for the operator and the run goes on") {
    for (const bool at_read_back : {false, true}) {
      OneRow run{at_read_back ? std::vector<Fault>{{lost, false, 50ms}, {unknown_answer}}
                              : std::vector<Fault>{{unknown_answer}}};
      CHECK_FALSE(run.run().stopped);
      CHECK(run.row().status == Status::unresolved);
      CHECK(run.row().last().held);
    }
  }

  TEST_CASE("rulings: a row that is called done and is not ends unresolved and two stop the run") {
    OneRow once;
    once.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row == 1 && request.kind == AttemptKind::invalidate) return Fault{not_invalid};
      return std::nullopt;
    };
    CHECK_FALSE(once.run().stopped);
    CHECK(once.story_of_row() ==
          "invalidate not_invalid; read_back not_invalid; read_back not_invalid; invalidate not_invalid; "
          "read_back not_invalid; read_back not_invalid");
    CHECK(once.row().status == Status::unresolved);
    CHECK(once.row().last().held);
    CHECK(once.count(Status::invalidated) == 4);

    OneRow again;
    again.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row <= 2 && request.kind == AttemptKind::invalidate) return Fault{not_invalid};
      return std::nullopt;
    };
    const auto finished = again.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::tripped);
    CHECK(again.count(Status::unresolved) == 2);
  }

  TEST_CASE("rulings: who made a card INVALID is told by the platform's clock and not by ours") {
    for (const auto ahead : {-90s, 0s, 90s}) {
      CAPTURE(ahead.count());
      OneRow run;
      run.cards.clock_ahead = ahead;
      run.cards.invalid_at[1] = run.start.wall + ahead - 10s;  // someone else, ten seconds before
      run.answering = VirtualRun::script({{2, {{lost, true}}}, {3, {{system_error, true}}}, {4, {{lost}}}});
      run.cards.invalid_at[4] = run.start.wall + ahead - 10s;
      CHECK_FALSE(run.run().stopped);
      CHECK(run.rows.at(1).last().settled_by == SettledBy::already);
      CHECK(run.rows.at(2).last().settled_by == SettledBy::read_back);
      CHECK(run.rows.at(3).last().settled_by == SettledBy::answer);
      CHECK(run.rows.at(4).last().settled_by == SettledBy::already);
      CHECK(run.rows.at(5).last().settled_by == SettledBy::answer);
    }
  }

  TEST_CASE("rulings: a row long in doubt that is not INVALID is sent at once") {
    Settings settings;
    settings.card.retry.base = 60s;
    VirtualRun run{settings};
    run.given_rows(3, Status::in_flight, 1);
    for (auto& [id, row] : run.rows)
      row.candidate.first_sent_at = row.candidate.last_sent_at = run.start.wall - 1h;
    run.run();
    CHECK(run.count(Status::invalidated) == 3);
    CHECK(run.elapsed() < 3s);
  }

  TEST_CASE("rulings: a doubt of an earlier run is credited by the time of its first request") {
    VirtualRun run{{}};
    const auto first_sent = run.start.wall - 24h;
    run.given_rows(3, Status::in_flight, 1);
    for (auto& [id, row] : run.rows) row.candidate.first_sent_at = first_sent;
    run.cards.invalid_at[1] = first_sent + 1s;
    run.cards.invalid_at[2] = first_sent - 1min;
    run.cards.invalid_at[3] = first_sent - 6min;
    run.run();
    CHECK(run.rows.at(1).last().settled_by == SettledBy::read_back);
    // Its signature was accepted, so that the clocks were not more than five minutes apart.
    CHECK(run.rows.at(2).last().settled_by == SettledBy::read_back);
    CHECK(run.rows.at(3).last().settled_by == SettledBy::already);
  }

  TEST_CASE("rulings: a row whose read-back was never answered is read back before it is sent") {
    VirtualRun run{{}};
    run.given_rows(3);
    for (auto& [id, row] : run.rows) row.candidate.has_open_read_back = true;
    run.cards.invalid_at[1] = run.start.wall - 1h;
    run.run();
    CHECK(run.story(1) == "read_back confirmed");
    CHECK(run.rows.at(1).last().settled_by == SettledBy::already);
    CHECK(run.story(2) == "read_back not_invalid; invalidate confirmed");
    CHECK(run.count(Status::invalidated) == 3);
  }
}
