#pragma once
// A private folder for what a command needs only while it runs.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <filesystem>

namespace cardvoid::cli {

// Mode 0700, in TMPDIR, else in /tmp; removed with all it holds at the end of this object's life. Folders
// that a killed process left behind are removed by the next one of this user.
class ScratchFolder {
 public:
  // Error: cannot_create (73).
  static Result<ScratchFolder> make();
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  ScratchFolder() = default;
  std::filesystem::path path_;
  FileDescriptor lock_;  // held as long as the folder is in use
};

}  // namespace cardvoid::cli
