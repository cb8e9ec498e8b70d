// Putting chosen rows back into the plan.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <csignal>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  const std::string k_card_id = "pbLatjvWOibDc5-TBnbUk1pD12o0";
  const std::string k_unknown = "unknown00017," + k_card_id + ",oPlainUnknown_M2pxb1Q9zN,\r\nunknown00018," +
                                k_card_id + ",oPlainUnknown_M2pxb1Q9zN,\r\n";

  // Three cards are invalidated; the platform does not know two others.
  struct Rejected : Stage {
    Rejected() : Stage{sandbox::plain_settings(), {{"members.csv", plain_members(3)}}} {
      write("members.csv", plain_members(3) + k_unknown);
      REQUIRE(run("run", {"--yes"}).exit_code == 1);
      REQUIRE(count("status = 'rejected'") == 2);
    }
  };

  sandbox::Settings no_word_at_all() {
    auto settings = sandbox::plain_settings();
    settings.fault_read_backs = true;
    return settings;
  }

  // Its two cards, and two that the platform does not know, are unresolved: no answer came, nor did one to
  // reading them back.
  struct InDoubt : Stage {
    InDoubt() : Stage{no_word_at_all(), {{"members.csv", plain_members(2)}}} {
      write("members.csv", plain_members(2) + k_unknown);
      sandbox->set_faults({{sandbox::Fault::no_answer, 1.0}});
      const auto ended =
          run("run", {"--yes", "--set", "limits.max_attempts=1", "--set", "limits.request_timeout=200ms"});
      INFO(ended.err);
      REQUIRE(ended.exit_code == 75);
      REQUIRE(count("status = 'unresolved'") == 4);
      sandbox->set_faults({});
    }
  };

  std::string as_text(const boost::json::object& answer) {
    std::string text;
    for (const auto* name : {"retried", "in_doubt", "not_eligible", "not_found"})
      text += std::to_string(answer.at(name).as_int64()) + " ";
    return text;
  }

  std::string answer_of(const Ended& ended) {
    CAPTURE(ended.out);
    CAPTURE(ended.err);
    boost::system::error_code error;
    const auto answer = boost::json::parse(ended.out, error);
    REQUIRE(!error);
    CHECK(answer.at("job") == "sandbox");
    return as_text(answer.as_object());
  }

  }  // namespace

  TEST_CASE("retry: a rejected card whose trouble is over is invalidated by the next run") {
    Rejected stage;
    const auto before = stage.sandbox->counters();
    const auto put_back = stage.run("retry", {"--status", "rejected"});
    INFO(put_back.err);
    CHECK(put_back.exit_code == 0);
    CHECK(put_back.out.find("retried                    2  pending again") != std::string::npos);
    CHECK(stage.count("status = 'pending' AND error_code IS NULL AND attempts = 2") == 2);
    const auto after = stage.sandbox->counters();
    CHECK(before.invalidate_requests + before.read_back_requests ==
          after.invalidate_requests + after.read_back_requests);  // it sends nothing
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'rejected' AND attempts = 4") == 2);

    // The platform learns of one of them.
    stage.sandbox.reset();
    stage.write("cards.csv", stage.read("cards.csv") + "1004," + k_card_id +
                                 ",unknown00017,oPlainUnknown_M2pxb1Q9zN,EFFECTIVE,\r\n");
    auto settings = sandbox::plain_settings();
    settings.dir = stage.dir;
    stage.sandbox = sandbox::Sandbox::start(settings).value();
    CHECK(stage.run("retry", {"--code", "unknown00017"}).exit_code == 0);
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'invalidated'") == 4);
    CHECK(stage.count("status = 'rejected' AND attempts = 4") == 1);
    CHECK(stage.sandbox->counters().invalidate_requests == 1);
  }

  TEST_CASE("retry: it wants to be told which rows") {
    const Rejected stage;
    const auto ended = stage.run("retry");
    CHECK(ended.exit_code == 64);
    CHECK(ended.err.find("--status, --code or --where-code-in") != std::string::npos);
    CHECK(stage.run("retry", {"--status", "invalidated"}).exit_code == 64);
    CHECK(stage.run("retry", {"--status", "pending"}).exit_code == 64);
    CHECK(stage.run("retry", {"--code"}).exit_code == 64);
    CHECK(stage.run("retry", {"--where-code-in", (stage.dir / "nowhere.txt").string()}).exit_code == 66);
    CHECK(stage.count("status = 'rejected'") == 2);
  }

  TEST_CASE("retry: it counts what it was asked for and shows three of each with their codes masked") {
    const Rejected stage;
    stage.write("picked.txt",
                "\xEF\xBB\xBFunknown00017\r\n\r\ncard0000\r\ncard0001\r\nnosuchcode0042\r\nunknown00018");
    const auto list = (stage.dir / "picked.txt").string();
    const auto ended = stage.run("retry", {"--where-code-in", list, "--json"});
    CHECK(answer_of(ended) == "2 0 2 1 ");
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("1 code matches no row (****0042 in line 5)") != std::string::npos);
    CHECK(ended.err.find(
              "not rejected or unresolved: 2 rows (line 2 code **** invalidated, line 3 code ****") !=
          std::string::npos);
    CHECK(ended.err.find("nosuchcode") == std::string::npos);
    CHECK(ended.err.find("card000") == std::string::npos);

    // Once more: they are pending now.
    const auto again = stage.run("retry", {"--where-code-in", list, "--json"});
    CHECK(answer_of(again) == "0 0 4 1 ");
    CHECK(again.exit_code == 65);
    CHECK(again.err.find("no row matches; nothing was put back") != std::string::npos);
    CHECK(again.err.find(
              "(line 2 code **** invalidated, line 3 code **** invalidated, line 5 code ****0017 pending, "
              "…)") != std::string::npos);
  }

  TEST_CASE("retry: what export wrote can be handed back and filters combine") {
    const Rejected stage;
    const auto csv = (stage.dir / "rejected.csv").string();
    CHECK(stage.run("export", {"--status", "rejected", "-o", csv}).exit_code == 0);
    CHECK(answer_of(stage.run("retry", {"--where-code-in", csv, "--code", "unknown00018", "--code",
                                        "card0000", "--json"})) == "1 0 0 0 ");
    CHECK(stage.ask_results("SELECT code FROM results WHERE status = 'pending'")[0][0] == "unknown00018");
    CHECK(answer_of(stage.run("retry", {"--where-code-in", csv, "--status", "unresolved", "--json"})) ==
          "0 0 2 0 ");
    CHECK(answer_of(stage.run("retry", {"--code=[unknown00017,unknown00018]", "--json"})) == "0 0 0 1 ");
    Circumstances piped;
    piped.standard_input = stage.read("rejected.csv");
    const auto ended = support::run(stage.words("retry", {"--where-code-in", "-", "--json"}), piped);
    CHECK(answer_of(ended) == "1 0 1 0 ");
    CHECK(stage.count("status = 'pending'") == 2);
  }

  TEST_CASE("retry: what export wrote for a spreadsheet can be handed back") {
    const Rejected stage;
    const auto csv = (stage.dir / "rejected.csv").string();
    CHECK(stage.run("export", {"--status", "rejected", "--excel", "-o", csv}).exit_code == 0);
    CHECK(stage.read("rejected.csv").find("\"=\"\"unknown00017\"\"\"") != std::string::npos);
    CHECK(answer_of(stage.run("retry", {"--where-code-in", csv, "--json"})) == "2 0 0 0 ");
    CHECK(stage.count("status = 'pending'") == 2);
    stage.write("copied.txt", "=\"unknown00017\"\r\n=\"unknown00018\"\r\n");  // a column of it
    const auto copied = (stage.dir / "copied.txt").string();
    const auto again = stage.run("retry", {"--where-code-in", copied, "--json"});
    CHECK(again.err.find("not rejected or unresolved: 2 rows") != std::string::npos);
  }

  TEST_CASE("retry: a list that is no list changes nothing") {
    const Rejected stage;
    stage.write("bytes.txt", "unknown00017\nM\xFF\n");
    const auto list = (stage.dir / "bytes.txt").string();
    const auto ended = stage.run("retry", {"--where-code-in", list});
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("bytes.txt:2: ") != std::string::npos);
    CHECK(stage.count("status = 'rejected'") == 2);
    stage.write("empty.txt", "\r\n");
    CHECK(stage.run("retry", {"--where-code-in", (stage.dir / "empty.txt").string()}).exit_code == 65);
    CHECK(stage.count("status = 'rejected'") == 2);
  }

  TEST_CASE("retry: rows in doubt are refused until reconcile has read them back") {
    const InDoubt stage;
    const std::vector<std::string> by_status{"--status", "unresolved", "--json"},
        by_code{"--code",       "card0000", "--code",       "card0001", "--code",
                "unknown00017", "--code",   "unknown00018", "--json"};
    for (const auto& flags : {by_status, by_code}) {
      const auto refused = stage.run("retry", flags);
      CHECK(refused.exit_code == 75);
      CHECK(answer_of(refused) == "0 4 0 0 ");
      CHECK(refused.err.find("in doubt: 4 rows (line 2 code **** unresolved") != std::string::npos);
      CHECK(refused.err.find("run `cardvoid reconcile ") != std::string::npos);
    }
    CHECK(stage.count("status = 'unresolved'") == 4);
    CHECK(stage.run("reconcile").exit_code == 75);
    // It puts back itself what it finds not INVALID. For unknown cards that was not said.
    CHECK(stage.count("status = 'pending'") == 2);
    CHECK(stage.count("status = 'unresolved' AND error_code = 'RESOURCE_NOT_EXISTS'") == 2);
    CHECK(answer_of(stage.run("retry", by_status)) == "2 0 0 0 ");
    CHECK(stage.count("status = 'pending'") == 4);
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'invalidated'") == 2);
    CHECK(stage.count("status = 'rejected'") == 2);
  }

  TEST_CASE("retry: an unresolved row that was read back is put back") {
    const auto stage = stage_of(2);
    stage.sandbox->set_faults({{sandbox::Fault::no_answer, 1.0}});  // of invalidations only
    CHECK(
        stage.run("run", {"--yes", "--set", "limits.max_attempts=1", "--set", "limits.request_timeout=200ms"})
            .exit_code == 75);
    CHECK(stage.count("status = 'unresolved' AND error_code = 'LOST'") == 2);
    stage.sandbox->set_faults({});
    CHECK(answer_of(stage.run("retry", {"--status", "unresolved", "--json"})) == "2 0 0 0 ");
    CHECK(stage.count("status = 'pending' AND error_code IS NULL") == 2);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    stage.check_against_truth();
  }

  TEST_CASE("retry: a row in flight is never touched") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 10s;
    const auto stage = stage_of(2, settings);
    const auto program = stage.start("run", {"--yes"});
    stage.wait_until("status = 'in_flight' AND attempts > 0", 1);
    // While the run lasts the job is its own.
    const auto meanwhile = stage.run("retry", {"--code", "card0000"});
    CHECK(meanwhile.exit_code == 75);
    CHECK(meanwhile.err.find("pid " + std::to_string(program->pid())) != std::string::npos);
    program->send_signal(SIGKILL);
    program->wait();
    const auto refused = stage.run("retry", {"--code", "card0000", "--json"});
    CHECK(refused.exit_code == 75);
    CHECK(answer_of(refused) == "0 1 0 0 ");
    CHECK(stage.count("status = 'in_flight'") > 0);
  }

  TEST_CASE("retry: a confirmation given before does not cover what was put back") {
    const auto stage = stage_of(3);
    stage.write("members.csv", plain_members(3) + k_unknown);
    const auto plan = stage.run("plan");
    const auto digits = plan.out.substr(plan.out.find("fingerprint ") + 12, 12);
    CHECK(stage.run("run", {"--confirm", digits}).exit_code == 1);
    CHECK(stage.run("retry", {"--code", "unknown00017"}).exit_code == 0);
    const auto sent = stage.sandbox->counters().invalidate_requests;
    const auto ended = stage.run("run", {"--confirm", digits});
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("the plan is not the one that was confirmed") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == sent);
  }

  TEST_CASE("retry: it needs no keys and no input and makes no database of a wrong path") {
    const Rejected stage;
    std::filesystem::remove(stage.dir / "apiclient_key.pem");
    std::filesystem::remove(stage.dir / "members.csv");
    CHECK(stage.run("retry", {"--status", "rejected"}).exit_code == 0);
    const auto nowhere = stage.dir / "nowhere.db";
    const auto ended = stage.run("retry", {"--status", "rejected", "--results", nowhere.string()});
    CHECK(ended.exit_code == 66);
    CHECK_FALSE(std::filesystem::exists(nowhere));
    CHECK_FALSE(std::filesystem::exists(nowhere.string() + ".lock"));
  }
}
