#include "space.hpp"

#include <sys/statvfs.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/ledger/import.hpp>

namespace cardvoid::cli {

namespace {

// Growth = rows to import x k_import + rows to send x k_send, and the write-ahead log beside it.
// Measured with 20,000 rows: imported, 213 bytes each for the sandbox's members (lines of 103 bytes, twice
// that and the index), 72 for the shortest lines there can be (13 bytes); sent with one request each, 224
// more. Read-backs and retries add some 100 each; long texts are in the rest.
constexpr std::int64_t k_import_least = 70, k_send_least = 200;
constexpr std::int64_t k_import_prudent = 512, k_send_prudent = 1024;
constexpr std::int64_t k_log = 64 << 20;  // its journal_size_limit
// A large import makes the key of all rows again, in the log and in runs that are sorted, and its new rows
// are in the log too.
constexpr std::int64_t k_key_made_again = 2 * 70, k_new_in_log = 210;

}  // namespace

std::optional<Space> look_at_space(const std::filesystem::path& database, const Load& load) {
  const auto folder = ledger::nearest_folder(real_path(database).parent_path());
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) return std::nullopt;
  Space space;
  space.available_bytes = static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  space.least_bytes = load.rows_to_import * k_import_least + load.rows_to_send * k_send_least;
  space.prudent_bytes = load.rows_to_import * k_import_prudent + load.rows_to_send * k_send_prudent + k_log;
  if (load.rows > 0 && load.rows_to_import >= load.rows / ledger::k_large_part)
    space.prudent_bytes +=
        (load.rows + load.rows_to_import) * k_key_made_again + load.rows_to_import * k_new_in_log;
  return space;
}

}  // namespace cardvoid::cli
