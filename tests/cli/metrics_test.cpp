// results.metrics_file, read with the Prometheus client's own parser (tests/cli/read_metrics.py).

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <ostream>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  // Samples by "name{labels}" as the parser read them; the test fails where it cannot.
  std::map<std::string, double> samples(const Stage& stage) {
    const auto file = stage.dir / "m.prom", read = stage.dir / "read";
    const auto command =
        fmt::format("/usr/bin/python3 {} {} >{} 2>&1", CARDVOID_METRICS_READER, file.string(), read.string());
    const int status = std::system(command.c_str());
    const auto said = stage.read("read");
    INFO(said);
    REQUIRE(status == 0);
    std::map<std::string, double> all;
    std::istringstream lines{said};
    for (std::string line; std::getline(lines, line);) {
      const auto space = line.rfind(' ');
      if (!line.starts_with("TYPE ")) all[line.substr(0, space)] = std::stod(line.substr(space + 1));
    }
    return all;
  }

  std::vector<std::string> with_metrics(std::vector<std::string> more = {}) {
    std::vector<std::string> flags{"--set", "results.metrics_file=m.prom"};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  constexpr auto k_success = "cardvoid_last_success_timestamp_seconds{job=sandbox}";
  constexpr auto k_exit_code = "cardvoid_last_run_exit_code{job=sandbox}";
  constexpr auto k_in_progress = "cardvoid_run_in_progress{job=sandbox}";

  // Waits for a file that says that a run is under way.
  std::map<std::string, double> samples_of_a_run(const Stage& stage) {
    std::map<std::string, double> found;
    const auto is_under_way = [&] {
      if (!std::filesystem::exists(stage.dir / "m.prom")) return false;
      found = samples(stage);
      return found.at(k_in_progress) == 1;
    };
    stage.wait_until(is_under_way, "the metrics of a run");
    return found;
  }

  double sum_of(const std::map<std::string, double>& all, std::string_view prefix,
                std::string_view part = "") {
    double sum = 0;
    for (const auto& [series, value] : all)
      if (series.starts_with(prefix) && series.find(part) != std::string::npos) sum += value;
    return sum;
  }

  }  // namespace

  TEST_CASE("metrics: a real parser reads them and they are what the results say") {
    auto settings = sandbox::plain_settings();
    using enum sandbox::Fault;
    settings.faults = {{system_error, 0.1}, {reset_applied, 0.1}, {throttle, 0.05}};
    const Stage stage{
        settings,
        {{"members.csv", plain_members(60) + "unknown,pbLatjvWOibDc5-TBnbUk1pD12o0,oX,\r\ncard0000,t,,\r\n"},
         {"cards.csv", "brand_id,card_id,code,openid,state,invalid_time\r\n" + [] {
            std::string cards;
            for (int i = 0; i < 60; ++i)
              cards += fmt::format(
                  "1004,pbLatjvWOibDc5-TBnbUk1pD12o0,card{0:04},oPlain{0:04}uMuAJO_M2pxb1Q9zN,"
                  "EFFECTIVE,\r\n",
                  i);
            return cards;
          }()}}};
    // A rate that has to be waited for.
    const auto ended = stage.run("run", with_metrics({"--yes", "--set", "limits.requests_per_second=40"}));
    INFO(ended.err, ended.out);
    REQUIRE(ended.exit_code == 1);
    const auto all = samples(stage);
    for (const char* status : {"pending", "in_flight", "invalidated", "rejected", "unresolved"})
      CHECK(all.at(fmt::format("cardvoid_rows{{job=sandbox,status={}}}", status)) ==
            stage.count(fmt::format("status = '{}'", status)));
    CHECK(all.at("cardvoid_rows{job=sandbox,status=rejected}") == 1);
    CHECK(all.at("cardvoid_in_doubt_rows{job=sandbox}") == 0);
    CHECK(all.at("cardvoid_refused_lines{job=sandbox}") == 1);
    CHECK(all.at(k_exit_code) == 1);
    CHECK(all.at(k_in_progress) == 0);
    CHECK_FALSE(all.contains(k_success));  // a card was rejected
    const auto attempts = [&](const char* condition) {
      return std::stod(
          stage.ask_results(fmt::format("SELECT count(*) FROM attempts WHERE {}", condition))[0][0]);
    };
    CHECK(sum_of(all, "cardvoid_attempts_total", "kind=invalidate") == attempts("kind = 'invalidate'"));
    CHECK(sum_of(all, "cardvoid_attempts_total", "code=500") == attempts("http_status = 500"));
    CHECK(all.at("cardvoid_throttled_total{job=sandbox}") == attempts("http_status = 429"));
    CHECK(sum_of(all, "cardvoid_request_duration_seconds_count") == attempts("TRUE"));
    CHECK(sum_of(all, "cardvoid_request_duration_seconds_bucket", "le=+Inf") == attempts("TRUE"));
    CHECK(sum_of(all, "cardvoid_request_duration_seconds_bucket", "le=0.5") == attempts("latency_ms <= 500"));
    CHECK(all.at("cardvoid_rate_limit_wait_seconds_total{job=sandbox}") > 0);
    CHECK(all.at("cardvoid_limit_requests_per_second{job=sandbox}") > 0);

    struct stat facts {};
    REQUIRE(::stat((stage.dir / "m.prom").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0644);
    for (const auto& entry : std::filesystem::directory_iterator{stage.dir})
      CHECK(entry.path().extension() != ".tmp");
    const auto text = stage.read("m.prom");
    CHECK(text.find("oPlain") == std::string::npos);
    CHECK(text.find("card0") == std::string::npos);
  }

  TEST_CASE("metrics: they tell of a run under way and no counter goes down over runs") {
    auto settings = sandbox::plain_settings();
    const auto stage = stage_of(60, settings);
    auto program = stage.start("run", with_metrics({"--yes", "--set", "limits.requests_per_second=4"}));
    stage.wait_until("status = 'invalidated'", 5);
    const auto before = samples_of_a_run(stage);
    CHECK(before.at("cardvoid_endpoint_serves{endpoint=primary,job=sandbox}") == 1);
    CHECK(before.at("cardvoid_limit_requests_per_second{job=sandbox}") == 4);
    CHECK(sum_of(before, "cardvoid_rows{") == 60);

    // A second run that finds the job held does not speak for it.
    CHECK(stage.run("run", with_metrics({"--yes"})).exit_code == 75);
    CHECK(samples(stage).at(k_in_progress) == 1);

    program->send_signal(SIGTERM);
    CHECK(program->wait().exit_code == 75);
    const auto stopped = samples(stage);
    CHECK(stopped.at(k_exit_code) == 75);
    CHECK(stopped.at(k_in_progress) == 0);
    CHECK(stopped.at("cardvoid_rows{job=sandbox,status=invalidated}") ==
          stage.count("status = 'invalidated'"));

    CHECK(stage.run("reconcile", with_metrics()).exit_code == 0);
    CHECK(samples(stage).at(k_exit_code) == 0);
    CHECK_FALSE(samples(stage).contains(k_success));  // nothing in doubt is not everything done

    CHECK(stage.run("run", with_metrics({"--yes"})).exit_code == 0);
    const auto done = samples(stage);
    CHECK(done.at(k_success) > stopped.at("cardvoid_last_run_timestamp_seconds{job=sandbox}"));
    for (const auto& [series, value] : stopped)
      if (series.find("_total{") != std::string::npos || series.find("_bucket{") != std::string::npos)
        CHECK_MESSAGE(done.at(series) >= value, series);
    CHECK(sum_of(done, "cardvoid_attempts_total", "kind=invalidate") == 60);
  }

  TEST_CASE("metrics: a run that cannot begin is reported and the last success stays") {
    const auto stage = stage_of(3);
    CHECK(stage.run("run", with_metrics({"--yes"})).exit_code == 0);
    const auto good = samples(stage);
    stage.write("no_key.pem", "this is no key");
    CHECK(stage.run("run", with_metrics({"--yes", "--set", "merchant.private_key_file=no_key.pem"}))
              .exit_code == 77);
    const auto failed = samples(stage);
    CHECK(failed.at(k_exit_code) == 77);
    CHECK(failed.at(k_success) == good.at(k_success));
    CHECK(failed.at("cardvoid_last_run_timestamp_seconds{job=sandbox}") > good.at(k_success));
    CHECK(failed.at("cardvoid_rows{job=sandbox,status=invalidated}") == 3);

    // Before anything else was there, too.
    const auto fresh = stage_of(3);
    fresh.write("no_key.pem", "this is no key");
    fresh.run("run", with_metrics({"--yes", "--set", "merchant.private_key_file=no_key.pem"}));
    CHECK(samples(fresh).at(k_exit_code) == 77);
    CHECK_FALSE(std::filesystem::exists(fresh.database()));
  }

  TEST_CASE("metrics: a file that cannot be written is one warning at the end and no failure") {
    const auto stage = stage_of(5);
    const auto ended = stage.run("run", {"--yes", "--set", "results.metrics_file=nowhere/m.prom"});
    CHECK(ended.exit_code == 0);
    const auto at = ended.err.find("what it says is from before the end");
    CHECK(at != std::string::npos);
    CHECK(ended.err.find("results.metrics_file: ", at) == std::string::npos);
    // A run of more than a second warns once before.
    const std::string_view words = "the run goes on without";
    CHECK(ended.err.find(words) == ended.err.rfind(words));
  }
}
