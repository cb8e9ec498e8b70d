#pragma once
// Asks a results database everything that commands ask.

#include <filesystem>

namespace cardvoid::fuzz {

// Opens it as the job "gold": to read, and if that goes, to write. It need not be sound.
void read_results(const std::filesystem::path& database);

}  // namespace cardvoid::fuzz
