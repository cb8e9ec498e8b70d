#pragma once
// A customer database, asked with a query of ours.

#include <doctest/doctest.h>

#include <cardvoid/sqlite/connection.hpp>
#include <filesystem>
#include <ostream>
#include <string>

#include "reading.hpp"

namespace cardvoid::input {

inline constexpr const char* k_all = "SELECT code, openid FROM members ORDER BY code";

inline model::Input query(const std::filesystem::path& file, std::string sql) {
  model::Input input;
  input.sqlite = file;
  input.query = std::move(sql);
  return input;
}

// crm.db with the codes 0001 to 0003.
inline std::filesystem::path members(const TempFolder& folder) {
  auto file = folder.path / "crm.db";
  sqlite::Connection{file, sqlite::Mode::create}.execute(R"(
  CREATE TABLE members (code, openid, card_id, closed);
  INSERT INTO members VALUES ('0001', 'o1', NULL, 1), ('0002', 'o2', 'p2', 1), ('0003', 'o3', 'p3', 0);)");
  return file;
}

// The same in write-ahead-log mode, closed by its program.
inline std::filesystem::path closed(const TempFolder& folder) {
  const auto file = members(folder);
  sqlite::Connection{file, sqlite::Mode::read_write}.execute("PRAGMA journal_mode = WAL");
  return file;
}

// What is wrong with it, found by opening it or by reading to the end.
inline std::string error_of(const model::Input& what, Errc code, const Patience& patience = {}) {
  const auto source = open(what, patience);
  if (!source) {
    CHECK(source.error().code == code);
    return source.error().what;
  }
  for (;;) {
    const auto record = (*source)->next();
    if (record && *record) continue;
    REQUIRE(record.has_error());
    CHECK(record.error().code == code);
    return record.error().what;
  }
}

}  // namespace cardvoid::input
