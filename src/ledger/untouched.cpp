#include "untouched.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/file_mark.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/model/own_files.hpp>

#include "lock_text.hpp"

namespace cardvoid::ledger {

namespace {

// A plain file that is there already: nothing else is written to.
FileDescriptor open_lock_file(const std::filesystem::path& database, int access) {
  const auto path = real_path(database).string() + model::k_lock_suffix;
  FileDescriptor file{::open(path.c_str(), access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat facts {};
  return file && ::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) ? std::move(file)
                                                                            : FileDescriptor{};
}

}  // namespace

bool is_untouched(const std::filesystem::path& database) {
  const auto file = open_lock_file(database, O_RDONLY);
  if (!file || log_bytes(database) > 0) return false;
  const auto mark = mark_in(read_lock_text(file.get()));
  return !mark.empty() && mark == mark_of(real_path(database));
}

void keep_mark(const std::filesystem::path& database, bool is_whole) {
  const auto file = open_lock_file(database, O_RDWR);
  auto text = file ? read_lock_text(file.get()) : std::nullopt;
  if (!text) return;
  const bool vouches = is_whole && log_bytes(database) == 0;
  (*text)[k_mark] = vouches ? settled_mark_of(real_path(database)) : std::string{};
  (void)write_lock_text(file.get(), *text);
}

}  // namespace cardvoid::ledger
