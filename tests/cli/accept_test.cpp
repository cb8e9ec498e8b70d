// Rows that a person settles, seen from outside.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <csignal>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  // Three cards are invalidated; the platform does not know a fourth.
  struct OneRejected : Stage {
    OneRejected() : Stage{sandbox::plain_settings(), {{"members.csv", plain_members(3)}}} {
      write("members.csv",
            plain_members(3) + "unknown00017,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknown_M2pxb1Q9zN,\r\n");
      REQUIRE(run("run", {"--yes"}).exit_code == 1);
      REQUIRE(count("status = 'rejected'") == 1);
    }
    std::uint64_t requests() const {
      const auto counters = sandbox->counters();
      return counters.invalidate_requests + counters.read_back_requests;
    }
  };

  const std::vector<std::string> k_accept_rejected{"--status", "rejected", "--note", "  OPS-7：已核实 "};

  }  // namespace

  TEST_CASE("accept: a nightly job with one rejected card is calm once a person has accepted it") {
    const OneRejected stage;
    const auto metrics = stage.dir / "job.prom", summary = stage.dir / "summary.json";
    stage.write("hook.sh", "#!/bin/sh\ncat > " + summary.string() + "\n");
    std::filesystem::permissions(stage.dir / "hook.sh", std::filesystem::perms::owner_all);
    const std::vector<std::string> night{"--yes", "--set", "results.metrics_file=" + metrics.string(),
                                         "--set", "results.on_finish=" + (stage.dir / "hook.sh").string()};
    CHECK(stage.run("run", night).exit_code == 1);
    CHECK_FALSE(has(stage.read("job.prom"), "cardvoid_last_success_timestamp_seconds{"));
    const auto requests = stage.requests();

    const auto accepted = stage.run("accept", k_accept_rejected);
    CHECK(accepted.exit_code == 0);
    CHECK(has(accepted.out,
              "accepted                     1  by " + user_name() + ": 1 rejected and 0 unresolved"));
    CHECK(stage.count("status = 'rejected' AND accepted_note = 'OPS-7：已核实' AND accepted_by = '" +
                      user_name() + "' AND accepted_at LIKE '20%Z'") == 1);

    const auto ended = stage.run("run", night);
    CHECK(ended.exit_code == 0);
    CHECK(has(ended.out, "exit 0, 3 of 4 cards invalidated, 1 accepted;"));
    CHECK(has(stage.read("job.prom"), "cardvoid_last_success_timestamp_seconds{"));
    CHECK(has(stage.read("job.prom"), "cardvoid_rows{job=\"sandbox\",status=\"rejected\"} 0\n"));
    CHECK(has(stage.read("job.prom"), "cardvoid_rows{job=\"sandbox\",status=\"accepted\"} 1\n"));
    const auto told = boost::json::parse(stage.read("summary.json"));
    CHECK(told.at("rejected") == 0);
    CHECK(told.at("accepted") == 1);
    CHECK(told.at("accepted_rejected") == 1);
    CHECK(told.at("exit_code") == 0);
    CHECK(stage.requests() == requests);  // neither sends anything

    const auto status = stage.run("status");
    CHECK(
        has(status.out, "accepted                 1  settled by a person's word: 1 rejected, 0 unresolved"));
    CHECK(has(status.out, "rejected                 0\n"));
    CHECK(boost::json::parse(stage.run("status", {"--json"}).out).at("accepted") == 1);
    CHECK(stage.run("reconcile").exit_code == 0);
    CHECK(stage.requests() == requests);
  }

  TEST_CASE("accept: it wants to be told which rows and why") {
    const OneRejected stage;
    const auto refused = [&](std::vector<std::string> flags, std::string_view why) {
      CAPTURE(flags);
      const auto ended = stage.run("accept", flags);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 64);
      CHECK(ended.out.empty());
      CHECK(has(ended.err, why));
    };
    refused({"--note", "x"}, "say which rows, with --status, --code or --where-code-in");
    refused({"--status", "rejected"}, "--note TEXT: is required");
    refused({"--status", "rejected", "--note", " \t　"}, "--note TEXT: is required");
    refused({"--status", "rejected", "--note", "two\nlines"}, "expected one line of text");
    refused({"--status", "rejected", "--note", "\x1B[2J"}, "expected one line of text");
    refused({"--status", "rejected", "--note", "\xFF"}, "not valid UTF-8");
    refused({"--status", "rejected", "--note", std::string(501, 'x')},
            "501 characters; at most 500 are kept");
    refused({"--status", "invalidated", "--note", "x"}, "--status");
    CHECK(stage.count("accepted_at IS NOT NULL") == 0);
    CHECK(stage.run("accept", {"--code", "nosuchcode0001", "--note", "x"}).exit_code == 65);
    CHECK(stage.run("accept", {"--code", "card0000", "--note", "x"}).exit_code == 65);  // invalidated
    CHECK(
        stage.run("accept", {"--where-code-in", (stage.dir / "no.txt").string(), "--note", "x"}).exit_code ==
        66);
  }

  TEST_CASE("accept: what export wrote can be handed back and other rows are named with their status") {
    const OneRejected stage;
    stage.write("picked.txt", "unknown00017\ncard0001\nnosuchcode0042\n");
    const auto ended = stage.run(
        "accept", {"--where-code-in", (stage.dir / "picked.txt").string(), "--note", "looked at", "--json"});
    CHECK(ended.exit_code == 0);
    const auto answer = boost::json::parse(ended.out);
    CHECK(answer.at("accepted") == 1);
    CHECK(answer.at("not_eligible") == 1);
    CHECK(answer.at("not_found") == 1);
    CHECK(has(ended.err, "not rejected or unresolved: 1 row (line 3 code **** invalidated)"));
    CHECK_FALSE(has(ended.err + ended.out, "nosuchcode"));
    const auto csv = (stage.dir / "all.csv").string();
    CHECK(stage.run("export", {"-o", csv}).exit_code == 0);
    CHECK(has(stage.read("all.csv"), "looked at"));
  }

  TEST_CASE("accept: a row in flight is refused and reconcile comes first") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 10s;
    const auto stage = stage_of(2, settings);
    const auto program = stage.start("run", {"--yes"});
    stage.wait_until("status = 'in_flight' AND attempts > 0", 1);
    const auto meanwhile = stage.run("accept", {"--code", "card0000", "--note", "x"});
    CHECK(meanwhile.exit_code == 75);
    CHECK(has(meanwhile.err, "pid " + std::to_string(program->pid())));
    program->send_signal(SIGKILL);
    program->wait();
    const auto refused = stage.run("accept", {"--code", "card0000", "--note", "x"});
    CHECK(refused.exit_code == 75);
    CHECK(has(refused.err, "run `cardvoid reconcile "));
    CHECK(stage.count("accepted_at IS NOT NULL") == 0);
  }

  TEST_CASE("accept: the retry that every run advises leaves accepted cards as they are") {
    const OneRejected stage;
    CHECK(stage.run("accept", k_accept_rejected).exit_code == 0);
    const auto nothing = stage.run("retry", {"--status", "rejected"});
    CHECK(nothing.exit_code == 65);
    CHECK(has(nothing.out, "accepted                   1  left as they are"));
    CHECK(has(nothing.err, "only accepted rows match"));
    stage.write("members.csv", plain_members(3) +
                                   "unknown00017,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknown_M2pxb1Q9zN,\r\n"
                                   "unknown00018,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknown_M2pxb1Q9zN,\r\n");
    const auto night = stage.run("run", {"--yes"});
    CHECK(night.exit_code == 1);
    CHECK(has(night.err, " --status rejected\n"));
    const auto retried = stage.run("retry", {"--status", "rejected", "--json"});
    CHECK(retried.exit_code == 0);
    CHECK(boost::json::parse(retried.out).at("retried") == 1);
    CHECK(boost::json::parse(retried.out).at("accepted") == 1);
    CHECK(stage.count("code = 'unknown00017' AND status = 'rejected' AND accepted_note NOT NULL") == 1);
  }

  TEST_CASE("accept: retry withdraws it and says so") {
    const OneRejected stage;
    CHECK(stage.run("accept", k_accept_rejected).exit_code == 0);
    const auto again = stage.run("accept", k_accept_rejected);
    CHECK(again.exit_code == 0);
    CHECK(has(again.out, "accepted before              1  left as they are"));
    const auto retried = stage.run("retry", {"--code", "unknown00017"});
    CHECK(retried.exit_code == 0);
    CHECK(has(retried.out, "accepted                   1  of them: the acceptance is withdrawn"));
    // On record all the same.
    CHECK(stage.ask_results("SELECT accepted_by, accepted_note FROM row WHERE code = 'unknown00017'") ==
          std::vector<Line>{{user_name(), "OPS-7：已核实"}});
    CHECK(stage.count("accepted_at IS NULL AND accepted_by IS NULL AND accepted_note IS NULL") == 4);
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.count("status = 'rejected' AND attempts = 4") == 1);
  }
}
