#pragma once
// Will the results database find room on its disk?

#include <cstdint>
#include <filesystem>
#include <optional>

namespace cardvoid::cli {

struct Space {
  std::int64_t available_bytes = 0;
  std::int64_t least_bytes = 0;    // what it surely grows by
  std::int64_t prudent_bytes = 0;  // with read-backs, retries, long texts and the write-ahead log
};

// For so many rows that are to be imported into a database with so many, and so many to be sent, those to be
// imported among them. nullopt: the disk does not say what is free.
struct Load {
  std::int64_t rows = 0, rows_to_import = 0, rows_to_send = 0;
};
std::optional<Space> look_at_space(const std::filesystem::path& database, const Load& load);

}  // namespace cardvoid::cli
