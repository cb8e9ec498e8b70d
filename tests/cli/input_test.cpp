// Where rows come from.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/sqlite/connection.hpp>
#include <ostream>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {}  // namespace

  TEST_CASE("input: a dash reads standard input") {
    const auto stage = stage_of(7);
    Circumstances piped;
    piped.standard_input = plain_members(7);
    const auto ended = support::run(stage.words("run", {"--yes", "--set", "input.csv=-"}), piped);
    INFO(ended.err);
    CHECK(ended.exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.count("status = 'invalidated'") == 7);
  }

  TEST_CASE("input: rows of a query on an SQLite database") {
    const auto stage = stage_of(4);
    {
      sqlite::Connection crm{stage.dir / "crm.db", sqlite::Mode::create};
      crm.execute(
          "CREATE TABLE member (card_code TEXT, open TEXT, closed INTEGER);"
          "INSERT INTO member VALUES ('card0000', 'oPlain0000uMuAJO_M2pxb1Q9zN', 1),"
          "('card0001', 'oPlain0001uMuAJO_M2pxb1Q9zN', 0), ('card0002', 'oPlain0002uMuAJO_M2pxb1Q9zN', 1),"
          "(4711, 'oPlain0003uMuAJO_M2pxb1Q9zN', 1)");
    }
    const auto job =
        stage.job_with("csv = \"members.csv\"",
                       "sqlite = \"crm.db\"\nquery = \"SELECT card_code AS code, open AS openid FROM "
                       "member WHERE closed = 1 ORDER BY rowid\"");
    const auto ended = support::run({"run", job, "--yes"});
    INFO(ended.err);
    CHECK(ended.exit_code == 1);  // the platform does not know 4711, which TEXT affinity has made text
    CHECK(stage.count("status = 'invalidated'") == 2);
    CHECK(stage.count("code = '4711' AND status = 'rejected'") == 1);
  }

  TEST_CASE("input: a list that grew adds its new rows and sends only those") {
    const auto stage = stage_of(10);
    stage.write("members.csv", plain_members(6));
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    stage.write("members.csv", plain_members(10));
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 10);
    CHECK(stage.sandbox->counters().invalidate_requests == 10);
  }

  TEST_CASE("input: the same card twice is sent once and with another openid not at all") {
    const auto stage = stage_of(5);
    stage.write("members.csv",
                plain_members(5) +
                    "card0001,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0001uMuAJO_M2pxb1Q9zN,会员计划已结束\r\n"
                    "card0002,pbLatjvWOibDc5-TBnbUk1pD12o0,oSomebodyElse,会员计划已结束\r\n");
    const auto plan = stage.run("plan");
    CHECK(plan.out.find("two different openids") != std::string::npos);
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 1);
    CHECK(stage.count("status = 'invalidated'") == 4);
    CHECK(stage.count("code = 'card0002'") == 0);
    CHECK(stage.ask_results("SELECT source_line FROM refused ORDER BY 1") == std::vector<Line>{{"4"}, {"8"}});
    CHECK(stage.sandbox->counters().invalidate_requests == 4);
  }

  TEST_CASE("input: an openid that the list changed after the first request is a conflict and not sent") {
    const auto stage = stage_of(2);
    const auto list = [](const std::string& openid) {
      return plain_members(2) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0," + openid + ",\r\n";
    };
    stage.write("members.csv", list("oPlainUnknownM2pxb1Q9zN"));
    REQUIRE(stage.run("run", {"--yes"}).exit_code == 1);
    REQUIRE(stage.run("retry", {"--status", "rejected"}).exit_code == 0);
    const auto before = stage.sandbox->counters().invalidate_requests;
    stage.write("members.csv", list("oOtherUnknownM2pxb1Q9zN"));
    const auto plan = stage.run("plan");
    CHECK(plan.out.find("conflicts                  1") != std::string::npos);
    CHECK(plan.out.ends_with("\nnothing to send\n"));
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 1);
    CHECK(ended.err.find("another openid or reason") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == before);
    CHECK(stage.count("held_back = 'conflict' AND openid = 'oPlainUnknownM2pxb1Q9zN'") == 1);
    stage.write("members.csv", list("oPlainUnknownM2pxb1Q9zN"));
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'rejected'") == 1);
  }

  TEST_CASE("input: a card that left the list is not sent until a list has it again") {
    const auto stage = stage_of(5);
    const auto first = stage.run("plan").out;
    const auto old = first.substr(first.find("fingerprint ") + 12, 12);
    stage.write("members.csv", plain_members(2));
    const auto plan = stage.run("plan").out;
    CHECK(plan.find("  3 cards have left the list: held back") != std::string::npos);
    CHECK(plan.find(old) == std::string::npos);
    CHECK(stage.run("run", {"--confirm", old}).exit_code == 65);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    const auto ended = stage.run("run", {"--yes", "--json"});
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("3 cards have left the list: held back") != std::string::npos);
    CHECK(ended.out.find("\"left_list\":3") != std::string::npos);
    CHECK(stage.run("status").out.find("3 of them have left the list: held back") != std::string::npos);
    CHECK(stage.run("export").out.find("left_list") != std::string::npos);
    CHECK(stage.count("status = 'invalidated'") == 2);
    CHECK(stage.count("held_back = 'left_list'") == 3);
    const auto none = stage.run("plan", {"--json"}).out;
    CHECK(none.find("\"fingerprint\":null") != std::string::npos);
    CHECK(none.find("\"left_list\":3") != std::string::npos);

    stage.write("members.csv", plain_members(5));
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 5);
  }

  TEST_CASE("input: with vanished set to send a card that left the list is sent with a warning") {
    const auto stage = stage_of(5);
    CHECK(stage.run("plan").exit_code == 0);
    stage.write("members.csv", plain_members(2));
    const auto ended = stage.run("run", {"--yes", "--set", "input.vanished=send"});
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("3 rows to send that the input no longer has") != std::string::npos);
    CHECK(stage.count("status = 'invalidated'") == 5);
    CHECK(stage.run("plan", {"--set", "input.vanished=keep"}).exit_code == 78);
  }

  TEST_CASE("input: a wrong template or reason is put right before the first request") {
    const auto stage = stage_of(20);
    std::string list = "code,openid\r\n";
    for (int i = 0; i < 20; ++i) list += fmt::format("card{0:04},oPlain{0:04}uMuAJO_M2pxb1Q9zN\r\n", i);
    stage.write("members.csv", list);
    CHECK(stage.run("plan", {"--set", "defaults.card_id=pWrong"}).exit_code == 0);
    CHECK(stage.run("plan", {"--set", "defaults.reason=tpyo"}).out.find("to send 20 ") != std::string::npos);
    const auto plan = stage.run("plan", {"--set", "defaults.reason=typo"}).out;
    CHECK(plan.find("changed                   20  ") != std::string::npos);
    CHECK(plan.find("20 cards have left the list: held back") != std::string::npos);
    CHECK(stage.run("run", {"--yes", "--set", "defaults.reason=typo"}).exit_code == 0);
    CHECK(stage.count("status = 'invalidated' AND reason = 'typo'") == 20);
    CHECK(stage.sandbox->counters().invalidate_requests == 20);
    stage.check_against_truth();
  }

  TEST_CASE("input: a list that is empty by mistake is refused while cards wait") {
    const auto stage = stage_of(3);
    CHECK(stage.run("run", {"--yes", "--limit", "1"}).exit_code == 75);
    const auto full = stage.read("members.csv");
    stage.write("members.csv", "code,card_id,openid,reason\r\n");
    for (const auto* command : {"plan", "run"}) {
      const auto ended = stage.run(
          command, *command == 'r' ? std::vector<std::string>{"--yes"} : std::vector<std::string>{});
      CHECK(ended.exit_code == 65);
      CHECK(ended.err.find("2 cards of earlier lists") != std::string::npos);
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 1);
    stage.write("members.csv", full);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 3);
  }

  TEST_CASE("input: a list that breaks off half-way leaves nothing in the plan") {
    const auto stage = stage_of(3);
    std::string broken = "code,openid\r\n";
    for (int i = 0; i < 120'000; ++i) broken += "x" + std::to_string(i) + ",o1\r\n";
    stage.write("broken.csv", broken + "y,\xFF\r\n");
    CHECK(stage.run("plan", {"--set", "input.csv=broken.csv"}).exit_code == 65);
    CHECK(stage.count("TRUE") == 0);
    const auto plan = stage.run("plan");
    CHECK(plan.out.find("to send 3 ") != std::string::npos);
    CHECK(stage.ask_results("SELECT count(*) FROM row")[0][0] == "3");
  }

  TEST_CASE("input: a list whose digits a spreadsheet destroyed is refused and nothing of it is kept") {
    const auto stage = stage_of(3);
    stage.write("excel.csv", plain_members(3) + "4.78516E+23,,oSecret0001uMuAJO_M2pxb1Q9zN,\r\n");
    for (const auto* command : {"plan", "run"}) {
      const auto ended =
          stage.run(command, command == std::string{"run"}
                                 ? std::vector<std::string>{"--yes", "--set", "input.csv=excel.csv"}
                                 : std::vector<std::string>{"--set", "input.csv=excel.csv"});
      CHECK(ended.exit_code == 65);
      CHECK(ended.out.empty());
      CHECK(ended.err.find("excel.csv: a spreadsheet has destroyed digits: 1 in scientific notation (line 5 "
                           "****E+23)") != std::string::npos);
      CHECK(ended.err.find("format the column as text") != std::string::npos);
      CHECK(ended.err.find("--accept-damage") != std::string::npos);
      CHECK(ended.err.find("4.785") == std::string::npos);
    }
    CHECK(stage.count("TRUE") == 0);
    CHECK(stage.ask_results("SELECT count(*) FROM refused")[0][0] == "0");
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("input: a false alarm of damage is overruled by a flag that stays on record") {
    const auto stage = stage_of(3);
    stage.write(
        "members.csv",
        plain_members(2) + "4.78516E+23,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0002uMuAJO_M2pxb1Q9zN,\r\n");
    const auto plan = stage.run("plan", {"--accept-damage"});
    CHECK(plan.exit_code == 0);
    const std::string words = "--accept-damage: 1 in scientific notation (line 4 ****E+23)";
    CHECK(plan.out.find(words) != std::string::npos);
    CHECK(plan.out.find("to send 3 ") != std::string::npos);
    CHECK(stage.run("plan").exit_code == 65);  // it holds for one command
    CHECK(stage.run("run", {"--yes"}).exit_code == 65);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    CHECK(stage.run("run", {"--yes", "--accept-damage"}).exit_code == 1);  // the platform knows no such card
    CHECK(stage.count("status = 'invalidated'") == 2);
    CHECK(stage.count("code = '4.78516E+23' AND status = 'rejected'") == 1);
    CHECK(stage.ask_results("SELECT count(*) FROM import WHERE source LIKE '%" + words + "%'")[0][0] == "1");
    CHECK(stage.ask_results("SELECT command FROM run")[0][0] == "run --accept-damage");
  }

  TEST_CASE("input: a list of which no line can be used leaves the plan as it was") {
    const auto stage = stage_of(2);
    CHECK(stage.run("plan").exit_code == 0);
    stage.write("pandas.csv",
                "code,openid\n478516783261.0,oPlain0000uMuAJO_M2pxb1Q9zN\n478516783262.0,#N/A\n");
    sqlite::Connection{stage.dir / "crm.db", sqlite::Mode::create}.execute(
        "CREATE TABLE m (code INTEGER, openid TEXT); INSERT INTO m VALUES (478516783261, "
        "'oPlain0000uMuAJO_M2pxb1Q9zN')");
    const auto database = stage.job_with("csv = \"members.csv\"",
                                         "sqlite = \"crm.db\"\nquery = \"SELECT code, openid FROM m\"");
    for (const auto& ended : {stage.run("plan", {"--set", "input.csv=pandas.csv"}),
                              stage.run("run", {"--yes", "--set", "input.csv=pandas.csv"}),
                              support::run({"plan", database}), support::run({"run", database, "--yes"})}) {
      CHECK(ended.exit_code == 65);
      CHECK(ended.out.empty());
      CHECK(ended.err.find(": no line can be used: ") != std::string::npos);
      CHECK(ended.err.find("47851") == std::string::npos);
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
  }

  TEST_CASE("input: a reason that is a word for nothing is sent as it stands and every command warns") {
    const auto stage = stage_of(2);
    auto list = plain_members(2);
    const std::string reason = "会员计划已结束";
    list.replace(list.find(reason), reason.size(), "NULL");
    stage.write("members.csv", list);
    const std::string words =
        "1 word such as NULL or #N/A, which programs write for no value: 1 in reason (line 2)";
    CHECK(unfolded(stage.run("plan").out).find("note: please look at these: " + words) != std::string::npos);
    CHECK(stage.run("check").out.find(words) != std::string::npos);
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("warning: input: please look at these: " + words) != std::string::npos);
  }

  TEST_CASE("input: wrappers are refused by cause and undone where the job says so") {
    const auto stage = stage_of(3);
    stage.write("members.csv",
                "code,card_id,openid\r\n"
                "\"=\"\"card0000\"\"\",pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0000uMuAJO_M2pxb1Q9zN\r\n"
                "card0001\t,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0001uMuAJO_M2pxb1Q9zN\r\n"
                "card0002,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0002uMuAJO_M2pxb1Q9zN\r\n");
    const auto refused = stage.run("plan");
    CHECK(refused.exit_code == 0);
    CHECK(unfolded(refused.out)
              .find("code: wrapped as =\"…\" for a spreadsheet; input.unwrap = true undoes that (line "
                    "2)") != std::string::npos);
    CHECK(unfolded(refused.out)
              .find("code: trailing tab, for a spreadsheet; input.unwrap = true undoes that (line 3)") !=
          std::string::npos);
    const auto plan = stage.run("plan", {"--set", "input.unwrap=true"});
    CHECK(unfolded(plan.out).find("unwrapped: 1 =\"…\", 0 leading ' or `, 1 trailing tabs") !=
          std::string::npos);
    CHECK(stage.run("run", {"--yes", "--set", "input.unwrap=true"}).exit_code == 0);
    CHECK(stage.count("code IN ('card0000', 'card0001') AND status = 'invalidated'") == 2);
  }

  TEST_CASE("input: a list without a header does not show its first member") {
    const auto stage = stage_of(1);
    stage.write("bare.csv", "123456789012345678901234,oSecret0001uMuAJO_M2pxb1Q9zN\r\n");
    const auto ended = stage.run("plan", {"--set", "input.csv=bare.csv"});
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("oSecret") == std::string::npos);
    CHECK(ended.err.find("123456789012345678") == std::string::npos);
    CHECK(ended.err.find("line with the names missing") != std::string::npos);
  }
}
