// `cardvoid protect`, with and without a run under way.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <csignal>
#include <ostream>
#include <regex>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  std::string code(int i) { return fmt::format("card{:04}", i); }
  std::string openid(int i) { return fmt::format("oPlain{:04}uMuAJO_M2pxb1Q9zN", i); }

  Ended protect(const Stage& stage, std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--note", "因会员异议"});
    return stage.run("protect", std::move(flags));
  }

  bool reached_the_platform(const Stage& stage, const std::string& card) {
    const auto applied = stage.sandbox->applied();
    return std::any_of(applied.begin(), applied.end(), [&](const auto& one) { return one.code == card; });
  }

  }  // namespace

  TEST_CASE("protect command: without a run the row is held and the plan and its fingerprint follow") {
    const auto stage = stage_of(4);
    CHECK(protect(stage, {"--code", code(2)}).exit_code == 66);  // nothing is planned yet
    const auto fingerprint = [&] {
      return std::string{boost::json::parse(stage.run("plan", {"--json"}).out).at("fingerprint").as_string()};
    };
    const auto before = fingerprint();
    const auto held = protect(stage, {"--code", code(2)});
    CHECK(held.err == "");
    CHECK(held.exit_code == 0);
    CHECK(held.out == "held: line 4 code ****\non record, by " + user_name() + "\n");
    CHECK(stage.count("held_back = 'protected'") == 1);  // before any import
    CHECK(stage.ask_results("SELECT code, openid, note, added_by FROM protection") ==
          std::vector<Line>{{code(2), "NULL", "因会员异议", user_name()}});
    const auto member = protect(stage, {"--openid", openid(3)});
    CHECK(has(member.out, "held: line 5 code ****\n"));
    const auto again = protect(stage, {"--openid", openid(3)});
    CHECK(has(again.out, "on record already, by " + user_name() + " since 20"));
    CHECK(stage.ask_results("SELECT count(*) FROM protection")[0][0] == "2");

    CHECK(fingerprint() != before);
    CHECK(has(stage.run("plan").out, "protected                  2  by `cardvoid protect`: never sent"));
    const auto sent = stage.run("run", {"--yes", "--limit", "1"});
    CHECK(has(sent.err, "2 rows protected: not sent\n"));
    CHECK_FALSE(has(sent.err, "safety.protect"));
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'invalidated'") == 2);
    CHECK_FALSE(reached_the_platform(stage, code(2)));
    CHECK_FALSE(reached_the_platform(stage, code(3)));
    for (const auto& said : {held, member, again}) CHECK_FALSE(has(said.out + said.err, openid(3)));
  }

  TEST_CASE("protect command: it covers later imports until it is taken back") {
    const auto stage = stage_of(2);
    CHECK(stage.run("plan").exit_code == 0);
    const auto early = protect(stage, {"--openid", openid(2)});
    CHECK(early.exit_code == 0);
    CHECK(has(early.out, "no row matches; cards of later imports are held\n"));
    CHECK(has(early.err,
              "warning: no row of the job matches; is the openid written as in the list? On record for "
              "later imports\n"));
    const auto code_too = protect(stage, {"--code", "CARD0000", "--json", "-q"});
    CHECK(code_too.exit_code == 0);
    CHECK(has(code_too.err, "no row of the job matches; is the code written as in the list?"));
    CHECK(boost::json::parse(code_too.out).at("answer") == "no row");
    stage.write("members.csv", plain_members(3));
    stage.write("cards.csv", stage.read("cards.csv"));
    CHECK(has(stage.run("plan").out, "to send 2 at"));
    CHECK(stage.count("code = '" + code(2) + "' AND held_back = 'protected'") == 1);

    stage.write("protect.csv", "openid\n" + openid(1) + "\n" + openid(2) + "\n");
    const std::vector<std::string> file{"--set", "safety.protect=protect.csv"};
    const auto not_ours = stage.run("protect", {"--openid", openid(1), "--remove", file[0], file[1]});
    CHECK(not_ours.exit_code == 65);
    CHECK(has(not_ours.err, "has not protected this member; "));
    CHECK(has(not_ours.err, "protect.csv:2 of safety.protect names it too"));
    CHECK_FALSE(has(not_ours.err, openid(1)));

    const auto back = stage.run("protect", {"--openid", openid(2), "--remove", file[0], file[1]});
    CHECK(back.exit_code == 0);
    CHECK(has(back.out, "taken back; 1 row may be sent again from the next `cardvoid plan` or `run` on"));
    CHECK(has(back.err, "protect.csv:3 of safety.protect names it too"));
    CHECK(stage.ask_results("SELECT removed_by FROM protection")[0][0] == user_name());
    CHECK(has(stage.run("plan").out, "to send 3 at"));
    CHECK(stage.run("protect", {"--openid", openid(2), "--remove"}).exit_code == 65);
  }

  TEST_CASE("protect command: what was sent is too late and its time and state are told") {
    const auto stage = stage_of(2);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto late = protect(stage, {"--code", code(0)});
    CHECK(late.exit_code == 1);
    CAPTURE(late.out);
    CHECK(std::regex_search(
        late.out,
        std::regex{"^too late: sent 20[0-9-]{8} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}; it is invalidated "
                   "now \\(line 2 code \\*\\*\\*\\*\\)"}));
    const auto answer = boost::json::parse(protect(stage, {"--code", code(1), "--json"}).out);
    CHECK(answer.at("answer") == "too late");
    CHECK(answer.at("too_late") == 1);
    CHECK(answer.at("rows").at(0).at("status") == "invalidated");
    CHECK(answer.at("rows").at(0).at("sent_at").as_string().ends_with("Z"));
  }

  TEST_CASE("protect command: it wants one card or member that a list could name and a note") {
    const auto stage = stage_of(1);
    CHECK(stage.run("plan").exit_code == 0);
    const auto refused = [&](std::vector<std::string> flags, std::string_view why) {
      const auto ended = stage.run("protect", flags);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 64);
      CHECK(has(ended.err, why));
    };
    refused({"--note", "x"}, "say which card or member, with --code CODE or --openid OPENID");
    refused({"--code", code(0)}, "--note TEXT: is required");
    refused({"--code", code(0), "--openid", openid(0), "--note", "x"}, "cannot be used together");
    refused({"--code", "", "--note", "x"}, "say which card");
    refused({"--openid", "o plain", "--note", "x"}, "would protect nothing; --openid: space inside");
    refused({"--code", "１２３", "--note", "x"}, "would protect nothing; --code: full-width");
    refused({"--code", "4.78517E+11", "--note", "x"},
            "would protect nothing; --code: a spreadsheet has made a number of it");
    // As cardvoid's own messages show them.
    refused(
        {"--code", "****3220", "--note", "x"},
        "would protect nothing; --code: masked with **, so not whole; `cardvoid export` has codes in full");
    refused({"--openid", "****gLBA", "--note", "x"}, "would protect nothing; --openid: masked with **");
    CHECK(stage.ask_results("SELECT count(*) FROM protection")[0][0] == "0");
  }

  TEST_CASE("protect command: what a run under way has answered with held never reaches the platform") {
    constexpr int k_members = 120;
    auto settings = sandbox::plain_settings();
    settings.latency_min = 5ms, settings.latency_max = 120ms;
    const auto stage = stage_of(k_members, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=30"});
    stage.wait_until("status = 'invalidated'", 3);
    std::vector<std::string> held, late;
    const auto far = protect(stage, {"--openid", openid(k_members - 1)});
    CHECK(far.out.starts_with("held: line 121 code ****\n"));
    held.push_back(code(k_members - 1));
    // Close behind what is being sent, far behind it, and what was sent long ago.
    for (const int ahead : {1, 2, 4, 3, 60, 0, 5, 8, -3, 2, 1, 12, 6, 3}) {
      const auto done = static_cast<int>(stage.count("status <> 'pending'"));
      const auto card = code(std::clamp(done + ahead, 0, k_members - 1));
      const auto answer = protect(stage, {"--code", card});
      CAPTURE(answer.err);
      CHECK((answer.exit_code == 0 || answer.exit_code == 1));
      (answer.out.starts_with("held: ") ? held : late).push_back(card);
      CHECK((answer.exit_code == 0) == answer.out.starts_with("held: "));
      if (answer.exit_code == 0) CHECK_FALSE(reached_the_platform(stage, card));
    }
    const auto first = protect(stage, {"--code", code(0)});
    CHECK(has(first.out, "it is invalidated now (line 2"));
    const auto ended = program->wait();
    CHECK(ended.exit_code == 1);
    CHECK(has(ended.err, "cardvoid protect by " + user_name() + ": 1 row held, too late for 0: line "));
    CHECK_FALSE(has(ended.err, openid(k_members - 1)));
    CHECK(held.size() > 5);
    for (const auto& card : held) {
      CAPTURE(card);
      CHECK_FALSE(reached_the_platform(stage, card));
      CHECK(stage.count("code = '" + card + "' AND status = 'pending' AND held_back = 'protected'") == 1);
    }
    CHECK(stage.count("status = 'pending'") == stage.count("held_back = 'protected' AND status = 'pending'"));
    stage.check_against_truth(false);
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);  // nothing more to send
    for (const auto& card : held) CHECK_FALSE(reached_the_platform(stage, card));
  }

  TEST_CASE("protect command: a paused run and one whose card is in flight answer too") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 3s;
    const auto stage = stage_of(30, settings);
    const auto program = stage.start("run", {"--yes"});
    stage.wait_until("code = '" + code(0) + "' AND status = 'in_flight' AND attempts > 0", 1);
    stage.wait_until([&] { return stage.sandbox->counters().invalidate_requests > 0; }, "a request");
    const auto late = protect(stage, {"--code", code(0)});
    CHECK(late.exit_code == 1);
    CHECK(has(late.out, "it is in doubt now: read back, and never sent again (line 2"));
    CHECK(stage.run("pause").exit_code == 0);
    CHECK(protect(stage, {"--code", code(20)}).out.starts_with("held: "));
    const auto back = stage.run("protect", {"--code", code(20), "--remove"});
    CHECK(back.exit_code == 0);
    CHECK(has(back.out, "taken back"));
    CHECK(stage.run("stop").exit_code == 0);
    CHECK(program->wait().exit_code == 75);
    CHECK(stage.count("code = '" + code(0) + "' AND status = 'invalidated'") == 1);
    CHECK_FALSE(reached_the_platform(stage, code(20)));
  }
}
