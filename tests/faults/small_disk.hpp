#pragma once
// Mounts for this test and its children alone: a disk that is really full, a tmpfs of a few pages; and a file
// or folder that has a second place.

#include <cstdint>
#include <filesystem>
#include <memory>

#include "support/temp_folder.hpp"

namespace cardvoid::support {

class SmallDisk {
 public:
  // Null where mounting is not permitted: neither root nor user namespaces. Must be called before any thread
  // is started, and moves this process into a mount namespace of its own for good.
  static std::unique_ptr<SmallDisk> mount(std::int64_t pages, std::int64_t files = 1000);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  const std::filesystem::path& folder() const { return folder_.path; }
  std::int64_t free_pages() const;
  void leave(std::int64_t pages);  // fills the disk but for so many, or frees so many

 private:
  SmallDisk() = default;
  TempFolder folder_;
};

// `from` is at `to` too, as a container's volume is; `to` must be there.
class SecondPlace {
 public:
  enum Rights { read_write, read_only };
  // Null as with SmallDisk, and the same holds for threads.
  static std::unique_ptr<SecondPlace> mount(const std::filesystem::path& from,
                                            const std::filesystem::path& to, Rights rights = read_write);
  SecondPlace(const SecondPlace&) = delete;
  SecondPlace& operator=(const SecondPlace&) = delete;
  ~SecondPlace();

 private:
  explicit SecondPlace(std::filesystem::path to) : to_{std::move(to)} {}
  std::filesystem::path to_;
};

// Whether the above will work here. Must be called before any thread is started.
bool may_mount();

}  // namespace cardvoid::support
