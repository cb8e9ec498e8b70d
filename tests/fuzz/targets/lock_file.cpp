// DATABASE.lock: another process writes it, for people.

#include <fcntl.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/ledger/lock.hpp>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::lock_files {

static FileDescriptor hold(const std::filesystem::path& path) {
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  struct flock lock {};
  lock.l_type = F_WRLCK, lock.l_whence = SEEK_SET;
  require(::fcntl(file.get(), F_OFD_SETLK, &lock) == 0, "the fuzzer can lock");
  return file;
}

FUZZ_TARGET(lock_file, "a lock file of any bytes names a holder or none") {
  static const Folder folder;
  static const auto database = folder / "gold.db";
  static const auto held = hold(folder / "gold.db.lock");
  require(::ftruncate(held.get(), 0) == 0 &&
              ::pwrite(held.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
          "the fuzzer can write");
  const auto holder = ledger::Lock::holder(database);
  require(holder.has_value(), "a lock that is held has a holder");
  require(holder->pid >= 0, "a pid is none or a number");
  require(!ledger::to_text(*holder).empty(), "a holder has words");
}

}  // namespace cardvoid::fuzz::lock_files
