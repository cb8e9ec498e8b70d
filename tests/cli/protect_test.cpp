// Cards that must never be sent: safety.protect, seen from outside and from the platform.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <ostream>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  const std::string k_staff_openid = "oPlain0002uMuAJO_M2pxb1Q9zN";

  // Six cards; the third one is a member of staff's.
  struct Staff : Stage {
    explicit Staff(const std::string& list, const sandbox::Settings& settings = sandbox::plain_settings())
        : Stage{settings, {{"members.csv", plain_members(6)}}} {
      write("protect.csv", list);
    }
    Ended with_list(const std::string& command, std::vector<std::string> flags = {}) const {
      flags.insert(flags.end(), {"--set", "safety.protect=protect.csv"});
      return run(command, std::move(flags));
    }
    bool was_invalidated(std::string_view code) const {
      for (const auto& card : sandbox->applied())
        if (card.code == code) return true;
      return false;
    }
  };

  std::string fingerprint(const Ended& plan) {
    const auto at = plan.out.find("fingerprint ");
    REQUIRE(at != std::string::npos);
    return plan.out.substr(at + 12, 64);
  }

  }  // namespace

  TEST_CASE("protect: a card of the list never reaches the platform and is refused and counted and shown") {
    const Staff stage{"openid,name\r\n" + k_staff_openid +
                      ",\xD5\xC5\xC8\xFD\r\n"};  // GBK, as a Chinese Excel saves it
    const auto plan = stage.with_list("plan");
    CHECK(plan.exit_code == 0);
    CHECK(has(plan.out, "protected                  1  never sent; safety.protect has 1 line"));
    CHECK(has(plan.out, "1  protected: never sent (line 4)"));
    // What it says adds up: the line is not among the refused ones, nor the row among those to send.
    CHECK(has(plan.out, "  refused                    0\n  kept out                   1  "));
    CHECK(has(plan.out, "  pending                    6\n                             5  ready to send\n"));
    CHECK(has(plan.out, "to send 5 at"));
    const auto answer = boost::json::parse(stage.with_list("plan", {"--json"}).out);
    CHECK(answer.at("protected") == 1);
    CHECK(answer.at("refused") == 1);
    CHECK(answer.at("to_send") == 5);

    const auto ended = stage.with_list("run", {"--yes"});
    CHECK(ended.exit_code == 1);
    CHECK(has(ended.out, "1 of them protected: never sent"));
    CHECK(stage.sandbox->counters().invalidate_requests == 5);
    CHECK(stage.sandbox->applied().size() == 5);
    CHECK_FALSE(stage.was_invalidated("card0002"));
    CHECK(stage.count("status = 'invalidated'") == 5);
    CHECK(stage.count("code = 'card0002' AND status = 'pending' AND attempts = 0") == 1);
    const auto refused = stage.ask_results("SELECT source_line, cause, raw FROM refused");
    REQUIRE(refused.size() == 1);
    CHECK(refused[0][0] == "4");
    CHECK(refused[0][1] == "protected: never sent");
    CHECK(has(refused[0][2], "card0002"));
    CHECK(has(stage.run("status").out, "1 of them protected: never sent"));
    for (const auto& said : {plan.out, plan.err, ended.out, ended.err})
      CHECK_FALSE(has(said, k_staff_openid));
    // Again and by any other way: still not.
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
    CHECK(stage.run("reconcile").exit_code == 0);
    CHECK(stage.sandbox->counters().invalidate_requests == 5);
  }

  TEST_CASE("protect: --refused hands the protected lines back in the input's own columns") {
    const Staff stage{"code\ncard0002\n"};
    const auto file = (stage.dir / "refused.csv").string();
    CHECK(stage.with_list("plan", {"--refused", file}).exit_code == 0);
    const auto text = stage.read("refused.csv");
    CHECK(has(text, "card0002,"));
    CHECK(has(text, k_staff_openid));
    CHECK_FALSE(has(text, "card0003"));
    // The list itself is not to be written over.
    const auto over = stage.with_list("plan", {"--refused", (stage.dir / "protect.csv").string()});
    CHECK(over.exit_code == 64);
    CHECK(stage.read("protect.csv") == "code\ncard0002\n");
  }

  TEST_CASE("protect: a list that changes takes rows out and an old confirmation covers none that return") {
    const std::string nobody_here = "openid\noNobodyHereuMuAJO_M2pxb1Q9zN\n";
    const Staff stage{nobody_here};
    const auto all = stage.with_list("plan");
    CHECK(has(all.out, "to send 6 at"));
    // Planned before, and protected now.
    stage.write("protect.csv", "openid\n" + k_staff_openid + "\n");
    const auto confirmed = fingerprint(stage.with_list("plan")).substr(0, 16);
    CHECK(confirmed != fingerprint(all).substr(0, 16));
    CHECK(stage.with_list("run", {"--confirm", confirmed, "--limit", "2"}).exit_code == 75);
    stage.write("protect.csv", nobody_here);
    const auto refused = stage.with_list("run", {"--confirm", confirmed});
    CHECK(refused.exit_code == 65);
    CHECK(has(refused.err, "not the one that was confirmed"));
    CHECK(stage.sandbox->counters().invalidate_requests == 2);
    // Without the key it is likewise another plan.
    CHECK(stage.run("run", {"--confirm", confirmed}).exit_code == 65);
    CHECK(stage.sandbox->counters().invalidate_requests == 2);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.was_invalidated("card0002"));
    // Too late: that is said.
    stage.write("protect.csv", "openid\n" + k_staff_openid + "\n");
    const auto late = stage.with_list("run", {"--yes"});
    CHECK(late.exit_code == 0);
    CHECK(has(late.err, "INVALID already"));
  }

  TEST_CASE("protect: how many lines name a row is said and a list that names none is a warning") {
    const Staff stage{"openid,code\n" + k_staff_openid + ",\noNobodyHereuMuAJO_M2pxb1Q9zN,\n,card9999x\n"};
    const std::string words =
        "1 of its lines names a row of this job, 2 name none (line 3 openid ****Q9zN, line 4 code ****999x)";
    const auto plan = stage.with_list("plan");
    CHECK(has(unfolded(plan.out), words.substr(2)));
    CHECK_FALSE(has(plan.err, "protects no card"));
    const auto list = boost::json::parse(stage.with_list("plan", {"--json"}).out).at("protect_list");
    CHECK(list.at("lines") == 3);
    CHECK(list.at("matched") == 1);
    CHECK(list.at("unmatched") == 2);
    CHECK(list.at("unmatched_examples").at(0).at("openid") == "****Q9zN");
    CHECK(list.at("unmatched_examples").at(1).at("line") == 4);
    CHECK(has(stage.with_list("run", {"--yes", "--limit", "1"}).err, "safety.protect: " + words));
    CHECK(boost::json::parse(stage.run("plan", {"--json"}).out).at("protect_list").is_null());

    stage.write("protect.csv", "code\ncard9991x\ncard9992x\ncard9993x\ncard9994x\n");
    const std::string none =
        "safety.protect protects no card of this job: 0 of its lines name a row of this job, 4 name none "
        "(line 2 "
        "code ****991x, line 3 code ****992x, line 4 code ****993x, …)";
    CHECK(has(stage.with_list("plan").err, none));
    CHECK(has(stage.with_list("run", {"--yes", "--limit", "1"}).err, none));
    // A run that is told to be quiet and ends well says it too.
    const auto quiet = stage.with_list("run", {"--yes", "-q"});
    CHECK(quiet.exit_code == 0);
    CHECK(has(quiet.err, " cardvoid: warning: " + none));
    CHECK(quiet.err.find('\n') == quiet.err.size() - 1);
  }

  TEST_CASE("protect: a protected card counts for the exit code while the list names it and not afterwards") {
    const Staff stage{"openid\n" + k_staff_openid + "\n"};
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
    auto list = plain_members(6);
    list.erase(list.find("card0002"), list.find("card0003") - list.find("card0002"));
    stage.write("members.csv", list);
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 0);
    CHECK(stage.count("code = 'card0002' AND held_back = 'protected'") == 1);
    stage.write("members.csv", plain_members(6));
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
  }

  TEST_CASE("protect: a row in conflict that the list no longer names leaves the run with 0") {
    auto settings = sandbox::plain_settings();
    const Stage stage{settings, {{"members.csv", plain_members(2)}}};
    const std::string unknown = "unknown00017,pbLatjvWOibDc5-TBnbUk1pD12o0,";
    stage.write("members.csv", plain_members(2) + unknown + "oPlainUnknown_M2pxb1Q9zN,\r\n");
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.run("retry", {"--status", "rejected"}).exit_code == 0);
    stage.write("members.csv", plain_members(2) + unknown + "oPlainAnother_M2pxb1Q9zN,\r\n");
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    stage.write("members.csv", plain_members(2));
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.count("code = 'unknown00017' AND held_back = 'conflict'") == 1);
  }

  TEST_CASE("protect: a line that can match no card refuses the list and nothing is sent") {
    const Staff stage{""};
    for (const std::string field : {"#N/A", "NULL", "\\N", "nan", "478516783262.0", "4.78517E+11"})
      for (const std::string column : {"openid", "code"}) {
        CAPTURE(field);
        stage.write("protect.csv",
                    column + ",who\n" + k_staff_openid.substr(0, 20) + ",a\n" + field + ",b\n");
        for (const auto& ended : {stage.with_list("plan"), stage.with_list("run", {"--yes"})}) {
          CHECK(ended.exit_code == 65);
          CHECK(has(ended.err, "safety.protect: "));
          CHECK((has(ended.err, "protect.csv:3: " + column) || has(ended.err, "(line 3")));
        }
        CHECK(has(stage.with_list("check").out, "protect.csv"));
      }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("protect: a list that is missing or wrong stops everything before it begins") {
    const Staff stage{"openid\n" + k_staff_openid + "\n,\n"};
    for (const auto* command : {"plan", "run"}) {
      CAPTURE(command);
      const std::vector<std::string> yes =
          std::string_view{command} == "run" ? std::vector<std::string>{"--yes"} : std::vector<std::string>{};
      auto flags = yes;
      const auto wrong = stage.with_list(command, flags);
      CHECK(wrong.exit_code == 65);
      CHECK(has(wrong.err, "safety.protect: "));
      CHECK(has(wrong.err, "protect.csv:3: "));
      flags.insert(flags.end(), {"--set", "safety.protect=nowhere.csv"});
      const auto missing = stage.run(command, flags);
      CHECK(missing.exit_code == 66);
      CHECK(has(missing.err, "safety.protect: "));
      CHECK(has(missing.err, "nowhere.csv: cannot open it"));
    }
    stage.write("protect.csv", "name\nstaff\n");
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 65);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("protect: a row in doubt is read back and never sent again") {
    auto settings = sandbox::plain_settings();
    settings.fault_read_backs = true;
    const Staff stage{"openid\n" + k_staff_openid + "\n", settings};
    // No request arrives: what was sent is in doubt, and not executed.
    stage.sandbox->set_faults({{sandbox::Fault::no_answer, 1.0}});
    CHECK(
        stage.run("run", {"--yes", "--set", "limits.max_attempts=1", "--set", "limits.request_timeout=200ms"})
            .exit_code == 75);
    REQUIRE(stage.count("code = 'card0002' AND status IN ('in_flight', 'unresolved')") == 1);
    stage.sandbox->set_faults({});
    const auto posts_before = stage.count("code = 'card0002' AND attempts > 0");
    CHECK(posts_before == 1);
    const auto sent = [&] {
      return stage.ask_results(
          "SELECT count(*) FROM attempts WHERE code = 'card0002' AND kind = 'invalidate'")[0][0];
    };
    const auto before = sent();
    const auto plan = stage.with_list("plan");
    CHECK(has(unfolded(plan.out), "1  more of them are in doubt: read back, and never sent again"));
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
    CHECK(sent() == before);
    CHECK(stage.count("code = 'card0002' AND status = 'pending'") == 1);
    CHECK(stage.count("status = 'invalidated'") == 5);
    CHECK_FALSE(stage.was_invalidated("card0002"));
  }

  TEST_CASE("protect: the list may be what export wrote for a spreadsheet") {
    const Staff stage{"code\nnobody\n"};
    CHECK(stage.run("plan").exit_code == 0);
    std::string list = stage.run("export", {"--excel"}).out;
    const auto header = list.find('\n') + 1;
    const auto line = list.find("\"=\"\"card0002\"\"\"");
    REQUIRE(line != std::string::npos);
    const auto begin = list.rfind('\n', line) + 1;
    stage.write("protect.csv",
                list.substr(0, header) + list.substr(begin, list.find('\n', begin) + 1 - begin));
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'invalidated'") == 5);
    CHECK_FALSE(stage.was_invalidated("card0002"));
  }

  TEST_CASE("protect: retry puts a protected row back and it is not sent for that") {
    const Staff stage{"code\nunknown1\n"};
    stage.write("members.csv",
                plain_members(2) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknown_M2pxb1Q9zN,\r\n");
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    REQUIRE(stage.count("status = 'rejected'") == 1);
    CHECK(stage.with_list("plan").exit_code == 0);
    const auto retried = stage.with_list("retry", {"--status", "rejected"});
    CHECK(retried.exit_code == 0);
    CHECK(has(retried.out, "1  of them: protected, and so not sent"));
    const auto before = stage.sandbox->counters().invalidate_requests;
    CHECK(stage.with_list("run", {"--yes"}).exit_code == 1);
    CHECK(stage.sandbox->counters().invalidate_requests == before);
  }
}
