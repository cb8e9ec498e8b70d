// What the report is told with besides rows and requests: what held a run up, which file a list was, and who
// planned and agreed.

#include <cardvoid/ledger/run_log.hpp>

#include "rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  WallTime after(std::int64_t seconds) { return k_now + milliseconds{seconds * 1000}; }

  void pulse(Ledger& ledger, ledger::RunId run, std::int64_t seconds,
             const std::vector<model::ReasonToWait>& reasons, double allowed_rate = 5) {
    ledger::Pulse pulse;
    pulse.run = run, pulse.at = after(seconds), pulse.allowed_rate = allowed_rate;
    pulse.reasons_to_wait = reasons;
    must(ledger::save_pulse(ledger, pulse));
  }

  }  // namespace

  TEST_CASE("waits: a reason is on record from when it began until the last pulse that had it") {
    const Books books;
    auto ledger = books.open();
    const auto run =
        must(ledger::begin_run(ledger, {"run", k_now, "here", 1, "4", "", "", false, "alice", 5}));
    const model::ReasonToWait paused{"paused", "paused by bob", after(3), {}},
        throttled{"throttled", "paused by 429", {}, {}};
    for (const auto at : {4, 6, 8}) pulse(ledger, run, at, {paused});
    pulse(ledger, run, 10, {paused, throttled});
    pulse(ledger, run, 12, {});
    pulse(ledger, run, 40, {throttled});  // those between had none
    pulse(ledger, run, 42, {throttled});
    const auto waits = fmt::format(
        "SELECT kind || ':' || ((since - {0}) / 1000) || '-' || ((until - {0}) / 1000) FROM wait ORDER BY "
        "since",
        k_now.time_since_epoch().count());
    CHECK(books.ask(waits) == "paused:3-10 throttled:10-10 throttled:40-42");
    CHECK(books.ask("SELECT DISTINCT words FROM wait ORDER BY 1 LIMIT 1") == "paused by 429");
    CHECK(books.ask("SELECT user || ' ' || requests_per_second FROM run") == "alice 5.0");
  }

  TEST_CASE("waits: each rate and each pause by a person is one of its own") {
    const Books books;
    auto ledger = books.open();
    const auto run =
        must(ledger::begin_run(ledger, {"run", k_now, "here", 1, "4", "", "", false, "alice", 5}));
    const auto rate = [](std::int64_t since, const char* words) {
      return model::ReasonToWait{"rate_set", words, after(since), {}};
    };
    for (const auto at : {4, 6}) pulse(ledger, run, at, {rate(3, "rate set to 2/s by bob")}, 2);
    for (const auto at : {8, 10}) pulse(ledger, run, at, {rate(7, "rate set to 4/s by eve")}, 4);
    for (const auto at : {12, 14}) pulse(ledger, run, at, {{"paused", "paused by bob", after(11), {}}});
    for (const auto at : {16, 18}) pulse(ledger, run, at, {{"paused", "paused by eve", after(15), {}}});
    const auto waits = fmt::format(
        "SELECT substr(words, -3) || ':' || ((since - {0}) / 1000) || '-' || ((until - {0}) / 1000) || ' at "
        "' "
        "|| allowed_rate FROM wait ORDER BY since",
        k_now.time_since_epoch().count());
    CHECK(books.ask(waits) == "bob:3-7 at 2.0 eve:7-10 at 4.0 bob:11-14 at 5.0 eve:15-18 at 5.0");
  }

  TEST_CASE("import: the file of a list and who read it are on record") {
    const Books books;
    auto ledger = books.open();
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("1"), 2}));
    must(under_way.finish("a list", k_now, {"m.csv", after(-60), std::string(64, 'a')}, "alice"));
    CHECK(books.ask(
              "SELECT file || ' ' || (file_time - finished_at) || ' ' || length(sha256) || ' ' || read_by "
              "FROM import") == "m.csv -60000 64 alice");
    import(ledger, {card("1")});
    CHECK(books.ask("SELECT count(*) FROM import WHERE coalesce(file, file_time, sha256, read_by) IS NULL") ==
          "1");
  }

  TEST_CASE("plan: who made it and who agreed to it are on record") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    const auto plan = must(ledger::fingerprint(ledger));
    const std::string who =
        "SELECT coalesce(made_by, '-') || ' ' || coalesce(confirmed_by, '-') FROM shown_plan";
    remember_plan(ledger, plan, k_now, "alice");
    CHECK(books.ask(who) == "alice -");
    must(ledger::confirm_plan(ledger, plan.substr(0, 8), k_now, "bob"));
    CHECK(books.ask(who) == "alice bob");
    remember_plan(ledger, plan, after(1), "carol");  // agreed to already
    CHECK(books.ask(who) == "carol bob");
  }
}
