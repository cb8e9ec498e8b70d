#pragma once
// A disk that is really full: a tmpfs of a few pages, mounted for this test and its children alone.

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

}  // namespace cardvoid::support
