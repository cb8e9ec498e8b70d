#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <fstream>
#include <ostream>

#include "support/scene.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sandbox;
  namespace fs = std::filesystem;

  namespace {

  constexpr std::array k_files{
      "ca.pem",      "ca_key.pem",  "server.pem", "server_key.pem",    "wxp_key.pem",
      "wxp_pub.pem", "members.csv", "cards.csv",  "apiclient_key.pem", "apiclient_cert.pem"};

  std::string content(const fs::path& path) { return read_file(path, 1 << 26, Errc::no_input).value(); }

  unsigned mode(const fs::path& path) {
    struct stat found {};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    return found.st_mode & 0777U;
  }

  // Restarts the sandbox over the same folder.
  void restart(Scene& scene) {
    scene.sandbox.reset();
    auto settings = plain_settings();
    settings.dir = scene.dir;
    scene.sandbox = Sandbox::start(settings).value();
  }

  }  // namespace

  TEST_CASE("sandbox files: everything is made for its owner alone and used again") {
    Scene scene{plain_settings(), Scene::own_keys};
    CHECK(mode(scene.dir) == 0700);
    std::map<std::string, std::string> before;
    for (const auto* name : k_files) {
      CAPTURE(name);
      CHECK(mode(scene.dir / name) == 0600);
      before[name] = content(scene.dir / name);
    }
    CHECK(mode(scene.sandbox->job_file()) == 0600);
    restart(scene);
    for (const auto* name : k_files) {
      CAPTURE(name);
      CHECK(content(scene.dir / name) == before[name]);
    }
    const auto answer = scene.ask(scene.merchant->invalidate(scene.card(0)));
    CHECK(answer.status == 200);
  }

  TEST_CASE("sandbox files: the job names the ports of this start until it is made one's own") {
    Scene scene;
    const auto primary = [&] {
      return "primary = \"https://127.0.0.1:" + std::to_string(scene.sandbox->primary_port());
    };
    CHECK(content(scene.sandbox->job_file()).find(primary()) != std::string::npos);
    restart(scene);
    auto job = content(scene.sandbox->job_file());
    CHECK(job.find(primary()) != std::string::npos);
    job.erase(0, job.find('\n') + 1);
    std::ofstream{scene.sandbox->job_file()} << job;
    restart(scene);
    CHECK(content(scene.sandbox->job_file()) == job);
  }

  TEST_CASE("sandbox files: an edited cards.csv decides what the platform knows") {
    Scene scene;
    const auto known = scene.card(0), unknown = scene.card(1);
    std::ofstream{scene.dir / "cards.csv"} << "brand_id,card_id,code,openid,state\n1004," << known.card_id
                                           << ',' << known.code << ',' << known.openid << ",INVALID\n";
    restart(scene);
    CHECK(json_text(scene.ask(scene.merchant->query(known)).body, "user_card_state") == "INVALID");
    CHECK(scene.ask(scene.merchant->query(unknown)).status == 404);
  }

  TEST_CASE("sandbox files: members of one's own are taken as they are") {
    const support::TempFolder folder;
    const auto& parent = folder.path;
    auto settings = plain_settings();
    settings.dir = parent;
    std::ofstream{parent / "members.csv"} << "reason,openid,code\n\"a, b\",oX,\"7/7\"\n";
    REQUIRE(Sandbox::start(settings).has_value());
    CHECK(content(parent / "cards.csv") ==
          "brand_id,card_id,code,openid,state,invalid_time\n1004,pbLatjvWOibDc5-TBnbUk1pD12o0,7/"
          "7,oX,EFFECTIVE,\n");
  }

  TEST_CASE("sandbox files: what cannot work is an error in words") {
    auto settings = plain_settings();
    CHECK(Sandbox::start(settings).error().code == Errc::usage);  // no folder
    Scene scene;
    settings.dir = scene.dir;
    settings.primary_port = scene.sandbox->primary_port();
    const auto taken = Sandbox::start(settings);
    REQUIRE(taken.has_error());
    CHECK(taken.error().code == Errc::unavailable);
    settings.primary_port = 0;
    settings.faults = {{Fault::reset, 2.0}};
    CHECK(Sandbox::start(settings).error().code == Errc::usage);
    settings.faults.clear();
    std::ofstream{scene.dir / "wxp_key.pem"} << "nonsense";
    CHECK(Sandbox::start(settings).error().code == Errc::bad_credentials);
  }
}
