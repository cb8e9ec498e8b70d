// A results database that is not this job's, or is damaged, is refused and keeps every byte.

#include <doctest/doctest.h>

#include <cardvoid/model/own_files.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <fstream>
#include <iterator>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  namespace fs = std::filesystem;

  namespace {

  const std::vector<std::vector<std::string>> k_commands{
      {"plan"}, {"run", "--yes"}, {"status"}, {"export"}, {"retry", "--status", "rejected"}, {"reconcile"}};

  std::string content_of(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  std::string all_bytes(const fs::path& database) {
    return content_of(database) + '|' + content_of(database.string() + "-wal") + '|' +
           content_of(database.string() + "-journal");
  }

  void execute(const fs::path& file, const std::string& sql) {
    sqlite::Connection{file, sqlite::Mode::create}.execute(sql);
  }

  // Every command says so in its words, and leaves it as it is.
  void check_refused(const Stage& stage, const fs::path& database, const std::string& why) {
    const auto before = all_bytes(database);
    REQUIRE(before.size() > 2);
    for (const auto& command : k_commands) {
      std::vector<std::string> flags{command.begin() + 1, command.end()};
      flags.insert(flags.end(), {"--results", database.string()});
      const auto ended = stage.run(command[0], flags);
      CAPTURE(command[0]);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 73);
      CHECK(ended.out.empty());
      CHECK(ended.err.find(database.string() + ": ") != std::string::npos);
      CHECK(ended.err.find(why) != std::string::npos);
      CHECK(ended.err.find("it is left as it is; ") != std::string::npos);
      CHECK(ended.err.find("name another file in results.database or with --results") != std::string::npos);
      CHECK(all_bytes(database) == before);
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  // Nor is anything made beside it: the name of a lock file can mean something to its owner.
  void check_alone(const fs::path& database) {
    CHECK_FALSE(fs::exists(database.string() + model::k_lock_suffix));
  }

  // A results database of this job with so many rows planned and its log folded in.
  fs::path planned(const Stage& stage) {
    REQUIRE(stage.run("plan").exit_code == 0);
    return stage.database();
  }

  }  // namespace

  TEST_CASE("foreign: a text file and a file of zeros are left alone") {
    const auto stage = stage_of(3);
    stage.write("notes.db", std::string(3'000, 'n') + "\n");
    check_refused(stage, stage.dir / "notes.db", "file is not a database");
    stage.write("zeros.db", std::string(8'192, '\0'));
    check_refused(stage, stage.dir / "zeros.db", "file is not a database");
    for (const auto* name : {"notes.db", "zeros.db"}) check_alone(stage.dir / name);
  }

  TEST_CASE("foreign: the database of another program is left alone with its log and its journal") {
    const auto stage = stage_of(3);
    const auto theirs = stage.dir / "theirs.db";
    execute(theirs,
            "PRAGMA application_id = 252006673; CREATE TABLE people (name); INSERT INTO people VALUES (1)");
    check_refused(stage, theirs, "is not a cardvoid results database");
    check_alone(theirs);

    // In use: a change of its owner is in the log only, and no one else checkpoints it.
    sqlite::Connection owner{stage.dir / "in_use.db", sqlite::Mode::create};
    owner.execute(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE people (name); INSERT INTO "
        "people "
        "VALUES (1)");
    check_refused(stage, stage.dir / "in_use.db", "is not a cardvoid results database");
    // Its owner died.
    for (const auto* suffix : {"", "-wal"})
      fs::copy_file(stage.dir / ("in_use.db" + std::string{suffix}),
                    stage.dir / ("dead.db" + std::string{suffix}));
    check_refused(stage, stage.dir / "dead.db", "is not a cardvoid results database");
  }

  TEST_CASE("foreign: another job's results and those of a newer cardvoid are left alone") {
    const auto stage = stage_of(3);
    const auto database = planned(stage);
    fs::copy_file(database, stage.dir / "newer.db");
    execute(stage.dir / "newer.db", "PRAGMA user_version = 99");
    check_refused(stage, stage.dir / "newer.db",
                  "was made by a newer cardvoid (schema version 99; this one knows 6)");
    execute(database, "UPDATE meta SET value = 'another' WHERE key = 'job'");
    check_refused(stage, database, "belongs to the job \"another\", not to \"sandbox\"");
  }

  TEST_CASE("damaged: results with garbage in the middle or without their end are left as they are") {
    const auto stage = stage_of(400);
    const auto database = planned(stage);
    const auto size = fs::file_size(database);
    REQUIRE(size > 20 * 4096);
    fs::copy_file(database, stage.dir / "half.db");
    fs::resize_file(stage.dir / "half.db", size / 2);
    check_refused(stage, stage.dir / "half.db", "database disk image is malformed");

    std::string garbage;
    for (std::size_t i = 0; i < size - 2 * 4096; ++i) garbage += static_cast<char>(i * 7919 % 251);
    std::fstream{database, std::ios::binary | std::ios::in | std::ios::out}.seekp(2 * 4096).write(
        garbage.data(), static_cast<std::streamsize>(garbage.size()));
    check_refused(stage, database, "restore a copy");
  }

  TEST_CASE("damaged: one bad page is enough for every command that would write or export") {
    const auto stage = stage_of(400);
    const auto database = planned(stage);
    const auto page = std::stoll(stage.ask_results(
        "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'row'")[0][0]);
    std::fstream{database, std::ios::binary | std::ios::in | std::ios::out}
        .seekp((page - 1) * 4096 + 5)
        .write("\x7F\x7F\x7F", 3);
    const auto before = all_bytes(database);
    for (const auto& command : k_commands) {
      if (command[0] == "status") continue;  // need not come across it
      const auto ended = stage.run(command[0], {command.begin() + 1, command.end()});
      CAPTURE(command[0]);
      CHECK(ended.exit_code == 73);
      CHECK(ended.err.find("is damaged (") != std::string::npos);
      CHECK(all_bytes(database) == before);
    }
    CHECK(stage.run("check").out.find("FAIL  results") != std::string::npos);
  }
}
