#include "component/ledger/rig.hpp"

// What is remembered of a plan's canary, and of a run that stopped itself.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  // A run by which so many rows have passed the canary.
  ledger::RunId run_with(Ledger& ledger, std::int64_t passed) {
    ledger::RunStart start;
    start.command = "run", start.started_at = k_now;
    const auto run = must(ledger::begin_run(ledger, start));
    ledger::RunCounts counts;
    counts.canary = passed;
    must(ledger::begin_changes(ledger));
    must(ledger::save_counts(ledger, run, counts));
    must(ledger::commit_changes(ledger));
    return run;
  }

  struct Planned : Books {
    Planned() { import(ledger, {card("1"), card("2")}); }
    Ledger ledger = open();
  };

  }  // namespace

  TEST_CASE("canary: what passed is remembered over the runs of a plan and over opening it again") {
    Planned books;
    CHECK(must(ledger::canary_passed(books.ledger)) == 0);
    run_with(books.ledger, 3);
    run_with(books.ledger, 0);
    run_with(books.ledger, 2);
    import(books.ledger, {card("2"), card("1")});  // the same rows
    books.ledger = books.open();
    CHECK(must(ledger::canary_passed(books.ledger)) == 5);
  }

  TEST_CASE("canary: a plan that rows were added to has none behind it") {
    Planned books;
    run_with(books.ledger, 5);
    import(books.ledger, {card("1"), card("2"), card("3")});
    CHECK(must(ledger::canary_passed(books.ledger)) == 0);
    run_with(books.ledger, 1);
    CHECK(must(ledger::canary_passed(books.ledger)) == 1);
  }

  TEST_CASE("canary: a conflict that is over makes another plan") {
    Planned books;
    send_in_vain(books.ledger, "1");
    import(books.ledger, {card("1", "oOther"), card("2")});
    run_with(books.ledger, 5);
    import(books.ledger, {card("1", "oOther"), card("2")});
    CHECK(must(ledger::canary_passed(books.ledger)) == 5);
    import(books.ledger, {card("1"), card("2")});
    CHECK(must(ledger::canary_passed(books.ledger)) == 0);
  }

  TEST_CASE("canary: rows that retry puts back ask for one again and a retry of nothing does not") {
    Planned books;
    run_with(books.ledger, 5);
    must(ledger::put_back(books.ledger, {Status::rejected, {}, {}}));
    CHECK(must(ledger::canary_passed(books.ledger)) == 5);
    settle(books.ledger, "1", Status::rejected);
    must(ledger::put_back(books.ledger, {Status::rejected, {}, {}}));
    CHECK(must(ledger::canary_passed(books.ledger)) == 0);
  }

  TEST_CASE("trip: it is kept with its run and its rows and asks for a canary again") {
    Planned books;
    run_with(books.ledger, 5);
    const auto run = run_with(books.ledger, 0);
    must(ledger::save_trip(books.ledger, run, {model::TripCause::failure_rate, {2, 1, 17}}));
    CHECK(must(ledger::canary_passed(books.ledger)) == 0);
    const auto runs = must(ledger::last_runs(books.ledger, 2));
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].tripped_by == "failure_rate");
    CHECK(runs[0].culprits == "[2,1,17]");
    CHECK(runs[1].tripped_by.empty());
    CHECK(books.ask("SELECT tripped_by FROM runs ORDER BY run_id") == "- failure_rate");
    CHECK(books.ask("SELECT value FROM runs JOIN json_each(culprits)") == "2 1 17");
  }
}
