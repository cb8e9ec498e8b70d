#pragma once
// A piece of work for SQLite whose every commit can be told afterwards, and verbs that look at what is left
// of it.

#include <doctest/doctest.h>

#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "disk.hpp"

namespace cardvoid::simulation::test {

using sqlite::Connection;
using sqlite::Mode;
using sqlite::Statement;

// In a folder that does not exist, so that a Connection cannot make the file elsewhere than on the Disk.
inline const std::string k_file = "/nowhere/cardvoid/a.db";
constexpr int k_commits = 8;

struct DefaultDisk : Disk {
  DefaultDisk() : Disk{"simulated", 1} { become_default(); }
};

struct Settings {
  std::string journal = "WAL", synchronous = "FULL";
  std::string file = k_file;
};

inline std::string ask(Connection& db, std::string_view sql) {
  Statement statement{db, sql};
  std::string answer;
  while (statement.step()) answer.append(statement.text(0)).append(" ");
  return answer;
}

inline Connection open(const Settings& settings) {
  Connection db{settings.file, Mode::create};
  // A small cache, frequent checkpoints and a log cut short after them: everything that writes takes part.
  db.execute(
      "PRAGMA cache_size = 4; PRAGMA wal_autocheckpoint = 12; PRAGMA journal_size_limit = 16384;"
      "PRAGMA busy_timeout = 1000");
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

inline sqlite3_file* main_file(Connection& db) {
  sqlite3_file* file = nullptr;
  REQUIRE(sqlite3_file_control(db.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK);
  return file;
}

// How a piece of work on the database ended.
struct Ended {
  int commits = 0;  // that returned
  int code = SQLITE_OK;
};

// Commit n leaves n as the tally and as many entries as n times three, spread over pages of their own.
inline Ended work(const Settings& settings, int commits = k_commits) {
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
      sqlite::Transaction transaction{db};
      db.execute("UPDATE tally SET n = n + 1");
      for (const int part : {1, 2, 3})
        Statement{db, "INSERT INTO entry SELECT n, ?1, zeroblob(1500 + n) FROM tally"}.bind(part).run();
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

inline Found find(const Settings& settings) {
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
inline std::uint64_t count_operations(Disk& disk, const Settings& settings) {
  disk.reset(0);
  REQUIRE(work(settings).commits == k_commits);
  return disk.operations();
}

}  // namespace cardvoid::simulation::test
