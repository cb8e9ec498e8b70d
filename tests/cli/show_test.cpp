// `cardvoid show`: the story of one card, for a person who answers a customer.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <filesystem>
#include <ostream>
#include <regex>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  const std::string k_card_id = "pbLatjvWOibDc5-TBnbUk1pD12o0",
                    k_other_card_id = "pbLatjvWOibDc5-TBnbUk1pD99o0";

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
  std::string code(int i) { return fmt::format("4785158326{:02}", i); }
  std::string openid(int i) { return fmt::format("oPlain{:04}uMuAJO_M2pxb1Q9zN", i); }

  std::string line(int i, const std::string& card_id = k_card_id,
                   const std::string& reason = "会员计划已结束") {
    return fmt::format("{},{},{},{}\r\n", code(i), card_id, openid(i), reason);
  }
  std::string known(int i, const std::string& state = "EFFECTIVE,") {
    return fmt::format("1004,{},{},{},{}\r\n", k_card_id, code(i), openid(i), state);
  }

  // Line 2 is confirmed, line 3 was INVALID before, the platform does not know line 4, line 5 is refused.
  struct Told : Stage {
    Told()
        : Stage{sandbox::plain_settings(),
                {{"members.csv",
                  "code,card_id,openid,reason\r\n" + line(2) + line(3) + line(4) + code(5) + ",,,\r\n"},
                 {"cards.csv", "brand_id,card_id,code,openid,state,invalid_time\r\n" + known(2) +
                                   known(3, "INVALID,2026-06-01T12:00:00+08:00")}}} {}
    Ended show(std::vector<std::string> flags) const {
      flags.insert(flags.end(), {"--set", "safety.timezone=Asia/Shanghai"});
      return run("show", std::move(flags));
    }
  };

  boost::json::value json_of(const Ended& ended) {
    INFO(ended.out << ended.err);
    boost::system::error_code error;
    auto answer = boost::json::parse(ended.out, error);
    REQUIRE(!error);
    return answer;
  }

  }  // namespace

  TEST_CASE("show: each card of a job that ended tells its own story and nothing is sent for it") {
    const Told stage;
    CHECK(stage.show({"--code", code(2)}).exit_code == 66);
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    CHECK(stage.run("plan").exit_code == 0);
    const auto before = stage.show({"--line", "2"});
    CHECK(before.exit_code == 0);
    CHECK(before.err.empty());
    CHECK(has(before.out, "NOT SENT: this job has not changed the card. The next run sends it.\n"));

    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    const auto sent = stage.sandbox->counters();
    const auto done = stage.show({"--code", code(2)});
    CHECK(done.exit_code == 0);
    CHECK(done.err.empty());
    CHECK(has(done.out, "Card ****2602, template " + k_card_id + ", brand 1004\n"));
    CHECK(std::regex_search(done.out, std::regex{"\nINVALID since 20[0-9-]{8} [0-9:]{8} \\+0800: this job "
                                                 "invalidated it.\n"}));
    CHECK(has(done.out, user_name() + ", on "));
    CHECK(has(done.out, "Acknowledged       sandbox: no real customers\n"));
    CHECK(std::regex_search(done.out, std::regex{"\n            Request-ID 08[0-9A-F]+-0\n"}));
    CHECK(has(stage.show({"--openid", openid(3)}).out,
              "INVALID since 2026-06-01 12:00:00 +0800: before this job"));
    const auto rejected = stage.show({"--line=4"});
    CHECK(has(rejected.out, "NOT INVALIDATED: WeChat Pay refused on 20"));
    CHECK(has(rejected.out, "RESOURCE_NOT_EXISTS, \"用户会员卡不存在\""));
    CHECK(has(rejected.out, "cardvoid retry " + stage.job()));
    const auto after = stage.sandbox->counters();
    CHECK(sent.read_back_requests + sent.invalidate_requests ==
          after.read_back_requests + after.invalidate_requests);
  }

  TEST_CASE("show: a card that is not in the job ends with 65 and says whether a line was refused") {
    const Told stage;
    CHECK(stage.run("plan").exit_code == 0);
    const auto line_of_list = stage.show({"--line", "5"});
    CHECK(line_of_list.exit_code == 65);
    CHECK(line_of_list.out.empty());
    CHECK(has(line_of_list.err, "no card of this job was read from line 5\n"));
    CHECK(has(line_of_list.err, "line 5 of the latest list was refused: openid: empty\n"));
    const auto by_code = stage.show({"--code", code(5)});
    CHECK(by_code.exit_code == 65);
    CHECK(has(by_code.err, "no card of this job has this code\n"));
    CHECK(has(by_code.err, "line 5 of the latest list was refused: openid: empty\n"));
    CHECK_FALSE(has(by_code.err, code(5)));
    const auto by_member = stage.show({"--openid=" + openid(77), "--json"});
    CHECK(by_member.exit_code == 65);
    CHECK(json_of(by_member).at("matches") == 0);
    CHECK_FALSE(has(by_member.err + by_member.out, openid(77)));
    for (const std::vector<std::string>& flags : {std::vector<std::string>{},
                                                  {"--code", code(2), "--line", "2"},
                                                  {"--line", "0"},
                                                  {"--line", "two"},
                                                  {"--code", ""}}) {
      const auto ended = stage.show(flags);
      CHECK(ended.exit_code == 64);
      CHECK_FALSE(has(ended.err, code(2)));
    }
  }

  TEST_CASE("show: a line that repeats a card tells the story of that card") {
    const Told stage;
    auto list = stage.read("members.csv");
    const auto second = list.find("\r\n") + 2;
    const auto lines = std::count(list.begin(), list.end(), '\n');
    stage.write("members.csv", list + list.substr(second, list.find("\r\n", second) + 2 - second));
    CHECK(stage.run("plan").exit_code == 0);
    const auto first = stage.show({"--line", "2"}), again = stage.show({"--line", std::to_string(lines + 1)});
    CAPTURE(again.err);
    CHECK(again.exit_code == 0);
    CHECK(again.out == first.out);
    CHECK(has(again.err, "names a card again that has line 2 in this job"));
    CHECK(stage.show({"--line", std::to_string(lines + 2)}).exit_code == 65);
    CHECK(boost::json::parse(stage.show({"--line", std::to_string(lines + 1), "--json"}).out).at("matches") ==
          1);
  }

  TEST_CASE("show: a lost answer and its read-back and the plan that was confirmed stand in the story") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::reset_applied, 1.0}};
    const auto stage = stage_of(1, settings);
    const auto fingerprint =
        std::string{json_of(stage.run("plan", {"--json"})).at("fingerprint").as_string()};
    CHECK(stage.run("run", {"--confirm", fingerprint.substr(0, 12)}).exit_code == 0);
    const auto shown = stage.run("show", {"--line", "2"});
    CAPTURE(shown.out);
    CHECK(has(shown.out, "On the list        line 2 of members.csv, read on 20"));
    CHECK(has(shown.out, ": most likely this job invalidated it.\n"));
    CHECK(has(shown.out, "no answer came"));
    CHECK(has(shown.out, "asked WeChat Pay how the card stands"));
    CHECK(has(shown.out, "Plan               " + fingerprint.substr(0, 16) + ", 1 card, made on "));
    const auto answer = json_of(stage.run("show", {"--line", "2", "--json"}));
    const auto& card = answer.at("cards").at(0);
    CHECK(card.at("settled_by") == "read_back");
    CHECK(card.at("requests").at(0).at("outcome") == "lost");
    CHECK(card.at("requests").as_array().back().at("kind") == "read_back");
    CHECK(card.at("runs").at(0).at("fingerprint").as_string() == fingerprint);
    CHECK(card.at("runs").at(0).at("consent") == "confirm");
    CHECK(card.at("list").at("file").as_string().ends_with("/members.csv"));
    CHECK(card.at("list").at("sha256").as_string().size() == 64);
    CHECK(card.at("runs").at(0).at("user").as_string() == user_name());
    CHECK(card.at("in_words").at("headline").as_string().starts_with("INVALID since "));
  }

  TEST_CASE("show: a card with unclear answers is held and the support is what to ask") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::wrong_card, 1.0}};
    settings.fault_read_backs = true;
    const auto stage = stage_of(1, settings);
    CHECK(stage.run("run", {"--yes"}).exit_code != 0);
    REQUIRE(stage.count("held_back = 'held'") == 1);
    const auto shown = stage.run("show", {"--line", "2"}).out;
    CAPTURE(shown);
    CHECK(has(shown, "NOT KNOWN: WeChat Pay's answers about this card are unclear. It is held.\n"));
    CHECK(has(shown, "cardvoid reconcile " + stage.job()));
    CHECK(has(shown, "If it is held still: ask WeChat Pay's support"));
    CHECK(has(shown, "For the support    mchid 1900000001\n"));
    CHECK_FALSE(has(shown, "The card ended"));
    CHECK(json_of(stage.run("show", {"--line", "2", "--json"})).at("cards").at(0).at("held_back") == "held");
  }

  TEST_CASE("show: people's words and lists that follow are part of the story") {
    const Told stage;
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.run("accept", {"--code", code(4), "--note", "OPS-7: no such card"}).exit_code == 0);
    CHECK(has(stage.show({"--code", code(4)}).out, "Settled by a word  of " + user_name() + " on 20"));
    CHECK(stage.run("retry", {"--code", code(4)}).exit_code == 0);
    auto shown = stage.show({"--code", code(4)}).out;
    CHECK(has(shown, "put back by " + user_name() + ", to be sent again\n"));
    CHECK(has(shown, "The next run sends it.\n"));
    CHECK(stage.run("protect", {"--openid", openid(4), "--note", "owner has objected"}).exit_code == 0);
    shown = stage.show({"--code", code(4)}).out;
    CHECK(has(shown, "Protected          yes, by " + user_name() + " since 20"));
    // The same code of another template, and the card itself no longer on the list.
    stage.write("members.csv", "code,card_id,openid,reason\r\n" + line(2) + line(4, k_other_card_id));
    CHECK(stage.run("plan").exit_code == 0);
    shown = stage.show({"--code", code(4)}).out;
    CHECK(has(shown, "Card 1 of 2: ****2604, template " + k_card_id));  // a request was made for it
    CHECK(has(shown, "Card 2 of 2: ****2604, template " + k_other_card_id));
    CHECK(has(shown, "the latest list"));
    CHECK(json_of(stage.show({"--line", "3", "--json"})).at("cards").at(0).at("card_id").as_string() ==
          k_other_card_id);
  }

  TEST_CASE(
      "show: a protection that was taken back is told as that and a list that names the card by its line") {
    const Told stage;
    stage.write("protect.csv", "code\r\n" + code(3) + "\r\n");
    const std::vector<std::string> list{"--set", "safety.protect=" + (stage.dir / "protect.csv").string()};
    const auto with = [&](std::vector<std::string> flags) {
      flags.insert(flags.end(), list.begin(), list.end());
      return flags;
    };
    CHECK(stage.run("plan", with({})).exit_code == 0);
    CHECK(stage.run("protect", with({"--code", code(2), "--note", "owner"})).exit_code == 0);
    const auto kept = stage.show(with({"--code", code(2)})).out;
    CAPTURE(kept);
    CHECK(has(kept, "NOT SENT, and protected"));
    CHECK(has(kept, "cardvoid protect " + stage.job()));
    CHECK(has(kept, "--code CODE --remove\n"));
    CHECK(stage.run("protect", with({"--code", code(2), "--remove"})).exit_code == 0);
    const auto back = stage.show(with({"--code", code(2)})).out;
    CAPTURE(back);
    CHECK(has(back, "NOT SENT. The protection has ended: taken back by " + user_name() + " on 20"));
    CHECK(has(back, "Protected          no longer: taken back by " + user_name()));
    CHECK_FALSE(has(back, "list safety.protect"));
    const auto standing = stage.run("status", with({})).out;
    CAPTURE(standing);
    CHECK(has(standing, "1 of them protected: never sent; 1 of them with a protection that was taken back"));
    CHECK(stage.run("plan", with({})).exit_code == 0);
    CHECK_FALSE(has(stage.run("status", with({})).out, "taken back"));
    const auto listed = stage.show(with({"--code", code(3)})).out;
    CAPTURE(listed);
    CHECK(has(listed, "NOT SENT, and protected"));
    CHECK(has(listed, "Take line 2 out of"));
    CHECK(has(listed, "Protected          yes, by line 2 of protect.csv"));
  }

  TEST_CASE("show: while a run is under way the card that it waits for is being decided") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 30s;
    const auto stage = stage_of(2, settings);
    const auto program = stage.start(
        "run", {"--yes", "--set", "limits.request_timeout=60s", "--set", "limits.requests_per_second=0.1"});
    stage.wait_until([&] { return stage.sandbox->counters().invalidate_requests > 0; }, "a request");
    const auto shown = stage.run("show", {"--line", "2"});
    CAPTURE(shown.out);
    CHECK(shown.exit_code == 0);
    CHECK(has(shown.out, "BEING DECIDED at this moment: a request for it is under way.\n"));
    CHECK(has(shown.out, "            no answer yet\n"));
    CHECK(has(stage.run("show", {"--line", "3"}).out, "The run under way may send it.\n"));
    program->send_signal(9);
    program->wait();
    const auto dead = stage.run("show", {"--line", "2"}).out;
    CHECK(has(dead, "NOT KNOWN YET: the card may be INVALID or not.\n"));
    CHECK(has(dead, "the program died before an answer was on record"));
    CHECK(has(dead, "cardvoid reconcile " + stage.job()));
  }
}
