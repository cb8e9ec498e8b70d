#pragma once
// Schema: which version of schema/results.sql a database has, whether it is whole, and how an older one
// becomes today's. The version rises with every change of that file.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

// As schema/results.sql sets them; a database that it makes is refused when they part.
constexpr std::int64_t k_application_id = 0x43564F44, k_schema_version = 6;

// From one version to the next.
struct Migration {
  std::string_view sql;
  // Columns as "table.column", so that a database of the older version can be told from an incomplete one or
  // one that was tampered with. Those dropped with how they were made: "table.column INTEGER NOT NULL".
  std::vector<std::string> dropped, added;
};
// The first one leads from version 1 to 2. The last one leads to k_schema_version.
const std::vector<Migration>& migrations();

// 73: it is left as it is, and another file is to be named.
Error not_ours(const std::filesystem::path& file, const std::string& why);
// Refuses what its first bytes show to be no results database, before anything is made beside it. What they
// do not show, since a log or a journal may hold more, is found when it is opened.
Result<void> check_header(const std::filesystem::path& database);

// The columns of every table of ours, sorted, as "table.column".
std::vector<std::string> columns_of(const sqlite::Connection& db);
// Those that this version has, 1 to k_schema_version.
std::vector<std::string> columns_of_version(std::int64_t version);

sqlite::Connection todays_schema();  // an empty database in memory

void create_tables(sqlite::Connection& db, const Owner& owner);
// The shard that it was made for; nullopt: the whole job. Throws sqlite::Failure: what is no shard.
std::optional<model::Shard> shard_in(const sqlite::Connection& db);
// A merged database that a command writes to is no longer what `merge` has made, and may not be replaced by
// it.
void note_carried_on(sqlite::Connection& db);
// In one transaction: after a crash the database is of the old version or of today's.
void migrate(sqlite::Connection& db, std::int64_t from_version);
// For a reader of an older database, which stays as it is: temporary views with the names and columns of
// today's tables and views, so that every query finds what it names. Added columns have their defaults.
void show_as_todays(sqlite::Connection& db);

}  // namespace cardvoid::ledger
