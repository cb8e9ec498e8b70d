#pragma once
// Names of files, whole small files (keys, job files), and an owned file descriptor.

#include <cardvoid/base/error.hpp>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace cardvoid {

// The one file that a name stands for, whatever symbolic links lead there.
std::filesystem::path real_path(const std::filesystem::path& file);

// Do two names stand for one file, by links of either kind, or would they if it were there?
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b);

// Reads a file of at most `limit_bytes`. Errors carry `code` and say why in words.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code);

// A file of this owner alone (0600), replacing what was there in one step when it is whole: written beside
// it, synced, renamed. What is no plain file, a device or a pipe, is written as it is.
class PrivateFile {
 public:
  // Error: io (74).
  static Result<PrivateFile> create(const std::filesystem::path& path);
  static Result<PrivateFile> standard_output();
  PrivateFile(PrivateFile&& other) noexcept;
  PrivateFile& operator=(PrivateFile&&) = delete;
  ~PrivateFile();  // unfinished: the old file stays

  void write(std::string_view text);  // what goes wrong is told by finish()
  Result<void> finish();

 private:
  PrivateFile() = default;
  std::FILE* file_ = nullptr;
  std::filesystem::path path_, beside_;  // beside_ is empty when it is written as it is
  int error_ = 0;                        // errno of the first failure
};

// The same in one call.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view content);

// A file that everybody may read (0644), replaced in one step: for other programs, never for personal data.
// Not synced: after a power failure it may be the old one. Error: io (74); the old file stays.
Result<void> write_public_file(const std::filesystem::path& path, std::string_view content);

// Owns a POSIX file descriptor; closes it at the end.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_{fd} {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_{other.release()} {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return fd_; }
  int release() noexcept;
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace cardvoid
