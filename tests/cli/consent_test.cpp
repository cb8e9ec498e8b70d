// Nothing is sent without consent.

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>

#include "support/stage.hpp"
#include "support/tamper.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  std::string fingerprint(const Stage& stage) {
    const auto plan = stage.run("plan");
    const auto at = plan.out.find("fingerprint ");
    REQUIRE(at != std::string::npos);
    return plan.out.substr(at + 12, 64);
  }

  }  // namespace

  TEST_CASE("consent: without a terminal run needs --confirm or --yes") {
    const auto stage = stage_of(12);
    const auto ended = stage.run("run");
    CHECK(ended.exit_code == 64);
    CHECK(ended.err.find("--confirm") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("consent: on a terminal run wants the number of cards typed") {
    const auto stage = stage_of(12);
    Circumstances terminal;
    terminal.on_terminal = true;
    {
      Program program{stage.words("run", {}), terminal};
      program.wait_for_words("12");
      program.type("yes\n");
      const auto ended = program.wait();
      CHECK(ended.exit_code == 64);
      CHECK(ended.out.find("nothing was sent") != std::string::npos);
      CHECK(stage.sandbox->counters().invalidate_requests == 0);
    }
    Program program{stage.words("run", {}), terminal};
    program.wait_for_words("12");
    program.type("12\n");
    CHECK(program.wait().exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 12);
  }

  TEST_CASE("consent: what counts stands with the question below a plan that is longer than the terminal") {
    const auto stage = stage_of(12);
    stage.write("protect.csv", "code\r\ncard0000\r\n");
    Circumstances terminal;
    terminal.on_terminal = true;
    Program program{stage.words("run", {"--set", "safety.protect=protect.csv"}), terminal};
    program.wait_for_words("to go on: ");
    auto said = program.said();
    std::erase(said, '\r');
    const auto fingerprint = said.substr(said.find("\nfingerprint ") + 1, 20);
    auto foot = said.substr(said.rfind("11 cards of job sandbox become invalid"));
    CHECK(std::count(foot.begin(), foot.end(), '\n') <= 4);
    foot = unfolded(foot);
    CHECK(foot.find("brand 1004") != std::string::npos);
    CHECK(foot.find("1 protected card is left out") != std::string::npos);
    CHECK(foot.find(fingerprint) != std::string::npos);
    program.type("no\n");
    CHECK(program.wait().exit_code == 64);
  }

  TEST_CASE("consent: --confirm takes twelve digits of the plan's fingerprint and no other") {
    const auto stage = stage_of(12);
    const auto plan = fingerprint(stage);
    const auto wrong = stage.run("run", {"--confirm", std::string(12, plan[0] == '0' ? '1' : '0')});
    CHECK(wrong.exit_code == 65);
    CHECK(wrong.err.find(plan.substr(0, 12)) != std::string::npos);
    // The list grew since: not the plan that was confirmed.
    stage.write("members.csv", plain_members(13));
    CHECK(stage.run("run", {"--confirm", plan.substr(0, 12)}).exit_code == 65);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    const auto right = stage.run("run", {"--confirm", fingerprint(stage).substr(0, 12)});
    CHECK(stage.count("status = 'invalidated'") == 12);  // the thirteenth is unknown to the sandbox
    CHECK(right.exit_code == 1);
  }

  TEST_CASE("consent: of a changed plan whose rows are not on record it is said that they are not") {
    const auto stage = stage_of(12);
    const auto digits = fingerprint(stage).substr(0, 12);
    tamper(stage.database(), "UPDATE shown_plan SET row_ids = '-'");  // as of one with very many gaps
    stage.write("members.csv", plain_members(15));
    const auto ended = stage.run("run", {"--confirm", digits});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("--confirm " + digits + " was the plan of ") != std::string::npos);
    CHECK(ended.err.find("what has changed cannot be told") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    CHECK(stage.run("run", {"--confirm", fingerprint(stage).substr(0, 12), "--limit", "3"}).exit_code == 75);
  }

  TEST_CASE("consent: a plan that changed since its fingerprint was given is shown with what changed") {
    const auto stage = stage_of(12);
    const auto digits = fingerprint(stage).substr(0, 12);
    // Two are settled, one has another openid, one leaves, three come in.
    REQUIRE(stage.run("run", {"--yes", "--limit", "2"}).exit_code == 75);
    auto members = plain_members(15);
    const auto at = members.find("oPlain0005");
    members.replace(at, 10, "oOther0005");
    members.erase(members.find("card0006"), members.find("card0007") - members.find("card0006"));
    stage.write("members.csv", members);
    const auto before = stage.sandbox->counters().invalidate_requests;
    const auto ended = stage.run("run", {"--confirm", digits});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("--confirm " + digits + " was the plan of ") != std::string::npos);
    CHECK(ended.err.find("(12 rows to send)") != std::string::npos);
    CHECK(ended.err.find("(12 rows to send):") != std::string::npos);  // 12 + 3 - 2 - 1
    CHECK(ended.err.find("3 rows more: added to the input since: line 13 code ****, line 14 code ****, line "
                         "15 code ****\n") != std::string::npos);
    CHECK(ended.err.find("2 rows less: invalidated since\n") != std::string::npos);
    CHECK(
        ended.err.find("1 row changed: the input names another openid or reason since: line 7 code ****\n") !=
        std::string::npos);
    CHECK(ended.err.find("1 row less: left the list, and held back: line 8 code ****\n") !=
          std::string::npos);
    CHECK(ended.err.find("1 card has left the list: held back\n") != std::string::npos);
    const auto diff = stage.run("plan", {"--diff"}).out;  // since the plan that was confirmed
    CHECK(diff.find("since the plan " + digits) != std::string::npos);
    CHECK(diff.find(": 3 added (+), 1 changed (~), 1 left the list (-)\n") != std::string::npos);
    CHECK(ended.err.find("Nothing was sent") != std::string::npos);
    CHECK(ended.err.find("oPlain") == std::string::npos);
    CHECK(ended.err.find("card00") == std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == before);
    // The fingerprint that was named instead is a plan of its own, and fits.
    const auto word = ended.err.find("the plan's fingerprint is ");
    REQUIRE(word != std::string::npos);
    CHECK(stage.run("run", {"--confirm", ended.err.substr(word + 26, 16)}).exit_code == 1);
  }

  TEST_CASE("consent: a fingerprint that was never shown here is said to be unknown") {
    const auto stage = stage_of(12);
    const auto ended = stage.run("run", {"--confirm", "0123456789abcdef"});
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("is none of the last plans") != std::string::npos);
    CHECK(ended.err.find("12 rows to send") != std::string::npos);
    // No fingerprint at all: seven digits and sixty-five.
    const auto plan = fingerprint(stage);
    for (const auto& digits : {plan.substr(0, 7), plan + "0", plan.substr(0, 12) + "g", std::string{" "}}) {
      const auto no_digits = stage.run("run", {"--confirm", digits});
      CHECK(no_digits.exit_code == 64);
      CHECK(no_digits.err.find("expected 12 to 64 digits") != std::string::npos);
    }
    CHECK(stage.run("run", {"--confirm", plan, "--yes"}).exit_code == 64);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("consent: a plan that only shrank says why it is not carried on with") {
    const auto stage = stage_of(2);
    stage.write("members.csv",
                plain_members(2) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknown_M2pxb1Q9zN,\r\n");
    const auto digits = fingerprint(stage).substr(0, 12);
    REQUIRE(stage.run("run", {"--confirm", digits}).exit_code == 1);
    REQUIRE(stage.run("retry", {"--status", "rejected"}).exit_code == 0);
    const auto before = stage.sandbox->counters().invalidate_requests;
    const auto ended = stage.run("run", {"--confirm", digits});
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("2 rows less: invalidated since\n") != std::string::npos);
    CHECK(ended.err.find("1 row put back by `cardvoid retry` since: line 4 code ****\n") !=
          std::string::npos);
    CHECK(ended.err.find("the new plan has to be confirmed") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == before);
  }

  TEST_CASE("consent: the end of input on a terminal is no consent and a plan of no rows needs none") {
    const auto stage = stage_of(12);
    Circumstances terminal;
    terminal.on_terminal = true;
    for (const char* typed : {"\x04", "\n", "11\n", "012\n", "12 rows\n"}) {
      Program program{stage.words("run", {}), terminal};
      program.wait_for_words("number of cards (12)");
      program.type(typed);
      const auto ended = program.wait();
      CAPTURE(ended.out);
      CHECK(ended.exit_code == 64);
      CHECK(ended.out.find("not confirmed; nothing was sent") != std::string::npos);
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    REQUIRE(stage.run("run", {"--yes"}).exit_code == 0);
    Program program{stage.words("run", {}), terminal};
    const auto ended = program.wait();
    CHECK(ended.exit_code == 0);
    CHECK(ended.out.find("Type the number") == std::string::npos);
  }

  TEST_CASE("consent: the question is on the terminal also when standard error goes to a file") {
    const auto stage = stage_of(12);
    stage.write("errors", "");
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.error_to = (stage.dir / "errors").string();
    Program program{stage.words("run", {}), terminal};
    program.wait_for_words("number of cards (12)");
    program.type("12\n");
    CHECK(program.wait().exit_code == 0);
    CHECK(stage.read("errors").find("number of cards (12)") != std::string::npos);
  }

  TEST_CASE("consent: safety.acknowledge is required and stands in the runs view") {
    const auto stage = stage_of(12);
    const auto without = support::run({"run", stage.job_with("acknowledge = ", "# acknowledge = "), "--yes"});
    CHECK(without.exit_code == 78);
    CHECK(without.err.find("safety.acknowledge") != std::string::npos);
    CHECK(without.err.find("事先告知并取得同意") != std::string::npos);
    const auto empty = stage.run("run", {"--yes", "--set", "safety.acknowledge=' '"});
    CHECK(empty.exit_code == 78);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    REQUIRE(stage.run("run", {"--yes", "--set", "safety.acknowledge=OPS-1234"}).exit_code == 0);
    CHECK(stage.ask_results("SELECT acknowledge FROM runs") == std::vector<Line>{{"OPS-1234"}});
  }

  TEST_CASE("consent: the SHA-256 of acknowledge_file stands in the plan and in every run") {
    const auto stage = stage_of(3);
    stage.write("consent.pdf", "abc");
    const std::string digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const std::string told = "sandbox: no real customers (consent.pdf, SHA-256 " + digest + ")";
    const std::vector<std::string> set{"--set", "safety.acknowledge_file=consent.pdf"};
    const auto with = [&](std::vector<std::string> flags) {
      flags.insert(flags.end(), set.begin(), set.end());
      return flags;
    };
    CHECK(stage.run("plan", set).out.find(digest) != std::string::npos);
    CHECK(stage.run("check", set).out.find(digest) != std::string::npos);
    REQUIRE(stage.run("run", with({"--yes"})).exit_code == 0);
    REQUIRE(stage.run("reconcile", set).exit_code == 0);
    CHECK(stage.ask_results("SELECT acknowledge FROM runs") == std::vector<Line>{{told}, {told}});
    CHECK(stage.run("show", {"--code", "card0000"}).out.find(digest) != std::string::npos);
    // What is shown of the past does not need it any more; a run does.
    std::filesystem::remove(stage.dir / "consent.pdf");
    CHECK(stage.run("status", set).exit_code == 0);
    const auto gone = stage.run("run", with({"--yes"}));
    CHECK(gone.exit_code == 66);
    CHECK(gone.err.find("safety.acknowledge_file") != std::string::npos);
    stage.write("consent.pdf", "");
    CHECK(stage.run("plan", set).exit_code == 65);
  }

  TEST_CASE("consent: the runs view has the operating-system user") {
    const auto stage = stage_of(1);
    REQUIRE(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.ask_results("SELECT user FROM runs WHERE user <> ''").size() == 1);
  }

  TEST_CASE("consent: the fingerprint depends on the rows and not on their order") {
    const auto stage = stage_of(12);
    const auto plan = fingerprint(stage);
    CHECK(plan == fingerprint(stage));
    const Stage other{sandbox::plain_settings(),
                      {{"members.csv", "openid,code,card_id,reason\nB,b,t,\nA,a,t,x\n"}}};
    const Stage turned{sandbox::plain_settings(),
                       {{"members.csv", "openid,code,card_id,reason\nA,a,t,x\nB,b,t,\n"}}};
    CHECK(fingerprint(other) == fingerprint(turned));
    CHECK(fingerprint(other) != plan);
  }

  TEST_CASE("consent: --limit takes up that many rows and says 75 while rows are left") {
    const auto stage = stage_of(12);
    CHECK(stage.run("run", {"--yes", "--limit", "5"}).exit_code == 75);
    CHECK(stage.count("status = 'invalidated'") == 5);
    CHECK(stage.sandbox->counters().invalidate_requests == 5);
    CHECK(stage.run("run", {"--yes", "--limit", "7"}).exit_code == 0);
    CHECK(stage.sandbox->counters().invalidate_requests == 12);
  }

  TEST_CASE("consent: --dry-run is the plan and sends nothing") {
    const auto stage = stage_of(12);
    const auto dry = stage.run("run", {"--dry-run"});
    CHECK(dry.exit_code == 0);
    CHECK(dry.out.find("fingerprint ") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests + stage.sandbox->counters().read_back_requests == 0);
  }

  TEST_CASE("consent: the same command with --confirm carries on with what is left and takes nothing new") {
    const auto stage = stage_of(12);
    const auto digits = fingerprint(stage).substr(0, 12);
    CHECK(stage.run("run", {"--confirm", digits, "--limit", "5"}).exit_code == 75);
    stage.write("members.csv", plain_members(13));
    CHECK(stage.run("run", {"--confirm", digits}).exit_code == 65);
    CHECK(stage.sandbox->counters().invalidate_requests == 5);
    const auto other = stage_of(12);
    const auto confirmed = fingerprint(other).substr(0, 12);
    CHECK(other.run("run", {"--confirm", confirmed, "--limit", "5"}).exit_code == 75);
    CHECK(other.run("run", {"--confirm", confirmed}).exit_code == 0);
    CHECK(other.sandbox->counters().invalidate_requests == 12);
    // A plan that only ever ran with --yes was not confirmed by its digits.
    const auto unconfirmed = stage_of(12);
    const auto first = fingerprint(unconfirmed).substr(0, 12);
    CHECK(unconfirmed.run("run", {"--yes", "--limit", "5"}).exit_code == 75);
    CHECK(unconfirmed.run("run", {"--confirm", first}).exit_code == 65);
  }
}
