// What ends a run softly: the window, --max-duration, --limit. Nothing new is begun, what is in flight is
// settled, and the run says what is left and when it may go on.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/base/time.hpp>
#include <ostream>
#include <regex>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  int seconds_of_day(WallTime time) {
    return static_cast<int>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count() %
                            86'400);
  }

  // Whole hours from now on, by a clock of UTC.
  std::string window_in_hours(int from, int to) {
    const int hour = seconds_of_day(read_clocks().wall) / 3'600;
    return fmt::format("safety.window=\"{:02}:00-{:02}:00\"", (hour + from + 24) % 24, (hour + to + 24) % 24);
  }

  Ended run_in_zone(const Stage& stage, const std::string& zone, std::vector<std::string> flags) {
    flags.insert(flags.begin(), "--yes");
    Circumstances circumstances;
    circumstances.environment["TZ"] = zone;
    return run(stage.words("run", std::move(flags)), circumstances);
  }

  std::size_t sent(const Stage& stage) {
    return static_cast<std::size_t>(stage.sandbox->counters().invalidate_requests);
  }

  }  // namespace

  TEST_CASE("window: a run outside of it plans and sends nothing and says when it opens") {
    const auto stage = stage_of(12);
    for (const bool is_quiet : {false, true}) {
      std::vector<std::string> flags{"--yes",
                                     "--set",
                                     window_in_hours(2, 3),
                                     "--set",
                                     "safety.timezone=UTC",
                                     "--set",
                                     "limits.requests_per_second=5"};
      if (is_quiet) flags.emplace_back("-q");
      const auto ended = stage.run("run", flags);
      CHECK(ended.exit_code == 75);
      CHECK(has(ended.err,
                "is closed: nothing was sent; 12 rows are left; at 5 requests/s that needs 2s more; "
                "the window opens next at 2"));
      CHECK(has(ended.err, ":00 +0000, and all would be done at 2"));
    }
    CHECK(sent(stage) == 0);
    CHECK(stage.sandbox->counters().read_back_requests == 0);
    CHECK(stage.ask_results("SELECT count(*) FROM runs")[0][0] == "0");
    CHECK(stage.count("status = 'pending'") == 12);
    // A plan that is not the confirmed one is told at any hour; reconcile is not bound by the window.
    CHECK(stage
              .run("run", {"--confirm", "000000000000", "--set", window_in_hours(2, 3), "--set",
                           "safety.timezone=UTC"})
              .exit_code == 65);
    CHECK(
        stage.run("reconcile", {"--set", window_in_hours(2, 3), "--set", "safety.timezone=UTC"}).exit_code ==
        0);
  }

  TEST_CASE("window: the time zone is the job's and else the one of TZ and an unknown one is an error") {
    const auto stage = stage_of(3);
    const auto in_shanghai = window_in_hours(8, 10);  // open there, and closed in London
    CHECK(run_in_zone(stage, "UTC", {"--set", in_shanghai}).exit_code == 75);
    CHECK(run_in_zone(stage, "Asia/Shanghai", {"--set", in_shanghai, "--set", "safety.timezone=UTC"})
              .exit_code == 75);
    for (const auto* wrong : {"Asia/Shangai", "Shanghai", "GMT+"}) {
      const auto unknown = run_in_zone(stage, wrong, {"--set", in_shanghai});
      CHECK(unknown.exit_code == 78);
      CHECK(has(unknown.err, wrong));
      CHECK(has(unknown.err, "safety.timezone"));
    }
    const auto mistyped = stage.run("run", {"--yes", "--set", "safety.timezone=Asia/Shangai"});
    CHECK(mistyped.exit_code == 78);
    CHECK(has(mistyped.err, "safety.timezone: expected the name of a time zone"));
    CHECK(sent(stage) == 0);
    CHECK(run_in_zone(stage, "Asia/Shanghai", {"--set", in_shanghai, "--limit", "1"}).exit_code == 75);
    CHECK(sent(stage) == 1);
    CHECK(run_in_zone(stage, "CST-8", {"--set", in_shanghai, "--limit", "1"}).exit_code == 75);
    CHECK(sent(stage) == 2);
    CHECK(run_in_zone(stage, "No/Where", {"--set", in_shanghai, "--set", "safety.timezone=Asia/Shanghai"})
              .exit_code == 0);
    CHECK(sent(stage) == 3);
    // Nothing is left: it does not matter that the window is closed.
    CHECK(run_in_zone(stage, "UTC", {"--set", in_shanghai}).exit_code == 0);
  }

  TEST_CASE("window: when it closes nothing new is begun and what is in flight is settled") {
    const auto stage = stage_of(200);
    // A zone in which it is eight seconds to 12:01 now.
    const int ahead = 12 * 3'600 + 52 - seconds_of_day(read_clocks().wall);
    const auto zone = fmt::format("LOC{}{}:{:02}:{:02}", ahead > 0 ? "-" : "", std::abs(ahead) / 3'600,
                                  std::abs(ahead) / 60 % 60, std::abs(ahead) % 60);
    const auto closes = std::chrono::floor<std::chrono::seconds>(read_clocks().wall) + 8s;
    const auto ended = run_in_zone(
        stage, zone, {"--set", "safety.window=\"11:00-12:01\"", "--set", "limits.requests_per_second=10"});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 75);
    CHECK(has(ended.out, "stopped: the window 11:00-12:01 is closed; "));
    CHECK(has(ended.out, " rows are left; at "));
    CHECK(has(ended.out, "the window opens next at "));
    CHECK(has(stage.run("status").out, "exit 75, the window 11:00-12:01 is closed\n"));
    CHECK(sent(stage) > 0);
    CHECK(sent(stage) < 100);
    CHECK(stage.count("status = 'invalidated'") == static_cast<std::int64_t>(sent(stage)));
    CHECK(stage.count("status = 'in_flight'") == 0);
    const auto last = stage.ask_results("SELECT max(started_at) FROM attempts")[0][0];
    CHECK(*parse_rfc3339(last) < closes + 1'500ms);
    CHECK(read_clocks().wall < closes + 10s);
  }

  TEST_CASE("max-duration: a run ends with its time and says what is left and the same command completes") {
    const auto stage = stage_of(12);
    const auto ended =
        stage.run("run", {"--yes", "--max-duration", "1s", "--set", "limits.requests_per_second=4"});
    CHECK(ended.exit_code == 75);
    CHECK(has(ended.out, "stopped: --max-duration 1s is over; "));
    CHECK(has(ended.out, " rows are left; at 4 requests/s that needs "));
    CHECK(has(ended.out, ", until 2"));
    CHECK(has(ended.out, " if it went on now"));
    CHECK(sent(stage) >= 1);
    CHECK(sent(stage) <= 6);
    CHECK(stage.count("status = 'invalidated'") == static_cast<std::int64_t>(sent(stage)));
    CHECK(stage.run("run", {"--yes", "--max-duration", "1h"}).exit_code == 0);
    CHECK(sent(stage) == 12);
  }

  TEST_CASE("max-duration: only a time that is some is one") {
    const auto stage = stage_of(1);
    for (const auto* wrong : {"0", "0s", "-1s", "4", "4 h", "soon", ""}) {
      CAPTURE(wrong);
      const auto ended = stage.run("run", {"--yes", std::string{"--max-duration="} + wrong});
      CHECK(ended.exit_code == 64);
      CHECK(has(ended.err, "--max-duration"));
    }
    CHECK(stage.run("reconcile", {"--max-duration", "0"}).exit_code == 64);
    CHECK(stage.run("plan", {"--max-duration", "1h"}).exit_code == 64);
    CHECK(sent(stage) == 0);
  }

  TEST_CASE("limit: it says what is left and how long that takes") {
    const auto stage = stage_of(12);
    const auto ended = stage.run("run", {"--yes", "--limit", "5", "--set", "limits.requests_per_second=50"});
    CHECK(ended.exit_code == 75);
    CHECK(has(ended.out,
              "stopped: the limit of 5 rows for this run is reached; 7 rows are left; at 50 requests/s "
              "that needs 140ms more, until 2"));
  }

  TEST_CASE("limit: only a whole number of rows is one and too large a number is not all of them") {
    const auto stage = stage_of(3);
    for (const auto* wrong : {"0", "-1", "1.5", "1e3", "+1", "3 ", "all", "", "99999999999999999999"}) {
      CAPTURE(wrong);
      const auto ended = stage.run("run", {"--yes", std::string{"--limit="} + wrong});
      CHECK(ended.exit_code == 64);
      CHECK(has(ended.err, "--limit"));
    }
    CHECK(sent(stage) == 0);
  }

  TEST_CASE("limit: one that leaves nothing has not stopped the run") {
    const auto stage = stage_of(3);
    const auto ended = stage.run("run", {"--yes", "--limit", "3", "--json"});
    CHECK(ended.exit_code == 0);
    CHECK(has(ended.out, "\"stopped\":null"));
    CHECK(has(stage.run("status").out, "exit 0, done"));
    const auto there = stage.run("status", {"--set", "safety.timezone=Asia/Shanghai"}).out;
    CHECK(std::regex_search(there, std::regex{"run 1 \\(run\\) [0-9-]{10} [0-9:]{8} \\+0800: "}));
  }

  TEST_CASE("limit: where each brand has a limit of its own the greatest rest says how long it takes") {
    std::string members = "brand_id,code,card_id,openid\n";
    for (int i = 0; i < 10; ++i)
      members += fmt::format("{0},code{1},pTemplate{0},oMember{1}\n", i < 2 ? 1003 : 1004, i);
    const Stage stage{sandbox::plain_settings(), {{"members.csv", members}}};
    // Both of the first brand; the other one has eight left.
    const auto ended = stage.run("run", {"--yes", "--limit", "2", "--set", "limits.per=brand", "--set",
                                         "limits.requests_per_second=4"});
    CAPTURE(ended.out);
    CHECK(ended.exit_code == 75);
    CHECK(has(ended.out, "8 rows are left; at 4 requests/s that needs 2s more"));
    CHECK(has(stage.run("status", {"--set", "limits.per=brand", "--set", "limits.requests_per_second=4"}).out,
              "8 rows are left; at 4 requests/s that needs 2s more"));
  }

  TEST_CASE("window: plan says when all would be done within it") {
    const auto stage = stage_of(12);
    const auto window = window_in_hours(2, 3);
    const auto opens = window.substr(window.find('"') + 1, 3);
    const auto plan = stage.run("plan", {"--set", window, "--set", "safety.timezone=UTC"});
    CHECK(plan.exit_code == 0);
    CHECK(has(unfolded(plan.out), " " + opens + "00 +0000 in every window " + opens + "00-"));
    const auto answer = stage.run("plan", {"--json", "--set", window, "--set", "safety.timezone=UTC"});
    const auto at = answer.out.find("\"would_end_at\":\"");
    REQUIRE(at != std::string::npos);
    CHECK(has(answer.out.substr(at, 40), "T" + opens + "00:0"));
  }
}
