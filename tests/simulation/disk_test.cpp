#include "disk.hpp"

#include <array>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/records.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "support/temp_folder.hpp"
#include "workload.hpp"

TEST_SUITE("simulation") {
  using namespace cardvoid;
  using namespace cardvoid::simulation;
  using namespace cardvoid::simulation::test;

  TEST_CASE("disk: a power loss keeps or loses or tears what was not synced and leaves alone what was") {
    DefaultDisk disk;
    bool kept = false, lost = false, torn = false;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      disk.reset(seed);
      Connection db{k_file, Mode::create};
      ask(db, "PRAGMA journal_mode = OFF");  // nothing else syncs, or brings anything back
      db.execute("CREATE TABLE t (a); INSERT INTO t VALUES (replace(hex(zeroblob(5000)), '0', 'x'))");
      const auto synced = disk.contents();
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

  // Linux: the pages of a failed sync count as clean, so that a later sync has nothing to do with them.
  TEST_CASE("disk: after a failed sync only what is written again becomes durable") {
    DefaultDisk disk;
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

  TEST_CASE("disk: a crash cuts an operation short and nothing is done after it") {
    DefaultDisk disk;
    int parts = 0;
    for (std::uint64_t at = 0; at < 60; ++at) {
      disk.reset(at);
      std::map<std::string, std::string> before;
      Operation last{};
      disk.before = [&](const Operation& one) { before = disk.contents(), last = one; };
      disk.crash_at(at);
      const auto ended = work({});
      disk.before = nullptr;
      CHECK(ended.commits < k_commits);
      CHECK(disk.operations() == at);
      CHECK(last.number == at);
      CHECK(code_of([] {
              find({});
              Connection{k_file, Mode::create};
            }) == SQLITE_IOERR);
      parts += disk.contents() != before;
      if (last.kind != Operation::write) CHECK((disk.contents() == before));
      disk.kill();
      CHECK_FALSE(disk.crashed());
    }
    CHECK(parts > 0);

    disk.reset(1);
    auto db = open({});
    disk.crash_at(disk.operations());
    CHECK(code_of([&] { db.execute("CREATE TABLE t (a)"); }) == SQLITE_IOERR);
    CHECK(code_of([&] { ask(db, "SELECT 1 FROM sqlite_schema"); }) == SQLITE_IOERR);
  }

  TEST_CASE("disk: the connections of a process that was killed fail and change nothing") {
    DefaultDisk disk;
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
    DefaultDisk disk;
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
      int reserved = 0;
      CHECK(main_file(second)->pMethods->xCheckReservedLock(main_file(second), &reserved) == SQLITE_OK);
      CHECK(reserved == (settings.journal != "WAL"));
      CHECK(ask(second, "SELECT n FROM tally") == "1 ");
      // Without a log, who reads keeps away who commits.
      CHECK(code_of([&] { first.execute("COMMIT"); }) ==
            (settings.journal == "WAL" ? SQLITE_OK : SQLITE_BUSY));
      if (settings.journal == "WAL")  // and who reads from the log keeps it from being emptied
        CHECK(ask(first, "PRAGMA wal_checkpoint(TRUNCATE)") == "1 ");
      reads.reset();
      if (settings.journal == "WAL")
        CHECK(ask(first, "PRAGMA wal_checkpoint(TRUNCATE)") == "0 ");
      else
        first.execute("COMMIT");
      CHECK(ask(second, "SELECT n FROM tally") == "2 ");
      second.execute("BEGIN IMMEDIATE");
      CHECK(code_of([&] { first.execute("BEGIN IMMEDIATE"); }) == SQLITE_BUSY);
    }
  }

  TEST_CASE("disk: what is not there is not found and reads as zeros") {
    DefaultDisk disk;
    CHECK(code_of([] { Connection{k_file, Mode::read_write}; }) == SQLITE_CANTOPEN);
    Connection db{k_file, Mode::create};
    auto* vfs = sqlite3_vfs_find(nullptr);
    int found = 1;
    CHECK(vfs->xAccess(vfs, k_file.c_str(), SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK);
    CHECK(found == 0);  // SQLite's unix VFS takes an empty file for none
    db.execute("CREATE TABLE t (a)");
    CHECK(vfs->xAccess(vfs, k_file.c_str(), SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK);
    CHECK(found == 1);
    CHECK(vfs->xDelete(vfs, "/nowhere/else", 0) == SQLITE_IOERR_DELETE_NOENT);
    auto* file = main_file(db);
    sqlite3_int64 size = 0;
    REQUIRE(file->pMethods->xFileSize(file, &size) == SQLITE_OK);
    for (const sqlite3_int64 offset : {size - 1, size, size + 100}) {
      std::string bytes = "abcd";
      CHECK(file->pMethods->xRead(file, bytes.data(), 4, offset) == SQLITE_IOERR_SHORT_READ);
      CHECK(bytes.substr(1) == std::string(3, '\0'));
    }
  }

  TEST_CASE("disk: after a reset it is as new") {
    DefaultDisk disk;
    disk.fail_at(0, Fault::disk_full, Lasting::until_cleared);
    disk.crash_at(50);
    work({});
    disk.reset(1);
    CHECK(disk.contents().empty());
    CHECK(disk.operations() == 0);
    CHECK(work({}).commits == k_commits);
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
    const support::TempFolder folder;
    std::map<std::string, std::string> real;
    for (const auto* journal : journals) {
      const auto file = folder.path / journal;
      fill({.journal = journal, .synchronous = "OFF", .file = file});
      std::stringstream bytes;
      bytes << std::ifstream{file, std::ios::binary}.rdbuf();
      real[journal] = bytes.str();
    }

    DefaultDisk disk;
    for (const auto* journal : journals) {
      disk.reset(1);
      fill({.journal = journal, .synchronous = "OFF"});
      CHECK(real[journal].size() > 10'000);
      CHECK((real[journal] == disk.contents().at(k_file)));
    }
  }

  TEST_CASE("disk: the same seed does the same and another seed does not") {
    DefaultDisk disk;
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
    DefaultDisk disk;
    // The ledger asks the real file system for its file and folder; this name is there, and is never opened.
    // A device would not do: the ledger makes its file private.
    const support::TempFolder folder;
    const auto file = folder.write("autumn.db", "").string();
    {
      auto ledger = ledger::Ledger::open(file, "autumn", ledger::Access::create);
      REQUIRE(ledger.has_value());
      auto under_way = *ledger::Import::begin(*ledger, WallTime{}, {});
      REQUIRE(under_way.add({{"1004", "pT", "code", "oA", ""}, 2}).has_value());
      REQUIRE(under_way.finish("a list", WallTime{}).has_value());
      REQUIRE(ledger::begin_changes(*ledger).has_value());
      disk.power_loss();
    }
    auto ledger = ledger::Ledger::open(file, "autumn", ledger::Access::read_write);
    REQUIRE(ledger.has_value());
    const auto totals = ledger::totals(*ledger);
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
