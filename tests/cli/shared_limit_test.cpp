// Two runs of one merchant on one machine, each with its own job, against one platform.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <csignal>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  sandbox::Settings limited_to(double requests_per_second) {
    auto settings = sandbox::plain_settings();
    settings.requests_per_second = requests_per_second;
    settings.latency_min = 5ms, settings.latency_max = 20ms;
    return settings;
  }

  std::string members(int from, int until) {
    std::string csv = "code,card_id,openid,reason\r\n";
    for (int i = from; i < until; ++i)
      csv += fmt::format("card{:04},pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain{:04}uMuAJO_M2pxb1Q9zN,\r\n", i, i);
    return csv;
  }

  std::vector<std::string> with_rate(const char* requests_per_second, std::vector<std::string> flags) {
    flags.insert(flags.end(),
                 {"--yes", "--set", fmt::format("limits.requests_per_second={}", requests_per_second)});
    return flags;
  }

  }  // namespace

  TEST_CASE("shared limit: two jobs of one merchant take turns and no 429 comes") {
    // The platform allows a little more: on a busy machine the one that counts is stalled, too.
    const Stage stage{limited_to(44), {{"members.csv", plain_members(200)}, {"one.csv", members(0, 100)}}};
    stage.write("two.csv", members(100, 200));
    const auto job_of = [&](const char* input, const char* database) {
      return with_rate("40", {"--set", fmt::format("input.csv=\"{}\"", input), "--results",
                              (stage.dir / database).string()});
    };
    const auto one = stage.start("run", job_of("one.csv", "one.db"));
    const auto two = stage.start("run", job_of("two.csv", "two.db"));
    const auto first = one->wait(), second = two->wait();
    CAPTURE(first.err);
    CAPTURE(second.err);
    CHECK(first.exit_code == 0);
    CHECK(second.exit_code == 0);
    const auto counters = stage.sandbox->counters();
    CHECK(counters.throttled == 0);
    CHECK(counters.most_in_any_second <= 44);
    CHECK(stage.sandbox->applied().size() == 200);
    // They took turns: neither had to wait until the other one was done.
    const auto times = [&](const char* database) {
      return ask_database(stage.dir / database,
                          "SELECT min(started_at), max(started_at) FROM attempt WHERE sent")[0];
    };
    const auto a = times("one.db"), b = times("two.db");
    const auto overlap =
        std::min(std::stoll(a[1]), std::stoll(b[1])) - std::max(std::stoll(a[0]), std::stoll(b[0]));
    const auto whole =
        std::max(std::stoll(a[1]), std::stoll(b[1])) - std::min(std::stoll(a[0]), std::stoll(b[0]));
    CHECK(overlap > whole / 2);
  }

  TEST_CASE("shared limit: a run that was killed still counts for the next one of another job") {
    const Stage stage{limited_to(6), {{"members.csv", plain_members(200)}}};
    const auto job_of = [&](const char* database, int limit) {
      return with_rate("5", {"--limit", std::to_string(limit), "--results", (stage.dir / database).string()});
    };
    const auto killed = stage.start("run", job_of("one.db", 100));
    while (stage.sandbox->applied().size() < 6) REQUIRE_FALSE(killed->ends_within(20ms));
    killed->send_signal(SIGKILL);
    killed->wait();
    const auto next = stage.start("run", job_of("two.db", 12))->wait();
    CHECK(next.exit_code == 75);
    CHECK(stage.sandbox->counters().throttled == 0);
    CHECK(stage.sandbox->counters().most_in_any_second <= 6);
  }

  TEST_CASE("shared limit: a run that was killed shares the limit with no one any more") {
    const Stage stage{limited_to(44), {{"members.csv", plain_members(200)}}};
    const auto job_of = [&](const char* database) {
      return with_rate("10", {"--set", "safety.canary=0", "--results", (stage.dir / database).string()});
    };
    for (const char* database : {"one.db", "two.db"}) {
      const auto before = stage.sandbox->applied().size();
      const auto killed = stage.start("run", job_of(database));
      while (stage.sandbox->applied().size() < before + 3) REQUIRE_FALSE(killed->ends_within(20ms));
      killed->send_signal(SIGKILL);
      killed->wait();
    }
    const auto alone = stage.start("run", job_of("three.db"));
    boost::json::value now;
    while (!now.is_object()) {
      const auto status = stage.run("status", {"--json", "--results", (stage.dir / "three.db").string()});
      if (status.exit_code == 0) now = boost::json::parse(status.out).at("now");
      REQUIRE_FALSE(alone->ends_within(0ms));
    }
    CHECK(now.at("reasons_to_wait").as_array().empty());
    alone->send_signal(SIGTERM);
    CHECK(alone->wait().exit_code == 75);
  }

  TEST_CASE("shared limit: the read-back of check takes its turn beside a run of another job") {
    const Stage stage{limited_to(0), {{"members.csv", plain_members(80)}}};
    const auto program = stage.start(
        "run", with_rate("10", {"--set", "safety.canary=0", "--results", (stage.dir / "one.db").string()}));
    while (stage.sandbox->applied().size() < 6) REQUIRE_FALSE(program->ends_within(20ms));
    int checks = 0;
    while (!program->ends_within(0ms)) {
      std::vector<std::unique_ptr<Program>> together;
      for (int i = 0; i < 4; ++i)
        together.push_back(stage.start("check", {"--set", "limits.requests_per_second=10"}));
      for (const auto& check : together) {
        CHECK(check->wait().exit_code == 0);
        ++checks;
      }
    }
    CHECK(program->wait().exit_code == 0);
    CHECK(checks > 2);
    CHECK(stage.sandbox->counters().read_back_requests >= static_cast<unsigned>(checks));
    // A busy machine hands over two late ones at most; four checks that did not ask would be four more.
    CHECK(stage.sandbox->counters().most_in_any_second <= 12);
  }

  TEST_CASE("shared limit: without a state directory a run says so and is paced by itself") {
    const Stage stage{limited_to(0), {{"members.csv", plain_members(3)}}};
    stage.write("state", "a file");
    Circumstances circumstances;
    circumstances.environment = {{"XDG_STATE_HOME", (stage.dir / "state").string()}};
    const auto ended = run(stage.words("run", {"--yes"}), circumstances);
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("the limit is not shared with other jobs of this merchant") != std::string::npos);
    CHECK(stage.count("status = 'invalidated'") == 3);
  }
}
