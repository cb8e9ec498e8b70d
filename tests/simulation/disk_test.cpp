#include "disk.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <filesystem>
#include <ostream>
#include <string>

TEST_SUITE("simulation") {
  using namespace cardvoid;
  using namespace cardvoid::simulation;
  using sqlite::Connection;
  using sqlite::Mode;
  using sqlite::Statement;

  namespace {

  // In a folder that does not exist, so that a Connection cannot make the file elsewhere than on the Disk.
  const std::string k_file = "/nowhere/cardvoid/a.db";
  constexpr int k_commits = 12;

  struct Settings {
    std::string journal = "WAL", synchronous = "FULL";
    std::string file = k_file;
  };

  std::string ask(Connection& db, std::string_view sql) {
    Statement statement{db, sql};
    std::string answer;
    while (statement.step()) answer.append(statement.text(0)).append(" ");
    return answer;
  }

  Connection open(const Settings& settings) {
    Connection db{settings.file, Mode::create};
    // A small cache and frequent checkpoints: everything that writes takes part.
    db.execute("PRAGMA cache_size = 4; PRAGMA wal_autocheckpoint = 12; PRAGMA busy_timeout = 1000");
    ask(db, "PRAGMA journal_mode = " + settings.journal);
    db.execute("PRAGMA synchronous = " + settings.synchronous);
    return db;
  }

  // How a piece of work on the database ended.
  struct Ended {
    int commits = 0;  // that returned
    int code = SQLITE_OK;
    bool at_commit = false;
  };

  // Commit n leaves n as the tally and as many entries as n times three, spread over pages of their own.
  Ended work(const Settings& settings, int commits = k_commits) {
    Ended ended;
    try {
      auto db = open(settings);
      {
        sqlite::Transaction transaction{db};
        db.execute(
            "CREATE TABLE IF NOT EXISTS tally (n INTEGER);"
            "CREATE TABLE IF NOT EXISTS entry (n INTEGER, part INTEGER, body BLOB, UNIQUE (part, n))");
        if (ask(db, "SELECT 1 FROM tally").empty()) db.execute("INSERT INTO tally VALUES (0)");
        transaction.commit();
      }
      for (; ended.commits < commits; ++ended.commits) {
        ended.at_commit = false;
        sqlite::Transaction transaction{db};
        db.execute("UPDATE tally SET n = n + 1");
        for (const int part : {1, 2, 3})
          Statement{db, "INSERT INTO entry SELECT n, ?1, zeroblob(1500 + n) FROM tally"}.bind(part).run();
        ended.at_commit = true;
        transaction.commit();
      }
    } catch (const sqlite::Failure& failure) {
      ended.code = failure.primary_code();
    }
    return ended;
  }

  // Opens what a crash has left. The number of commits there, or why that cannot be said.
  struct Found {
    int commits = 0;
    std::string fault;
  };

  Found find(const Settings& settings) {
    Found found;
    try {
      Connection db{settings.file, Mode::create};
      if (const auto answer = ask(db, "PRAGMA integrity_check"); answer != "ok ") return {0, answer};
      if (ask(db, "SELECT 1 FROM sqlite_schema WHERE name = 'tally'").empty()) return {};
      Statement tally{db, "SELECT n FROM tally"};
      if (!tally.step()) return {0, "half a creation"};
      found.commits = static_cast<int>(tally.int64(0));
      Statement entries{db, "SELECT count(*), sum(length(body) <> 1500 + n), max(n) FROM entry"};
      entries.step();
      if (entries.int64(0) != 3 * found.commits || entries.int64(1) != 0 || entries.int64(2) != found.commits)
        found.fault = "half a commit";
    } catch (const sqlite::Failure& failure) {
      found.fault = failure.what();
    }
    return found;
  }

  // The operations that the work takes on an empty disk.
  std::uint64_t count_operations(Disk& disk, const Settings& settings) {
    disk.reset(0);
    REQUIRE(work(settings).commits == k_commits);
    return disk.operations();
  }

  enum class End { process, machine };

  // Crashes the work at every single operation, with several seeds. What was lost or broken, over all.
  struct Losses {
    int lost = 0, damaged = 0;
    std::string first;
  };

  Losses crash_everywhere(Disk& disk, const Settings& settings, End end, std::uint64_t seeds) {
    const auto operations = count_operations(disk, settings);
    CHECK(operations > 100);
    Losses losses;
    const auto look = [&](int promised, const std::string& where) {
      const auto found = find(settings);
      if (!found.fault.empty())
        ++losses.damaged;
      else if (found.commits < promised)
        ++losses.lost;
      else
        return found.commits;
      if (losses.first.empty()) losses.first = where + ": " + found.fault;
      return -1;
    };
    for (std::uint64_t at = 0; at < operations; ++at)
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto where = "operation " + std::to_string(at) + " seed " + std::to_string(seed);
        const auto crash = [&] { end == End::machine ? disk.power_loss() : disk.kill(); };
        disk.reset(seed);
        disk.crash_at(at);
        const auto first = work(settings);
        CHECK(disk.crashed());
        crash();
        auto there = look(first.commits, where);
        // And again while it recovers, and again while it goes on.
        disk.crash_at(disk.operations() + seed % 3);
        find(settings);
        crash();
        if (there >= 0) there = look(there, where + " in recovery");
        disk.crash_at(disk.operations() + at % 17);
        if (there >= 0) there += work(settings).commits;
        crash();
        if (there >= 0) look(there, where + " again");
      }
    return losses;
  }

  }  // namespace

  TEST_CASE("disk: a WAL commit that returned at synchronous FULL outlives power losses at any operation") {
    Disk disk{"simulated", 1};
    disk.become_default();
    const auto losses = crash_everywhere(disk, {}, End::machine, 8);
    CHECK(losses.first == "");
  }

  TEST_CASE("disk: at synchronous OFF a power loss loses commits and damages the database") {
    Disk disk{"simulated", 1};
    disk.become_default();
    const auto losses = crash_everywhere(disk, {.journal = "WAL", .synchronous = "OFF"}, End::machine, 4);
    CHECK(losses.lost > 0);
    CHECK(losses.damaged > 0);
  }

  // sqlite.org/pragma.html#pragma_synchronous: NORMAL in WAL mode and FULL with a rollback journal are
  // consistent but may lose the last commits; EXTRA loses none.
  TEST_CASE("disk: modes that promise less than FULL does in WAL lose commits and damage nothing") {
    Disk disk{"simulated", 1};
    disk.become_default();
    const auto normal = crash_everywhere(disk, {.journal = "WAL", .synchronous = "NORMAL"}, End::machine, 4);
    CHECK(normal.lost > 0);
    CHECK(normal.damaged == 0);
    const auto full = crash_everywhere(disk, {.journal = "DELETE", .synchronous = "FULL"}, End::machine, 4);
    CHECK(full.lost > 0);
    CHECK(full.damaged == 0);
    const auto extra = crash_everywhere(disk, {.journal = "DELETE", .synchronous = "EXTRA"}, End::machine, 4);
    CHECK(extra.first == "");
  }

  TEST_CASE("disk: killing the process loses nothing that was written") {
    Disk disk{"simulated", 1};
    disk.become_default();
    for (const auto* journal : {"WAL", "DELETE"})
      for (const auto* synchronous : {"FULL", "OFF"})
        CHECK(crash_everywhere(disk, {journal, synchronous}, End::process, 2).first == "");
  }
}
