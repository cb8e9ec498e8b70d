#pragma once
// The folder of a results database, and whether its file system can hold one.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <filesystem>
#include <string_view>

namespace cardvoid::ledger {

// Error: cannot_create (73) when its folder, or the nearest one above that is there, is on a network file
// system, where the shared memory of a write-ahead log does not work (sqlite.org/wal.html, "Overview").
Result<void> check_file_system(const std::filesystem::path& database);

// Makes the folder (0700) when it is missing, and checks its file system. Error: cannot_create (73).
Result<void> prepare_folder(const std::filesystem::path& database);

// This folder, or the nearest one above it that is there.
std::filesystem::path nearest_folder(std::filesystem::path folder);

// The name of a network file system by statfs(2)'s f_type; empty for any other.
std::string_view network_file_system(long type);

}  // namespace cardvoid::ledger
