// A results database that an older build made, in the hands of today's program.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  namespace fs = std::filesystem;

  namespace {

  const fs::path k_data = fs::path{CARDVOID_DATA} / "results";

  std::string content_of(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }

  // A job named as the old databases say, with one of them as its results.
  struct OldJob {
    explicit OldJob(const std::string& name, const std::string& members)
        : stage{sandbox::plain_settings(), {{"members.csv", members}}} {
      const auto text = stage.read("sandbox.toml");
      const auto line =
          text.substr(text.find("name = "), text.find('\n', text.find("name = ")) - text.find("name = "));
      stage.job_with(line, "name = \"v1\"", "sandbox.toml");
      fs::copy_file(k_data / (name + ".db"), stage.database());
      fs::permissions(stage.database(), fs::perms::owner_read | fs::perms::owner_write);
    }
    std::string version() const { return ask_database(stage.database(), "PRAGMA user_version").at(0).at(0); }
    Stage stage;
  };

  }  // namespace

  TEST_CASE(
      "older results: status and export and show and report answer from every older database without "
      "changing it") {
    for (const std::string name :
         {"v1-finished", "v1-killed", "v1-tripped", "v2-finished", "v2-killed", "v2-tripped", "v2-lists",
          "v3-finished", "v3-killed", "v3-tripped", "v4-finished", "v4-killed", "v4-tripped", "v5-finished",
          "v5-killed", "v5-tripped"}) {
      CAPTURE(name);
      const OldJob job{name, plain_members(1)};
      const auto before = content_of(job.stage.database());
      const auto status = job.stage.run("status", {"--json"});
      CHECK(status.exit_code == 0);
      const auto exported = job.stage.run("export");
      CHECK(exported.exit_code == 0);
      CHECK(exported.out.size() > 4'000);
      const auto reported = job.stage.run("report", {"-o", "-"});
      CHECK(reported.exit_code == 0);
      CHECK(reported.out.ends_with("</html>\n\n"));
      const auto shown = job.stage.run("show", {"--line", "2"});
      CHECK(shown.exit_code == 0);
      CHECK(shown.out.find("What happened\n") != std::string::npos);
      CHECK(content_of(job.stage.database()) == before);
      CHECK(job.version() == name.substr(1, 1));
    }
  }

  TEST_CASE("older results: a run that was killed under an older version is carried on to its end") {
    std::string name;
    SUBCASE("version 1") { name = "v1-killed"; }
    SUBCASE("version 2") { name = "v2-killed"; }
    const OldJob job{name, content_of(k_data / "killed-members.csv")};
    CHECK(job.stage.ask_results("SELECT count(*) FROM results WHERE status = 'invalidated'")[0][0] ==
          (name == "v1-killed" ? "195" : "183"));
    const auto ended = job.stage.run("run", {"--yes", "--set", "limits.requests_per_second=500"});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(job.stage.count("status = 'invalidated'") == 400);
    CHECK(job.stage.count("settled_by = 'answer' OR settled_by = 'read_back'") == 400);
    CHECK(job.version() == "6");
    CHECK(job.stage.run("status").exit_code == 0);
  }

  TEST_CASE("older results: after a breaker trip under an older version retry and plan go on") {
    std::string name;
    SUBCASE("version 1") { name = "v1-tripped"; }
    SUBCASE("version 2") { name = "v2-tripped"; }
    const OldJob job{name, plain_members(1)};
    CHECK(job.stage.run("retry", {"--status", "rejected"}).exit_code == 0);
    CHECK(job.stage.count("status = 'rejected'") == 0);
    CHECK(job.version() == "6");
    CHECK(job.stage.run("plan", {"--json"}).exit_code == 0);
  }
}
