#pragma once
// The place of a results database: its folder, whether its file system can hold one, and its names.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace cardvoid::ledger {

// Errors: cannot_create (73) when its folder, or the nearest one above that is there, is on a network file
// system, where the shared memory of a write-ahead log does not work (sqlite.org/wal.html, "Overview"); or
// when the file itself is a mount, as in a container: its log would be made in the folder, on another disk,
// and go with the container.
Result<void> check_file_system(const std::filesystem::path& database);

// Error: cannot_create (73) when the file has more than one name (hard links): SQLite names the write-ahead
// log after the name that it is given, so each name would have a log of its own
// (sqlite.org/howtocorrupt.html, section 2.5).
Result<void> check_links(const std::filesystem::path& database);

// Who can write the database, a file of SQLite's beside it, its lock file or its folder decides what is sent:
// no one but this user and root may (why_others_change(), why_others_replace()). Files that are missing are
// fine. Error: cannot_create (73).
Result<void> check_rights(const std::filesystem::path& database);

// Beside the database, each under its name: a plain file or nothing, for readers too. SQLite would wait for a
// pipe that somebody has put there. Error: cannot_create (73).
Result<void> check_companions(const std::filesystem::path& database);

// An empty file that was made beforehand becomes the database. Sets its mode to 0600, before SQLite makes
// -wal and -shm with the same.
void make_private_file(const std::filesystem::path& database);

// Bytes of the write-ahead log beside it: what the one file may lack. 0 when there is none.
std::int64_t log_bytes(const std::filesystem::path& database);

// Nothing can be made in its folder: the file system is read-only, or this user may not.
bool is_read_only_place(const std::filesystem::path& database);

// Makes the folder (0700) when it is missing, and checks its file system. Error: cannot_create (73).
Result<void> prepare_folder(const std::filesystem::path& database);

// This folder, or the nearest one above it that is there.
std::filesystem::path nearest_folder(std::filesystem::path folder);

// The name of a network file system by statfs(2)'s f_type; empty for any other.
std::string_view network_file_system(long type);

}  // namespace cardvoid::ledger
