#include "results.hpp"

#include <fmt/format.h>

#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/sqlite/connection.hpp>

#include "interrupt.hpp"
#include "service_manager.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;
// A moment's lock, a backup's or a browser's, is not worth a word.
constexpr milliseconds k_first_word = 2s, k_next_word = 60s;

ledger::WhenLocked when_locked(Console& console, const model::Job& job) {
  const auto next = std::make_shared<milliseconds>(k_first_word);
  const auto file = job.results.database.string();
  return {[&console, file, next](milliseconds waited) {
            ServiceManager::get().alive();  // it waits as long as it takes, and does not hang
            if (waited >= *next) {
              console.log(LogLevel::warning, *next == k_first_word
                                                 ? tr("{} is locked by another program; waiting", file)
                                                 : tr("{} is locked by another program; waiting for {} now",
                                                      file, spoken_duration(waited)));
              *next = waited + k_next_word;
            }
            return !Interrupt::has_come();
          },
          [&console, file, next](milliseconds waited) {
            if (*next > k_first_word)
              console.log(LogLevel::info, tr("{} is free again after {}", file, spoken_duration(waited)));
            *next = k_first_word;
          }};
}

}  // namespace

Result<ledger::Ledger> open_results(Console& console, const model::Job& job, ledger::Access access) {
  if (access == ledger::Access::create)  // an import computes fingerprints
    if (const auto checked = check_openssl(); !checked) return checked.error();
  // Sorting millions of codes takes some hundred bytes of disk each: beside the results, where there is room
  // and the right to write.
  std::error_code ignored;
  sqlite::keep_temporary_files_in(
      std::filesystem::weakly_canonical(job.results.database, ignored).parent_path());
  return ledger::Ledger::open(job.results.database, job, access, when_locked(console, job));
}

Result<ledger::Ledger> open_locked(Console& console, const model::Job& job, const ledger::Lock& lock,
                                   ledger::Access access) {
  auto ledger = open_results(console, job, access);
  if (!ledger) return ledger;
  if (const auto same = lock.check(job.results.database); !same) return same.error();
  return ledger;
}

std::string words_for_log(const model::Job& job) {
  return tr(
      "the last results may still be in {0}-wal, and a copy of {0} alone would lack them: copy it with "
      "sqlite3 "
      "{0} \".backup copy.db\"; the next command that writes, such as cardvoid plan, folds them in",
      job.results.database.string());
}

void warn_of_log(Console& console, const model::Job& job) {
  if (ledger::log_bytes(job.results.database) > 0)
    console.log(LogLevel::warning, tr("another program reads the results: {}", words_for_log(job)));
}

Result<void> require_results(const model::Job& job) {
  std::error_code ignored;
  if (std::filesystem::exists(job.results.database, ignored) &&
      std::filesystem::file_size(job.results.database, ignored) > 0)
    return {};
  return ledger::Ledger::open(job.results.database, job, ledger::Access::read_only).error();
}

}  // namespace cardvoid::cli
