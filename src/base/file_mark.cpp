#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cardvoid/base/file_mark.hpp>
#include <ctime>
#include <iterator>

namespace cardvoid {

// By the magic numbers of statfs(2) and linux/magic.h. No overlay, since what is below it may be anything.
bool is_on_own_file_system(const std::filesystem::path& file) {
  constexpr unsigned long k_ext = 0xEF53, k_xfs = 0x58465342, k_btrfs = 0x9123683E, k_tmpfs = 0x01021994,
                          k_f2fs = 0xF2F52010, k_zfs = 0x2FC12FC1;
  constexpr unsigned long k_ours[] = {k_ext, k_xfs, k_btrfs, k_tmpfs, k_f2fs, k_zfs};
  struct statfs where {};
  if (::statfs(file.c_str(), &where) != 0) return false;
  const auto type = static_cast<unsigned long>(where.f_type) & 0xFFFFFFFF;
  return std::find(std::begin(k_ours), std::end(k_ours), type) != std::end(k_ours);
}

namespace {

bool is_before(const timespec& one, const timespec& other) {
  return one.tv_sec != other.tv_sec ? one.tv_sec < other.tv_sec : one.tv_nsec < other.tv_nsec;
}

}  // namespace

std::string mark_of(const std::filesystem::path& file) {
  struct stat facts {};
  timespec tick{};  // what the kernel would write as the time of a change now
  if (!is_on_own_file_system(file) || ::clock_gettime(CLOCK_REALTIME_COARSE, &tick) != 0 ||
      ::stat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_ctim.tv_nsec == 0 ||
      !is_before(facts.st_ctim, tick))
    return {};
  return fmt::format("{} {} {} {}.{:09} {}.{:09}", facts.st_dev, facts.st_ino, facts.st_size,
                     facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec,
                     facts.st_ctim.tv_nsec);
}

std::string settled_mark_of(const std::filesystem::path& file) {
  constexpr int k_looks = 20;  // a tick takes at most 10 ms
  constexpr timespec k_between{0, 1'000'000};
  auto mark = mark_of(file);
  for (int look = 0; mark.empty() && look < k_looks && is_on_own_file_system(file); ++look) {
    ::nanosleep(&k_between, nullptr);
    mark = mark_of(file);
  }
  return mark;
}

}  // namespace cardvoid
