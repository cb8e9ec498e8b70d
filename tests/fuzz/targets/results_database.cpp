// A results database of any bytes.

#include "fuzz/reading_results.hpp"
#include "fuzz/target.hpp"

namespace cardvoid::fuzz::results_databases {

FUZZ_TARGET(results_database, "a results database of any bytes is read or refused") {
  static const Folder folder;
  static const auto file = folder / "gold.db";
  std::error_code ignored;
  for (const auto* beside : {"gold.db-wal", "gold.db-shm", "gold.db-journal"})
    std::filesystem::remove(folder / beside, ignored);
  write(file, bytes);
  read_results(file);
}

}  // namespace cardvoid::fuzz::results_databases
