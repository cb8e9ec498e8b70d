// kill -9 at a chosen moment, and the same command again. At random moments: crash_loop_test.cpp.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {
  const std::vector<std::string> k_flags{"--yes", "--set", "limits.requests_per_second=60"};
  }

  TEST_CASE("a row left in flight by a crash is read back before anything is sent for it") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 400ms;
    const auto stage = stage_of(200, settings);
    const auto first = stage.start("run", k_flags);
    stage.wait_until("status = 'invalidated'", 10);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 5);
    first->send_signal(SIGKILL);
    CHECK(first->wait().signal == SIGKILL);
    const auto in_flight = stage.ask_results("SELECT id FROM row WHERE status = 'in_flight' ORDER BY id");
    CHECK(in_flight.size() >= 5);

    const auto second = stage.run("run", k_flags);
    INFO(second.err, second.out);
    CHECK(second.exit_code == 0);
    CHECK(second.err.find(fmt::format("{} rows in doubt: read back first", in_flight.size())) !=
          std::string::npos);
    for (const auto& row : in_flight) {
      const auto kinds = stage.ask_results(
          fmt::format("SELECT kind FROM attempts WHERE run_id = 2 AND row_id = {} ORDER BY n", row[0]));
      REQUIRE(!kinds.empty());
      CHECK(kinds[0][0] == "read_back");
    }
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().after_invalid == 0);  // the platform's own word that none was sent twice
  }

  TEST_CASE("the requests of a run that was killed are counted as they stand on record") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 400ms;
    const auto stage = stage_of(200, settings);
    const auto check_counts = [&] {
      const auto differing = stage.ask_results(
          "SELECT run_id, sent, (SELECT count(*) FROM attempts a WHERE a.run_id = runs.run_id AND kind = "
          "'invalidate') AS on_record FROM runs WHERE sent <> on_record");
      for (const auto& run : differing) FAIL_CHECK("run ", run[0], " sent ", run[1], " of ", run[2]);
    };
    const auto first = stage.start("run", k_flags);
    stage.wait_until("status = 'invalidated'", 10);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 5);
    check_counts();  // also while it goes on
    first->send_signal(SIGKILL);
    first->wait();
    check_counts();
    const auto second = stage.start("run", k_flags);  // and one that leaves at once
    stage.wait_until("status = 'invalidated'", 60);
    second->send_signal(SIGTERM);
    (void)second->ends_within(1100ms);  // until then it would be an echo of the first
    second->send_signal(SIGTERM);
    second->wait();
    check_counts();
    stage.run("run", k_flags);
    check_counts();
    stage.check_against_truth();
  }

  TEST_CASE("reconcile settles what a crash left in doubt and invalidates nothing") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 400ms;
    const auto stage = stage_of(100, settings);
    const auto first = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 5);
    first->send_signal(SIGKILL);
    first->wait();
    const auto sent_before = stage.sandbox->counters().invalidate_requests;
    const auto ended = stage.run("reconcile");
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 0);  // it did what it says; pending rows are the next run's
    CHECK(stage.count("status = 'in_flight'") == 0);
    CHECK(stage.sandbox->counters().invalidate_requests == sent_before);
    CHECK(stage.sandbox->counters().read_back_requests > 0);
    stage.check_against_truth();
  }
}
