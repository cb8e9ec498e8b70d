// Personal data of settled rows goes, and nothing is sent for it.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  std::string bytes_of(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  bool files_hold(const Stage& stage, const std::string& text) {
    for (const char* suffix : {"", "-wal", "-shm"})
      if (bytes_of(stage.database().string() + suffix).find(text) != std::string::npos) return true;
    return false;
  }

  }  // namespace

  TEST_CASE("forget: a job is forgotten and run again and nothing is sent twice") {
    const auto stage = stage_of(6);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto openid = stage.ask_results("SELECT openid FROM results WHERE code = 'card0001'")[0][0];
    const auto sent = stage.sandbox->applied().size();
    CHECK(files_hold(stage, "card0001"));
    CHECK(stage.run("status").out.find("forgotten") == std::string::npos);

    const auto counted = stage.run("forget", {"--older-than", "0", "--dry-run"});
    CHECK(counted.exit_code == 0);
    CHECK(counted.out.find("to forget                    6") != std::string::npos);
    CHECK(files_hold(stage, "card0001"));
    CHECK(stage.run("forget", {"--older-than", "180d", "--yes"}).out.find("younger                      6") !=
          std::string::npos);
    CHECK(stage.run("forget", {"--older-than", "0"}).exit_code == 64);  // no one can be asked

    const auto forgotten = stage.run("forget", {"--older-than", "0", "--yes", "--json"});
    CHECK(forgotten.exit_code == 0);
    CHECK(forgotten.out.find("\"forgotten\":6,\"invalidated\":6") != std::string::npos);
    for (const auto& text : {std::string{"card0001"}, openid}) CHECK_FALSE(files_hold(stage, text));

    const auto again = stage.run("run", {"--yes"});
    CHECK(again.exit_code == 0);
    CHECK(stage.sandbox->applied().size() == sent);
    CHECK(stage.count("status = 'invalidated' AND forgotten_at IS NOT NULL AND code IS NULL") == 6);
    CHECK_FALSE(files_hold(stage, "card0001"));

    const auto shown = stage.run("show", {"--code", "card0001"});
    CHECK(shown.exit_code == 0);
    CHECK(shown.out.find("INVALID since") != std::string::npos);
    CHECK(shown.out.find("openid, reason and code were removed on") != std::string::npos);
    CHECK(stage.run("show", {"--code", "card9999"}).exit_code == 65);
    CHECK(stage.run("status").out.find("6 rows forgotten: their codes, openids and reasons were removed\n") !=
          std::string::npos);
    CHECK(stage.run("status", {"--json"}).out.find("\"forgotten\":6,") != std::string::npos);
    for (const auto* command : {"plan", "export"}) CHECK(stage.run(command).exit_code == 0);
    CHECK(stage.run("plan", {"--diff"}).exit_code == 0);
    CHECK(stage.run("report", {"-o", (stage.dir / "page.html").string()}).exit_code == 0);
    const auto page = stage.read("page.html");
    CHECK(page.find("Cards whose code, openid and reason have been removed: 6.") != std::string::npos);
    CHECK(page.find("no reason (cards:") == std::string::npos);
    CHECK(stage.run("retry", {"--code", "card0001"}).exit_code == 65);
    // What export writes is taken back as ever.
    stage.write("rows.csv", stage.run("export", {"--excel"}).out);
    CHECK(stage.run("retry", {"--where-code-in", (stage.dir / "rows.csv").string()}).exit_code == 65);
  }

  TEST_CASE("forget: a run under way keeps its job") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = std::chrono::milliseconds{300};
    const auto stage = stage_of(40, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=40"});
    stage.wait_until("status = 'invalidated'", 1);
    CHECK(stage.run("forget", {"--older-than", "0", "--yes"}).exit_code == 75);
    CHECK(program->wait().exit_code == 0);
    CHECK(stage.count("forgotten_at IS NOT NULL") == 0);
  }
}
