#pragma once
// What another program may do to a results database.

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>

namespace cardvoid::support {

// A connection of SQLite itself, without our hardening.
inline void tamper(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", nullptr, nullptr, nullptr);
  char* why = nullptr;
  const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &why);
  INFO(sql, ": ", why ? why : "");
  REQUIRE(code == SQLITE_OK);
  sqlite3_free(why);
  sqlite3_close(db);
}

}  // namespace cardvoid::support
