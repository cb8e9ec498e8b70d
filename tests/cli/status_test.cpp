// What is going on, from another terminal.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <csignal>
#include <ostream>

#include "outside/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::outside;
  using namespace std::chrono_literals;

  TEST_CASE("status: a run under way shows its rate and the time left and its endpoints") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    const Stage stage{settings, {{"members.csv", plain_members(400)}}};
    stage.sandbox->set_outage(model::Endpoint::primary, sandbox::Outage::refuse);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 70);  // the second pulse has been written by then
    const auto page = stage.run("status");
    CHECK(page.out.find("run is under way: pid " + std::to_string(program->pid())) != std::string::npos);
    CHECK(page.out.find("requests/s (allowed 20)") != std::string::npos);
    CHECK(page.out.find("primary does not serve, backup serves") != std::string::npos);
    CHECK(page.out.find("at this rate") != std::string::npos);
    const auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    CHECK(answer.at("now").at("rate").to_number<double>() > 5);
    CHECK(answer.at("seconds_left").as_int64() > 0);
    program->send_signal(SIGINT);
    CHECK(program->wait().exit_code == 75);
    CHECK(stage.run("status").out.find("no run is under way") != std::string::npos);
  }

  TEST_CASE("status: a run that died is told from one under way") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 200ms;
    const Stage stage{settings, {{"members.csv", plain_members(100)}}};
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 3);
    program->send_signal(SIGKILL);
    program->wait();
    const auto page = stage.run("status");
    CHECK(page.out.find("; died") != std::string::npos);
    CHECK(page.out.find("no run is under way") != std::string::npos);
  }

  TEST_CASE("status: errors are counted by code") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(3)}}};
    stage.write("members.csv", plain_members(3) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oX,\r\n");
    stage.run("run", {"--yes"});
    CHECK(stage.run("status").out.find("1  RESOURCE_NOT_EXISTS (rejected)") != std::string::npos);
  }

  TEST_CASE("status: --watch shows it again and again until it is stopped") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(3)}}};
    CHECK(stage.run("plan").exit_code == 0);
    Program program{stage.words("status", {"--watch", "--json"})};
    program.wait_for_words("}\n{");  // the second line has begun
    program.send_signal(SIGINT);
    CHECK(program.wait().exit_code == 0);
  }

  TEST_CASE("check and reconcile make no database of a wrong path") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(3)}}};
    CHECK(stage.run("check").exit_code == 0);
    CHECK(stage.run("reconcile").exit_code == 66);
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    CHECK_FALSE(std::filesystem::exists(stage.database().string() + ".lock"));
  }
}
