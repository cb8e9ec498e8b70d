#include "disk.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <ostream>
#include <sstream>
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
  constexpr int k_commits = 8;

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

  int code_of(const auto& doing) {
    try {
      doing();
    } catch (const sqlite::Failure& failure) {
      return failure.primary_code();
    }
    return SQLITE_OK;
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

  TEST_CASE("disk: a power loss keeps or loses or tears what was not synced and leaves alone what was") {
    Disk disk{"simulated", 1};
    disk.become_default();
    bool kept = false, lost = false, torn = false;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      disk.reset(seed);
      Connection db{k_file, Mode::create};
      db.execute("CREATE TABLE t (a); INSERT INTO t VALUES (replace(hex(zeroblob(5000)), '0', 'x'))");
      const auto synced = disk.contents();
      ask(db, "PRAGMA journal_mode = OFF");
      db.execute("PRAGMA synchronous = OFF; UPDATE t SET a = replace(a, 'x', 'y')");
      const auto written = disk.contents();
      disk.power_loss();
      const auto left = disk.contents();
      const auto& before = synced.at(k_file);
      const auto& after = written.at(k_file);
      const auto& now = left.at(k_file);
      REQUIRE(before.size() == after.size());
      REQUIRE(now.size() == after.size());
      for (std::size_t page = 0; page < now.size(); page += 4096) {
        bool has_old = false, has_new = false;
        for (std::size_t at = page; at < page + 4096; at += 512) {
          const auto was = before.substr(at, 512), would_be = after.substr(at, 512), is = now.substr(at, 512);
          CHECK((is == was || is == would_be));
          if (was != would_be) (is == was ? has_old : has_new) = true;
        }
        kept |= has_new && !has_old;
        lost |= has_old && !has_new;
        torn |= has_old && has_new;
      }
    }
    CHECK(kept);
    CHECK(lost);
    CHECK(torn);
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

  TEST_CASE("disk: a fault at any operation is reported and leaves all earlier commits") {
    Disk disk{"simulated", 1};
    disk.become_default();
    for (const auto* journal : {"WAL", "DELETE"})
      for (const auto fault : {Fault::disk_full, Fault::write_error, Fault::sync_error})
        for (const auto lasting : {Lasting::once, Lasting::until_cleared})
          for (const auto end : {End::process, End::machine}) {
            const Settings settings{.journal = journal, .synchronous = "EXTRA"};
            const auto operations = count_operations(disk, settings);
            int reported = 0;
            for (std::uint64_t at = 0; at < operations; ++at) {
              CAPTURE(at);
              disk.reset(at);
              disk.fail_at(at, fault, lasting);
              const auto ended = work(settings);
              const int expected = fault == Fault::disk_full ? SQLITE_FULL : SQLITE_IOERR;
              // A checkpoint that fails is left to the next one: no commit depends on it.
              if (ended.code != SQLITE_OK) CHECK(ended.code == expected);
              reported += ended.code != SQLITE_OK;
              disk.clear_faults();
              end == End::process ? disk.kill() : disk.power_loss();
              const auto found = find(settings);
              CHECK(found.fault == "");
              CHECK(found.commits >= ended.commits);
              CHECK(found.commits <= ended.commits + 1);
              CHECK(work(settings, 2).code == SQLITE_OK);
              CHECK(find(settings).commits == found.commits + 2);
            }
            CHECK(reported > static_cast<int>(operations) / 4);
          }
  }

  // Linux: the pages of a failed sync count as clean, so that a later sync has nothing to do with them.
  TEST_CASE("disk: after a failed sync only what is written anew becomes durable") {
    Disk disk{"simulated", 1};
    disk.become_default();
    int lost = 0, lost_after_checkpoint = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed)
      for (const bool checkpoints : {false, true}) {
        disk.reset(seed);
        REQUIRE(work({}, 2).commits == 2);
        std::optional<Connection> dies{open({})};
        dies->execute("UPDATE tally SET n = 3");
        disk.fail_at(disk.operations(), Fault::sync_error);
        CHECK(code_of([&] { dies->execute("UPDATE tally SET n = 4"); }) == SQLITE_IOERR);
        disk.kill();
        // The next process sees in the log what that one could not sync, and adds to it.
        std::optional<Connection> next{open({})};
        if (checkpoints) ask(*next, "PRAGMA wal_checkpoint(TRUNCATE)");
        next->execute("CREATE TABLE later (a)");
        disk.power_loss();
        Connection db{k_file, Mode::create};
        const bool there = ask(db, "PRAGMA integrity_check") == "ok " &&
                           ask(db, "SELECT 1 FROM sqlite_schema WHERE name = 'later'") != "";
        (checkpoints ? lost_after_checkpoint : lost) += !there;
      }
    CHECK(lost > 0);
    CHECK(lost_after_checkpoint == 0);
  }

  TEST_CASE("disk: the connections of a process that was killed fail and change nothing") {
    Disk disk{"simulated", 1};
    disk.become_default();
    for (const auto* journal : {"WAL", "DELETE"}) {
      disk.reset(1);
      const Settings settings{.journal = journal};
      REQUIRE(work(settings).commits == k_commits);
      std::optional<Connection> idle{open(settings)}, reading{open(settings)}, writing{open(settings)};
      std::optional<Statement> half_read{std::in_place, *reading, "SELECT n FROM entry"};
      REQUIRE(half_read->step());
      writing->execute("BEGIN IMMEDIATE; UPDATE tally SET n = 0; UPDATE entry SET body = 'gone'");
      disk.kill();
      CHECK(find(settings).commits == k_commits);  // their locks are gone

      const auto before = disk.contents();
      const auto operations = disk.operations();
      CHECK(code_of([&] { ask(*idle, "SELECT n FROM tally"); }) == SQLITE_IOERR);
      CHECK(code_of([&] { idle->execute("UPDATE tally SET n = 0"); }) == SQLITE_IOERR);
      CHECK(code_of([&] { writing->execute("COMMIT"); }) == SQLITE_IOERR);
      half_read.reset();
      for (auto* connection : {&idle, &reading, &writing}) connection->reset();
      CHECK(disk.contents() == before);
      CHECK(disk.operations() == operations);
      CHECK(work(settings, 1).commits == 1);
    }
  }

  TEST_CASE("disk: connections lock each other out as on a real one") {
    Disk disk{"simulated", 1};
    disk.become_default();
    for (const auto* journal : {"WAL", "DELETE"}) {
      disk.reset(1);
      const Settings settings{.journal = journal};
      REQUIRE(work(settings, 1).commits == 1);
      auto first = open(settings), second = open(settings);
      first.execute("BEGIN IMMEDIATE; UPDATE tally SET n = 2");
      CHECK(code_of([&] { second.execute("BEGIN IMMEDIATE"); }) == SQLITE_BUSY);
      CHECK(disk.slept() >= std::chrono::milliseconds{900});  // the busy_timeout, in no time
      Statement reads{second, "SELECT n FROM entry"};
      REQUIRE(reads.step());
      CHECK(ask(second, "SELECT n FROM tally") == "1 ");
      // Without a log, who reads keeps away who commits.
      CHECK(code_of([&] { first.execute("COMMIT"); }) ==
            (settings.journal == "WAL" ? SQLITE_OK : SQLITE_BUSY));
      reads.reset();
      if (settings.journal != "WAL") first.execute("COMMIT");
      CHECK(ask(second, "SELECT n FROM tally") == "2 ");
      second.execute("BEGIN IMMEDIATE");
      CHECK(code_of([&] { first.execute("BEGIN IMMEDIATE"); }) == SQLITE_BUSY);
    }
  }

  TEST_CASE("disk: a database has the same bytes on it as on a real one") {
    const auto fill = [](const Settings& settings) {
      REQUIRE(work(settings).commits == k_commits);
      auto db = open(settings);
      db.execute(
          "BEGIN; DELETE FROM entry WHERE n % 3 = 0; SAVEPOINT a; DELETE FROM entry; ROLLBACK TO a;"
          "INSERT INTO entry SELECT n + 100, part, zeroblob(40000) FROM entry; COMMIT;"
          "CREATE TABLE sorted AS SELECT body FROM entry ORDER BY length(body) DESC, body;"  // spills
          "BEGIN; DROP TABLE sorted; ROLLBACK; DELETE FROM sorted; VACUUM");
    };
    constexpr std::array journals{"WAL", "DELETE", "TRUNCATE", "PERSIST"};
    std::string folder = (std::filesystem::temp_directory_path() / "cardvoid-disk-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()));
    std::map<std::string, std::string> real;
    for (const auto* journal : journals) {
      const auto file = std::filesystem::path{folder} / journal;
      fill({.journal = journal, .synchronous = "OFF", .file = file});
      std::stringstream bytes;
      bytes << std::ifstream{file, std::ios::binary}.rdbuf();
      real[journal] = bytes.str();
    }
    std::filesystem::remove_all(folder);

    Disk disk{"simulated", 1};
    disk.become_default();
    for (const auto* journal : journals) {
      disk.reset(1);
      fill({.journal = journal, .synchronous = "OFF"});
      CHECK(real[journal].size() > 10'000);
      CHECK((real[journal] == disk.contents().at(k_file)));
    }
  }

  TEST_CASE("disk: the same seed does the same and another seed does not") {
    Disk disk{"simulated", 1};
    disk.become_default();
    const auto run = [&](std::uint64_t seed) {
      disk.reset(seed);
      std::string trace;
      disk.before = [&](const Operation& one) {
        trace += std::to_string(one.kind) + " " + std::to_string(one.offset) + " ";
      };
      disk.fail_at(30, Fault::disk_full);
      work({});
      disk.crash_at(disk.operations() + 30);
      work({});
      disk.before = nullptr;
      disk.power_loss();
      return std::pair{trace, disk.contents()};
    };
    const auto first = run(1);
    CHECK((run(1) == first));
    CHECK((run(2) != first));
  }

  TEST_CASE("disk: as SQLite's default it carries a ledger through a power loss") {
    Disk disk{"simulated", 1};
    disk.become_default();
    // The ledger asks the real file system for its file and folder; this name is there, and is never opened.
    const std::string file = "/dev/null";
    {
      auto ledger = ledger::Ledger::open(file, "autumn", ledger::Access::create);
      REQUIRE(ledger.has_value());
      REQUIRE(ledger->begin_import(WallTime{}).has_value());
      REQUIRE(ledger->add({{"1004", "pT", "code", "oA", ""}, 2}).has_value());
      REQUIRE(ledger->finish_import("a list", WallTime{}).has_value());
      REQUIRE(ledger->begin().has_value());
      disk.power_loss();
    }
    auto ledger = ledger::Ledger::open(file, "autumn", ledger::Access::read_write);
    REQUIRE(ledger.has_value());
    const auto totals = ledger->totals();
    REQUIRE(totals.has_value());
    CHECK(totals->pending == 1);
    CHECK(disk.contents().contains(file + "-wal"));
  }

  TEST_CASE("disk: a connection gets the real file system back once the disk is gone") {
    const auto* real = sqlite3_vfs_find(nullptr);
    {
      Disk disk{"simulated", 1};
      CHECK(sqlite3_vfs_find(nullptr) == real);
      disk.become_default();
      CHECK(sqlite3_vfs_find(nullptr) == sqlite3_vfs_find("simulated"));
    }
    CHECK(sqlite3_vfs_find(nullptr) == real);
    CHECK(sqlite3_vfs_find("simulated") == nullptr);
  }
}
