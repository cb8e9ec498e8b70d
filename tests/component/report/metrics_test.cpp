#include <doctest/doctest.h>

#include <cardvoid/report/metrics.hpp>
#include <ostream>
#include <set>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  namespace {
  constexpr WallTime k_now{milliseconds{1'800'000'000'000}};
  bool has(const std::string& text, std::string_view line) {
    return text.find("\n" + std::string{line} + "\n") != std::string::npos;
  }
  }  // namespace

  TEST_CASE("metrics: what an earlier file knew of failed starts and waiting is carried on") {
    report::Metrics first{"gold", 5, "0.1.0"};
    dispatch::Snapshot snapshot;
    snapshot.held_by_pace = 90s;
    first.note(snapshot);
    first.at_end("run", 0, k_now);
    const auto failed = first.at_end("run", 77, k_now + 1h);
    CHECK(has(failed, "cardvoid_rate_limit_wait_seconds_total{job=\"gold\"} 90.000"));

    report::Metrics second{"gold", 5, "0.1.0"};
    second.carry_over(failed);
    const auto running = second.while_running(snapshot);
    CHECK(has(running, "cardvoid_rate_limit_wait_seconds_total{job=\"gold\"} 180.000"));
    CHECK(has(running, "cardvoid_last_success_timestamp_seconds{job=\"gold\"} 1800000000.000"));
    CHECK(has(running, "cardvoid_last_run_timestamp_seconds{job=\"gold\"} 1800003600.000"));
    CHECK(has(running, "cardvoid_last_run_exit_code{job=\"gold\"} 77"));
    CHECK(has(running, "cardvoid_run_in_progress{job=\"gold\"} 1"));
  }

  TEST_CASE("metrics: another job's file and a damaged one are as none") {
    report::Metrics other{"silver", 5, "0.1.0"};
    const auto earlier = other.at_end("run", 0, k_now);
    for (const auto& text :
         {earlier, std::string{"\ncardvoid_last_success_timestamp_seconds{job=\"gold\"} nan\n"},
          std::string{"\ncardvoid_last_success_timestamp_seconds{job=\"gold\"} 1e300\n"},
          std::string{"\ncardvoid_rate_limit_wait_seconds_total{job=\"gold\"} -5\n"},
          std::string{"\ncardvoid_last_success_timestamp_seconds{job=\"gold\"} "}}) {
      report::Metrics metrics{"gold", 5, "0.1.0"};
      metrics.carry_over(text);
      const auto now = metrics.at_end("run", 69, k_now);
      CHECK(now.find("last_success") == std::string::npos);
      CHECK(has(now, "cardvoid_rate_limit_wait_seconds_total{job=\"gold\"} 0.000"));
    }
  }

  TEST_CASE("metrics: codes stay few for all that a server sends") {
    report::Metrics metrics{"gold", 5, "0.1.0"};
    for (unsigned status = 0; status < 2000; ++status) {
      ledger::Attempt attempt;
      attempt.outcome.kind = model::OutcomeKind::unknown_answer;
      attempt.outcome.http_status = status;
      attempt.outcome.error_code = "CODE_" + std::to_string(status);
      metrics.count(attempt);
    }
    const auto text = metrics.at_end("run", 69, k_now);
    CHECK(text.find("CODE_") == std::string::npos);
  }

  TEST_CASE("metrics: the rate is the run's own and none when it has ended") {
    report::Metrics metrics{"gold", 5, "0.1.0"};
    dispatch::Snapshot snapshot;
    snapshot.measured = 2;
    CHECK(has(metrics.while_running(snapshot), "cardvoid_rate_requests_per_second{job=\"gold\"} 2.000"));
    CHECK(has(metrics.at_end("run", 0, k_now), "cardvoid_rate_requests_per_second{job=\"gold\"} 0.000"));
  }
}
