#include "untouched.hpp"

#include <cardvoid/base/file_mark.hpp>
#include <cardvoid/ledger/folder.hpp>

#include "lock_text.hpp"

namespace cardvoid::ledger {

bool is_untouched(const std::filesystem::path& database) {
  const auto file = open_lock_text(database, O_RDONLY);
  if (!file || log_bytes(database) > 0) return false;
  const auto mark = mark_in(read_lock_text(file.get()));
  return !mark.empty() && mark == mark_of(real_path(database));
}

void keep_mark(const std::filesystem::path& database, bool is_whole) {
  const auto file = open_lock_text(database, O_RDWR);
  auto text = file ? read_lock_text(file.get()) : std::nullopt;
  if (!text) return;
  const bool vouches = is_whole && log_bytes(database) == 0;
  (*text)[k_mark] = vouches ? settled_mark_of(real_path(database)) : std::string{};
  (void)write_lock_text(file.get(), *text);
}

}  // namespace cardvoid::ledger
