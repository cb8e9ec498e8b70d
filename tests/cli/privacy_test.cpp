// Personal data and keys stay where they belong.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <ostream>

#include "outside/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::outside;
  using namespace std::chrono_literals;

  namespace {
  unsigned mode_of(const std::filesystem::path& path) {
    struct stat facts {};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return facts.st_mode & 0777;
  }
  }  // namespace

  TEST_CASE("privacy: the files of a run belong to their owner alone while it lasts and afterwards") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 300ms;
    const Stage stage{settings, {{"members.csv", plain_members(40)}}};
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=40"});
    stage.wait_until("status = 'invalidated'", 1);
    for (const char* suffix : {"", "-wal", "-shm", ".lock"})
      CHECK_MESSAGE(mode_of(stage.database().string() + suffix) == 0600, suffix);
    CHECK(program->wait().exit_code == 0);
    CHECK(mode_of(stage.database()) == 0600);

    const auto deep = stage.dir / "deep/er/results.db";
    CHECK(stage.run("plan", {"--results", deep.string()}).exit_code == 0);
    CHECK(mode_of(deep) == 0600);
    CHECK(mode_of(deep.parent_path()) == 0700);
  }

  TEST_CASE("privacy: the most verbose log of a faulty run holds no openid and no key and no body") {
    auto settings = sandbox::plain_settings();
    using enum sandbox::Fault;
    settings.faults = {{system_error, 0.1},
                       {reset_applied, 0.1},
                       {wrong_card, 0.05},
                       {bad_signature, 0.02},
                       {gateway, 0.05}};
    // Unknown cards and wrong openids make the platform repeat what it was asked.
    auto members =
        plain_members(60) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknownJO_M2pxb1Q9zN,\r\n";
    const Stage stage{settings,
                      {{"members.csv", members},
                       {"cards.csv", "brand_id,card_id,code,openid,state,invalid_time\r\n" + [] {
                          std::string cards;
                          for (int i = 0; i < 60; ++i) {
                            const auto number = std::to_string(10000 + i).substr(1);
                            cards += "1004,pbLatjvWOibDc5-TBnbUk1pD12o0,card" + number + ",oPlain" +
                                     (i % 10 == 3 ? "xxxx" : number) + "uMuAJO_M2pxb1Q9zN,EFFECTIVE,\r\n";
                          }
                          return cards;
                        }()}}};
    std::string everything;
    for (const std::string format : {"text", "json"}) {
      const auto ended =
          stage.run("run", {"--yes", "--log-level", "debug", "--log-format", format, "--progress", "plain"});
      everything += ended.err + ended.out;
    }
    everything += stage.run("plan").out + stage.run("status", {"--json"}).out + stage.run("check").out;
    CHECK(everything.find("Request-ID") != std::string::npos);  // the log did speak
    CHECK(everything.find("oPlain") == std::string::npos);
    CHECK(everything.find("uMuAJO_M2pxb1") == std::string::npos);
    CHECK(everything.find("PRIVATE KEY") == std::string::npos);
    CHECK(everything.find("signature=") == std::string::npos);
    CHECK(everything.find("invalid_reason") == std::string::npos);
  }
}
