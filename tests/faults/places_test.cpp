// Where a results database lies and how many names it has: no place and no name lets a second run in, and
// none takes results away.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cardvoid/sqlite/connection.hpp>
#include <ostream>

#include "faults/small_disk.hpp"
#include "support/stage.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  namespace fs = std::filesystem;

  namespace {

  constexpr const char* k_skipped = "skipped: mounting is not permitted here";

  bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

  // A run that goes on for some seconds, and has sent something.
  std::unique_ptr<Program> long_run(const Stage& stage) {
    auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=10"});
    stage.wait_until("status = 'invalidated'", 1);
    return program;
  }

  void check_turned_away(const Stage& stage, const fs::path& name, const Program& first) {
    const auto second = stage.run("run", {"--yes", "--results", name.string()});
    INFO(second.err);
    CHECK(second.exit_code == 75);
    CHECK(says(second.err, fmt::format("pid {}", first.pid())));
  }

  void check_first_ends_well(const Stage& stage, Program& first) {
    CHECK(first.wait().exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.ask_results("SELECT count(*) FROM attempts WHERE kind = 'invalidate'")[0][0] ==
          std::to_string(stage.count("1")));
  }

  }  // namespace

  TEST_CASE("a lock file that is deleted in mid-run lets no second run in") {
    const auto stage = stage_of(30);
    const auto first = long_run(stage);
    fs::remove(stage.database().string() + ".lock");
    for (const auto* command : {"run", "plan", "retry"})
      CHECK(stage
                .run(command, command == std::string{"run"} ? std::vector<std::string>{"--yes"}
                              : command == std::string{"retry"}
                                  ? std::vector<std::string>{"--status", "rejected"}
                                  : std::vector<std::string>{})
                .exit_code == 75);
    check_turned_away(stage, stage.database(), *first);
    CHECK(says(stage.run("status").out, fmt::format("pid {}", first->pid())));
    check_first_ends_well(stage, *first);
  }

  TEST_CASE("a second name for the results database lets no second run in and is refused afterwards") {
    const auto stage = stage_of(30);
    fs::create_directory(stage.dir / "elsewhere");
    const auto first = long_run(stage);
    const auto hard = stage.dir / "elsewhere" / "hard.db", soft = stage.dir / "soft.db";
    fs::create_hard_link(stage.database(), hard);
    fs::create_symlink("elsewhere/../sandbox.db", soft);
    for (const auto& name : {hard, soft, stage.dir / "elsewhere" / ".." / "sandbox.db"})
      check_turned_away(stage, name, *first);
    CHECK(first->wait().exit_code == 0);
    for (const auto& name : {hard, stage.database()})
      for (const auto* command : {"plan", "status", "export"}) {
        const auto refused = stage.run(command, {"--results", name.string()});
        CHECK(refused.exit_code == 73);
        CHECK(says(refused.err, "2 names (hard links)"));
      }
    CHECK(says(stage.run("check").out, "2 names (hard links)"));
    fs::remove(hard);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    stage.check_against_truth();
  }

  TEST_CASE("a folder that is mounted at a second place shares its lock") {
    if (!may_mount()) {
      MESSAGE(k_skipped);
      return;
    }
    const TempFolder folder;
    const auto stage = stage_of(30);
    const auto place = SecondPlace::mount(stage.dir, folder.path);
    REQUIRE(place);
    const auto first = long_run(stage);
    check_turned_away(stage, folder.path / "sandbox.db", *first);
    check_first_ends_well(stage, *first);
  }

  TEST_CASE("a results database that is mounted as a single file is refused") {
    if (!may_mount()) {
      MESSAGE(k_skipped);
      return;
    }
    const TempFolder folder;
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    folder.write("here.db", "");
    const auto place = SecondPlace::mount(stage.database(), folder.path / "here.db");
    REQUIRE(place);
    for (const auto* command : {"plan", "run", "status", "export"}) {
      std::vector<std::string> flags{"--results", (folder.path / "here.db").string()};
      if (command == std::string{"run"}) flags.emplace_back("--yes");
      const auto ended = stage.run(command, flags);
      CHECK(ended.exit_code == 73);
      CHECK(says(ended.err, "mounted here as a single file"));
      CHECK(says(ended.err, "mount its folder instead"));
    }
    CHECK(says(stage.run("check", {"--results", (folder.path / "here.db").string()}).out, "FAIL  results"));
    CHECK(stage.count("status = 'pending'") == 3);
  }

  TEST_CASE("finished results on a read-only place are shown and exported") {
    if (!may_mount()) {
      MESSAGE(k_skipped);
      return;
    }
    const TempFolder folder;
    const auto stage = stage_of(3);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto place = SecondPlace::mount(stage.dir, folder.path, SecondPlace::read_only);
    REQUIRE(place);
    const auto job = (folder.path / "sandbox.toml").string();
    const auto status = run({"status", job});
    CHECK(status.exit_code == 0);
    CHECK(says(status.out, "invalidated              3"));
    const auto exported = run({"export", job});
    CHECK(exported.exit_code == 0);
    CHECK(says(run({"show", job, "--line", "2"}).out, ": this job invalidated it.\n"));
    CHECK(stage.run("status").exit_code == 0);  // leaves an empty log there
    CHECK(run({"status", job}).exit_code == 0);
    CHECK(std::count(exported.out.begin(), exported.out.end(), '\n') == 4);
    CHECK(run({"run", job, "--yes"}).exit_code == 73);
    CHECK(says(run({"check", job}).out, "FAIL  results"));
  }

  TEST_CASE("results whose log cannot be read on a read-only place name the way out") {
    if (!may_mount()) {
      MESSAGE(k_skipped);
      return;
    }
    const TempFolder folder, copy;
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    {
      sqlite::Connection reader{stage.database(), sqlite::Mode::read_write};
      reader.execute("BEGIN; SELECT count(*) FROM results");
      CHECK(stage.run("run", {"--yes"}).exit_code == 0);
      for (const auto* name : {"sandbox.db", "sandbox.db-wal"})
        fs::copy_file(stage.dir / name, copy.path / name);
    }
    const auto place = SecondPlace::mount(copy.path, folder.path, SecondPlace::read_only);
    REQUIRE(place);
    const auto ended = stage.run("status", {"--results", (folder.path / "sandbox.db").string()});
    CHECK(ended.exit_code == 73);
    CHECK(says(ended.err, "copy both files to another folder"));
    const auto there = stage.run("status", {"--results", (copy.path / "sandbox.db").string()});
    CHECK(says(there.out, "invalidated              3"));
  }

  TEST_CASE("a reader that keeps the log from being folded in is named until it is folded in") {
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    {
      sqlite::Connection reader{stage.database(), sqlite::Mode::read_write};
      reader.execute("BEGIN; SELECT count(*) FROM results");
      const auto ended = stage.run("run", {"--yes", "--json"});
      CHECK(ended.exit_code == 0);
      CHECK(says(ended.err, "another program reads the results"));
      CHECK(says(ended.err, ".backup"));
      CHECK_FALSE(says(ended.out, "\"log_bytes\":0,"));
      CHECK(says(stage.run("status").out, ".backup"));
      CHECK(says(stage.run("plan").err, ".backup"));
      CHECK_FALSE(says(stage.run("status", {"--json"}).out, "\"log_bytes\":0,"));
      reader.keep_log_on_close();
      reader.execute("COMMIT");
    }
    CHECK(says(stage.run("status").out, ".backup"));
    const auto next = stage.run("plan");
    CHECK(next.err.empty());
    CHECK(says(stage.run("status", {"--json"}).out, "\"log_bytes\":0,"));
    std::error_code none;
    const auto left = fs::file_size(stage.database().string() + "-wal", none);
    CHECK((none || left == 0));
  }
}
