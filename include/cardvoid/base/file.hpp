#pragma once
// Whole small files (keys, job files), and an owned file descriptor.

#include <cardvoid/base/error.hpp>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace cardvoid {

// Reads a file of at most `limit_bytes`. Errors carry `code` and say why in words.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code);

// Writes a file of this owner alone (0600), replacing it in one step: written beside it, synced, renamed.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view content);

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
