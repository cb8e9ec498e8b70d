// The first cards go one by one, and a list that is wrong stops early: canary and breaker.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <csignal>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  // Cards that the platform does not know.
  std::string unknown_members(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines +=
          fmt::format("unknown{:05},pbLatjvWOibDc5-TBnbUk1pD12o0,oUnknown{:05}uMuAJO_M2pxb1Q,\r\n", i, i);
    return lines;
  }

  constexpr std::string_view k_header = "code,card_id,openid,reason\r\n";

  // The sandbox knows `plain_members(known)`; the list is another. Canary and breaker as a job has them.
  struct Listed : Stage {
    Listed(int known, const std::string& list, const sandbox::Settings& settings = sandbox::plain_settings())
        : Stage{settings, {{"members.csv", plain_members(known)}}, as_given} {
      write("members.csv", list);
    }
    std::string ask(std::string_view sql) const { return ask_results(sql)[0][0]; }
    // Rows that were read back, each once.
    std::string read_back() const {
      return ask("SELECT count(DISTINCT row_id) FROM attempts WHERE kind = 'read_back'");
    }
  };

  std::string good_behind_unknown(int unknown, int good) {
    return std::string{k_header} + unknown_members(unknown) + plain_members(good).substr(k_header.size());
  }

  void check_says(const Ended& ended, const std::string& words) {
    CHECK_MESSAGE(ended.err.find(words) != std::string::npos, words, " is missing in: ", ended.err);
  }

  }  // namespace

  TEST_CASE("canary: a list whose first card is rejected stops with 76 after that card") {
    const Listed stage{30, good_behind_unknown(1, 30)};
    const auto ended = stage.run("run", {"--yes"});
    INFO(ended.err);
    CHECK(ended.exit_code == 76);
    CHECK(stage.sandbox->counters().invalidate_requests == 1);
    CHECK(stage.count("status = 'rejected'") == 1);
    CHECK(stage.count("status = 'pending'") == 30);
    check_says(ended,
               "the canary failed at line 2 (code ****0000), 0 of 5 cards had passed; rejected: HTTP 404 "
               "RESOURCE_NOT_EXISTS");
    check_says(ended, "cardvoid status " + stage.job() + " --set limits.backoff_base=20ms");
    check_says(ended, " --status rejected -o rejected.csv\n");
    check_says(ended, "go on with what is left, a canary first: cardvoid run " + stage.job());
    CHECK(stage.ask("SELECT exit_code || tripped_by || culprits FROM runs") == "76canary[1]");
    CHECK(stage.ask("SELECT ending FROM runs").starts_with("the canary failed at line 2"));
    const auto status = boost::json::parse(stage.run("status", {"--json"}).out).at("runs").at(0);
    CHECK(status.at("tripped_by") == "canary");
    CHECK(status.at("culprits") == boost::json::array{1});

    // What is left is good: a canary of five cards, and then the rest.
    const auto again = stage.run("run", {"--yes"});
    CHECK(again.exit_code == 1);
    CHECK(stage.read_back() == "6");
    CHECK(stage.count("status = 'invalidated'") == 30);
    stage.check_against_truth();
  }

  TEST_CASE("canary: one that fails at the last card has stopped nothing and says so") {
    const Listed stage{1, std::string{k_header} + unknown_members(1)};
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 1);
    CHECK(ended.out.find("nothing is left that it could stop: the canary failed at line 2") !=
          std::string::npos);
    CHECK(ended.out.find("stopped: ") == std::string::npos);
  }

  TEST_CASE("canary: the first cards are read back one by one and then the pace opens for good") {
    const Listed stage{40, plain_members(40)};
    const auto ended = stage.run("run", {"--yes", "--limit", "20"});
    CHECK(ended.exit_code == 75);
    check_says(ended, "canary: 5 of 5 cards are invalidated and were read back as INVALID; the pace opens");
    CHECK(stage.read_back() == "5");
    // Nothing was under way beside them: each ended before the next began.
    CHECK(
        stage.ask(
            "SELECT count(*) FROM attempts AS a JOIN attempts AS b ON b.row_id > a.row_id AND b.row_id <= 6 "
            "WHERE a.row_id <= 5 AND b.started_at < a.finished_at") == "0");
    const auto again = stage.run("run", {"--yes"});
    CHECK(again.exit_code == 0);
    CHECK(again.err.find("canary") == std::string::npos);
    CHECK(stage.read_back() == "5");
    stage.check_against_truth();
  }

  TEST_CASE("canary: a run that ends inside it leaves the rest of it to the next") {
    const Listed stage{20, plain_members(20)};
    CHECK(stage.run("run", {"--yes", "--limit", "3"}).exit_code == 75);
    CHECK(stage.read_back() == "3");
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.read_back() == "5");
  }

  TEST_CASE("canary: rows that a later import brings have one of their own") {
    const Listed stage{20, plain_members(10)};
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.read_back() == "5");
    stage.write("members.csv", plain_members(20));
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.read_back() == "10");
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
  }

  TEST_CASE("canary: killed in its middle the same command carries on with it") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 50ms;
    const Listed stage{30, plain_members(30), settings};
    const std::vector<std::string> flags{"--yes", "--set", "safety.canary=8"};
    const auto program = stage.start("run", flags);
    stage.wait_until("status = 'invalidated'", 3);
    program->send_signal(SIGKILL);
    program->wait();
    CHECK(stage.count("status = 'pending'") >= 20);  // one at a time
    const auto ended = stage.run("run", flags);
    CHECK(ended.exit_code == 0);
    check_says(ended, "canary: 8 of 8 cards");
    stage.check_against_truth();
  }

  TEST_CASE("canary: a card that is called INVALID and does not show it stops the job") {
    auto settings = sandbox::plain_settings();
    settings.read_back_lag = 1h;
    const Listed stage{10, plain_members(10), settings};
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 76);
    CHECK(stage.sandbox->counters().invalidate_requests == 1);
    check_says(ended, "unresolved: HTTP 200 NOT_INVALID");
    check_says(ended, "read them back: cardvoid reconcile " + stage.job());
    CHECK(stage.ask("SELECT status || error_code FROM results WHERE attempts > 0") ==
          "unresolvedNOT_INVALID");
    CHECK(stage.ask("SELECT tripped_by || confirmed || unresolved FROM runs") == "canary01");
  }

  TEST_CASE("canary: one that fails at the last card leaves nothing to stop and ends with 1") {
    const Listed stage{1, good_behind_unknown(1, 0)};
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 1);
    CHECK(stage.ask("SELECT exit_code || tripped_by FROM runs") == "1canary");
  }

  TEST_CASE("canary: status and progress say how far it is") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 150ms;
    const Listed stage{60, plain_members(60), settings};
    const auto program = stage.start("run", {"--yes", "--set", "safety.canary=50", "--progress", "json"});
    stage.wait_until("status = 'invalidated'", 1);
    boost::json::value now;
    for (int i = 0; i < 100 && !now.is_object(); ++i)  // until the run has told of itself
      now = boost::json::parse(stage.run("status", {"--json"}).out).at("now");
    REQUIRE(now.is_object());
    CHECK(now.at("canary") == 50);
    CHECK(stage.run("status").out.find(" of 50 cards are through, one at a time; then the pace opens") !=
          std::string::npos);
    program->send_signal(SIGTERM);
    const auto ended = program->wait();
    CHECK(ended.exit_code == 75);
    check_says(ended, R"("canary":50,"canary_passed":)");
  }

  TEST_CASE("breaker: a list that goes bad stops with 76 and leaves most of it pending") {
    const Listed stage{30, std::string{plain_members(30)} + unknown_members(300)};
    // One at a time, so that the stop leaves no refused card whose read-back is still to come.
    const std::vector<std::string> flags{"--yes", "--set", "limits.max_in_flight=1"};
    const auto ended = stage.run("run", flags);
    INFO(ended.err);
    CHECK(ended.exit_code == 76);
    CHECK(stage.count("status = 'invalidated'") == 30);
    CHECK(stage.count("status = 'pending'") > 200);
    check_says(
        ended,
        "which is more than safety.max_failure_rate = 0.2; all with RESOURCE_NOT_EXISTS, such as line ");
    check_says(ended,
               "once the cause is gone, to have these cards sent again: cardvoid retry " + stage.job());
    CHECK(stage.ask("SELECT tripped_by FROM runs") == "failure_rate");
    // The rows to blame are the rejected ones, and there are as many of them as broke the limit.
    CHECK(std::stoi(stage.ask("SELECT count(*) FROM runs JOIN json_each(culprits)")) >= 7);
    CHECK(stage.ask("SELECT count(*) FROM runs JOIN json_each(culprits) JOIN row ON row.id = value WHERE "
                    "status <> 'rejected'") == "0");

    SUBCASE("and the next run begins with a canary") {
      const auto before = stage.sandbox->counters().invalidate_requests;
      const auto again = stage.run("run", flags);
      CHECK(again.exit_code == 76);
      check_says(again, "the canary failed at line ");
      CHECK(stage.sandbox->counters().invalidate_requests == before + 1);
    }
    SUBCASE("and with both turned off the rest is sent to its end") {
      auto regardless = flags;
      for (const auto* set : {"safety.canary=0", "safety.max_failure_rate=1.0"})
        regardless.insert(regardless.end(), {"--set", set});
      CHECK(stage.run("run", regardless).exit_code == 1);
      CHECK(stage.count("status = 'rejected'") == 300);
    }
  }

  // A list of 30 cards, all INVALID for long.
  Stage done_list() {
    std::string cards = "brand_id,card_id,code,openid,state,invalid_time\n";
    for (int i = 0; i < 30; ++i)
      cards += fmt::format(
          "1004,pbLatjvWOibDc5-TBnbUk1pD12o0,card{:04},oPlain{:04}uMuAJO_M2pxb1Q9zN,INVALID,"
          "2026-01-02T03:04:05+08:00\n",
          i, i);
    return Stage{sandbox::plain_settings(),
                 {{"members.csv", plain_members(30)}, {"cards.csv", cards}},
                 Stage::as_given};
  }

  TEST_CASE("already: a list that is done stops with 76 after twenty cards") {
    const auto stage = done_list();
    const std::vector<std::string> flags{"--yes", "--set", "limits.max_in_flight=1"};
    const auto ended = stage.run("run", flags);
    INFO(ended.err);
    CHECK(ended.exit_code == 76);
    CHECK(stage.ask_results("SELECT tripped_by FROM runs")[0][0] == "already");
    CHECK(stage.count("settled_by = 'already'") == 20);
    check_says(ended, "where such cards are expected, go on: cardvoid run " + stage.job());
    check_says(ended, " --set safety.expect_already=true\n");
    auto expected = flags;
    expected.insert(expected.end(), {"--set", "safety.expect_already=true"});
    CHECK(stage.run("run", expected).exit_code == 0);
    CHECK(stage.count("settled_by = 'already'") == 30);
  }

  TEST_CASE("already: twenty cards over several short runs stop the last one") {
    const auto stage = done_list();
    CHECK(stage.run("run", {"--yes", "--limit", "8"}).exit_code == 75);
    CHECK(stage.run("run", {"--yes", "--limit", "8"}).exit_code == 75);
    CHECK(stage.run("run", {"--yes", "--limit", "8"}).exit_code == 76);
    CHECK(stage.run("run", {"--yes", "--limit", "1"}).exit_code == 75);  // somebody has looked
  }

  TEST_CASE("breaker: answers about another card are on record with a row of theirs") {
    const Listed stage{10, plain_members(10)};
    stage.sandbox->set_faults({{sandbox::Fault::wrong_card, 1.0}});
    const auto ended =
        stage.run("run", {"--yes", "--set", "safety.canary=0", "--set", "limits.max_in_flight=1"});
    CHECK(ended.exit_code == 76);
    CHECK(stage.ask("SELECT tripped_by FROM runs") == "wrong_card");
    CHECK(stage.ask("SELECT count(*) FROM runs JOIN json_each(culprits) JOIN row ON row.id = value") == "1");
  }
}
