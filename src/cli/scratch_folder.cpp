#include "scratch_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/translate.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cardvoid::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* k_prefix = "cardvoid-rehearsal-";
constexpr const char* k_lock = "in-use";

// Nothing when another process holds it, or there is none.
FileDescriptor take_lock_in(const fs::path& folder, int flags) {
  FileDescriptor lock{::open((folder / k_lock).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600)};
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return lock;
}

void remove_leftovers(const fs::path& parent) {
  std::error_code ended, ignored;
  for (fs::directory_iterator entry{parent, ended}; !ended && entry != fs::directory_iterator{};
       entry.increment(ended)) {
    struct stat facts {};
    const auto folder = entry->path();
    if (!folder.filename().string().starts_with(k_prefix) || ::lstat(folder.c_str(), &facts) != 0 ||
        !S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid())
      continue;
    if (const auto lock = take_lock_in(folder, 0)) fs::remove_all(folder, ignored);
  }
}

}  // namespace

Result<ScratchFolder> ScratchFolder::make() {
  std::error_code error;
  const auto parent = fs::temp_directory_path(error);
  const auto cannot = [&](const fs::path& where, const std::string& why) {
    return Error{Errc::cannot_create,
                 tr("{}: a folder for temporary files cannot be made: {}; TMPDIR names another place",
                    where.string(), why)};
  };
  if (error) return cannot(parent.empty() ? "TMPDIR" : parent, system_words(error.value()));
  remove_leftovers(parent);
  auto name = (parent / k_prefix).string() + "XXXXXX";
  if (!::mkdtemp(name.data())) return cannot(parent, system_words(errno));
  ScratchFolder made;
  made.path_ = name;
  made.lock_ = take_lock_in(made.path_, O_CREAT);
  if (!made.lock_) return cannot(parent, tr("it cannot be locked"));
  return made;
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_{std::exchange(other.path_, {})}, lock_{std::move(other.lock_)} {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace cardvoid::cli
