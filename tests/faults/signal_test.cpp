// Stopping a run by signal.

#include <doctest/doctest.h>

#include <csignal>
#include <ostream>

#include "outside/stage.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::outside;
  using namespace std::chrono_literals;

  namespace {

  sandbox::Settings slow_answers() {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 500ms;
    return settings;
  }
  const std::vector<std::string> k_flags{"--yes", "--set", "limits.requests_per_second=40"};

  }  // namespace

  TEST_CASE("the first signal sends nothing new and settles what is in flight") {
    for (const int signal : {SIGINT, SIGTERM}) {
      const Stage stage{slow_answers(), {{"members.csv", plain_members(200)}}};
      const auto program = stage.start("run", k_flags);
      stage.wait_until("status = 'in_flight' AND attempts > 0", 10);
      program->send_signal(signal);
      program->wait_for_words("a second signal leaves at once");
      const auto said_at = format_rfc3339(read_clocks().wall);
      const auto ended = program->wait();
      INFO(ended.err, ended.out);
      CHECK(ended.exit_code == 75);
      CHECK(stage.ask_results("SELECT count(*) FROM attempts WHERE started_at > '" + said_at + "'")[0][0] ==
            "0");
      CHECK(stage.count("status = 'in_flight'") == 0);
      CHECK(stage.count("status = 'pending'") > 100);
      stage.check_against_truth();
      CHECK(stage.ask_results("SELECT exit_code FROM runs")[0][0] == "75");
    }
  }

  TEST_CASE("the second signal leaves at once and the rows in flight stay in doubt") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(200)}}};
    stage.sandbox->set_faults({{sandbox::Fault::no_answer_applied, 1.0}});
    const auto program = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 2);
    program->send_signal(SIGINT);
    program->wait_for_words("a second signal leaves at once");
    program->send_signal(SIGINT);
    CHECK(program->wait(std::chrono::seconds{5}).exit_code == 75);
    CHECK(stage.count("status = 'in_flight'") > 0);

    stage.sandbox->set_faults({});
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("a second run on the same database ends with 75 at once and names the first") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(60)}}};
    const auto first = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 1);
    const auto second = stage.run("run", k_flags);
    CHECK(second.exit_code == 75);
    CHECK(second.err.find("pid " + std::to_string(first->pid())) != std::string::npos);
    const auto status = stage.run("status");
    CHECK(status.out.find("is under way: pid " + std::to_string(first->pid())) != std::string::npos);
    CHECK(first->wait().exit_code == 0);
  }
}
