#pragma once
// Shape: whether a database has the tables, views and indices that its version makes, and nothing else. A
// trigger or a view that somebody has put there would decide what is sent, and a column that compares
// otherwise which card is which.

#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace cardvoid::ledger {

// The first thing that is not as this version of ours makes it, in words that are safe for a terminal.
// Comments, white space and the order of columns do not count; nor do the statistics of ANALYZE. Views of an
// older version are compared by their names only: no query reads them.
std::optional<std::string> find_foreign(const sqlite::Connection& db, std::int64_t version);

// The first number in the short tables that no version of ours writes: before 1970, behind the year 9999.
// What stands in the long ones is judged where it is read (state.hpp).
std::optional<std::string> find_absurd(const sqlite::Connection& db);
// A row whose number would be one of more than a job can have: an import keeps a bit for each number.
std::optional<std::string> find_absurd_row(const sqlite::Connection& db);

}  // namespace cardvoid::ledger
