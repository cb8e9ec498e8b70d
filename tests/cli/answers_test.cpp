// What a run and `status` make of verified answers that are not quite about what was asked.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  std::size_t occurrences(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  }

  }  // namespace

  TEST_CASE("answers: a platform that names other members as a rule invalidates nothing in our eyes") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::wrong_openid, 1.0}};
    settings.fault_read_backs = true;
    const auto stage = stage_of(8, settings);
    const auto ended = stage.run("run", {"--yes", "--set", "safety.canary=5"});
    INFO(ended.err);
    CHECK(ended.exit_code != 0);
    CHECK(stage.count("status = 'invalidated'") == 0);
    CHECK(stage.ask_results("SELECT count(*) > 0 FROM attempts WHERE outcome = 'wrong_card'")[0][0] == "1");
    CHECK(ended.err.find("match_openid = false:") == std::string::npos);
  }

  TEST_CASE("answers: match_openid = false lets them count and every run warns of it") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::wrong_openid, 1.0}};
    settings.fault_read_backs = true;
    const auto stage = stage_of(8, settings);
    for (int i = 0; i < 2; ++i) {
      const auto ended = stage.run("run", {"--yes", "--set", "safety.match_openid=false"});
      INFO(ended.err);
      CHECK(ended.exit_code == 0);
      CHECK(occurrences(ended.err, "safety.match_openid = false: an answer about a card counts with any") ==
            1);
    }
    CHECK(stage.count("status = 'invalidated'") == 8);
  }

  TEST_CASE("answers: another brand_id is counted and warned of once and status shows it") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::other_brand, 1.0}};
    const auto stage = stage_of(8, settings);
    const auto ended = stage.run("run", {"--yes", "--set", "safety.canary=0"});
    INFO(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(occurrences(ended.err, "names another brand_id than was asked for") == 1);
    CHECK(stage.run("status").out.find("8 answers about the card asked for named another brand_id") !=
          std::string::npos);
    const auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    CHECK(answer.at("runs").at(0).at("other_brand") == 8);
    stage.run("run", {"--yes"});
    CHECK(boost::json::parse(stage.run("status", {"--json"}).out).at("runs").at(0).at("other_brand") == 0);
  }

  TEST_CASE("proxy: an unusable one of the environment stops what connects and nothing else") {
    const auto stage = stage_of(3);
    const auto asked = [&](std::vector<std::string> words) {
      Circumstances shell;
      shell.environment = {{"https_proxy", "socks5h://secret@127.0.0.1:7890"}};
      return support::run(std::move(words), shell);
    };
    const auto away = [&](const std::string& command) {
      return asked({command, stage.job(), "--set", "endpoints.primary=https://card.example"});
    };
    for (const auto* command : {"plan", "status", "export"}) {
      CAPTURE(command);
      CHECK(away(command).exit_code == 0);
    }
    CHECK(away("stop").err.find("no run is under way on this job") != std::string::npos);
    const auto refused =
        asked({"run", stage.job(), "--yes", "--set", "endpoints.primary=https://card.example"});
    CHECK(refused.exit_code == 78);
    CHECK(refused.err.find("HTTPS_PROXY is not the URL of an HTTP proxy") != std::string::npos);
    CHECK(refused.err.find("card.example would be reached through it") != std::string::npos);
    CHECK(refused.err.find("secret") == std::string::npos);
    CHECK(refused.err.find("after correcting it: cardvoid run ") != std::string::npos);
    CHECK(away("check").out.find("HTTPS_PROXY is not the URL") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    CHECK(asked({"run", stage.job(), "--yes"}).exit_code == 0);  // loopback is excluded
  }
}
