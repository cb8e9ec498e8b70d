#pragma once
// A database that cardvoid has left whole, and that no one has touched since, is not checked page by page
// when it is opened for the next run: that takes a second for a million rows. Its mark (mark_of(),
// base/file_mark.hpp) stands in DATABASE.lock; without one, or with another one, all of it is checked.

#include <filesystem>
#include <string>

namespace cardvoid::ledger {

// As keep_mark() has seen it last, and without results in its write-ahead log.
bool is_untouched(const std::filesystem::path& database);

// After the last connection of a writer has closed; its Lock is held. With `is_whole` false, or with results
// left in the log, nothing vouches for the database any more. Does nothing without a lock file.
void keep_mark(const std::filesystem::path& database, bool is_whole);

}  // namespace cardvoid::ledger
