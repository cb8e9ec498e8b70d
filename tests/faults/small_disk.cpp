#include "faults/small_disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace cardvoid::support {

namespace {

constexpr std::int64_t k_page_bytes = 4096;

bool write_to(const char* file, const std::string& text) {
  const FileDescriptor open_file{::open(file, O_WRONLY | O_CLOEXEC)};
  return ::write(open_file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool enter_namespace() {
  const auto user = ::geteuid();
  const auto group = ::getegid();
  if (::unshare(CLONE_NEWNS) != 0) {
    // As ourselves in a user namespace of our own, in which we may mount.
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    if (!write_to("/proc/self/setgroups", "deny") ||
        !write_to("/proc/self/uid_map", fmt::format("{} {} 1", user, user)) ||
        !write_to("/proc/self/gid_map", fmt::format("{} {} 1", group, group)))
      return false;
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ==
         0;  // no other process sees what we mount
}

}  // namespace

bool may_mount() {
  static const bool may = enter_namespace();
  return may;
}

std::unique_ptr<SecondPlace> SecondPlace::mount(const std::filesystem::path& from,
                                                const std::filesystem::path& to, Rights rights) {
  if (!may_mount() || ::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0) return nullptr;
  std::unique_ptr<SecondPlace> place{new SecondPlace{to}};
  if (rights == read_only &&
      ::mount(nullptr, to.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
    return nullptr;
  return place;
}

SecondPlace::~SecondPlace() { ::umount2(to_.c_str(), MNT_DETACH); }

std::unique_ptr<SmallDisk> SmallDisk::mount(std::int64_t pages, std::int64_t files) {
  if (!may_mount()) return nullptr;
  std::unique_ptr<SmallDisk> disk{new SmallDisk};
  const auto options = fmt::format("mode=0700,size={},nr_inodes={}", pages * k_page_bytes, files);
  if (::mount("cardvoid-test", disk->folder().c_str(), "tmpfs", 0, options.c_str()) != 0) return nullptr;
  return disk;
}

SmallDisk::~SmallDisk() { ::umount2(folder().c_str(), MNT_DETACH); }

std::int64_t SmallDisk::free_pages() const {
  struct statvfs room {};
  ::statvfs(folder().c_str(), &room);
  return static_cast<std::int64_t>(room.f_bfree);
}

void SmallDisk::leave(std::int64_t pages) {
  const FileDescriptor ballast{::open((folder() / "ballast").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  struct stat before {};
  ::fstat(ballast.get(), &before);
  const auto size = before.st_size + (free_pages() - pages) * k_page_bytes;
  const int failed = size < before.st_size
                         ? (::ftruncate(ballast.get(), std::max<off_t>(size, 0)) == 0 ? 0 : errno)
                     : size == 0 ? 0
                                 : ::posix_fallocate(ballast.get(), 0, size);
  if (failed) throw std::runtime_error{fmt::format("the small disk's ballast: {}", std::strerror(failed))};
}

}  // namespace cardvoid::support
