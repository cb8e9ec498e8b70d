#pragma once
// Names of files, whole small files (keys, job files), and an owned file descriptor.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid {

// The file that a name leads to, with all symbolic links followed. The file need not exist.
std::filesystem::path real_path(const std::filesystem::path& file);

// When a plain file was changed last; nullopt for anything else, or when there is none.
std::optional<WallTime> changed_at(const std::filesystem::path& file);

// Reads a file of at most `limit_bytes`. Errors carry `code` and say why in words.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code);

// A file that only its owner may read (0600). Replaces the old file in one step, once it is complete: written
// beside it, synced, renamed. A device or a pipe is written directly.
class PrivateFile {
 public:
  // Error: io (74).
  static Result<PrivateFile> create(const std::filesystem::path& path);
  PrivateFile(PrivateFile&& other) noexcept;
  PrivateFile& operator=(PrivateFile&&) = delete;
  ~PrivateFile();  // without finish() the old file stays

  void write(std::string_view text);  // finish() returns what went wrong
  Result<void> finish();

 private:
  PrivateFile() = default;
  std::FILE* file_ = nullptr;
  std::filesystem::path path_, beside_;  // beside_: empty for a device or a pipe
  int error_ = 0;                        // errno of the first failure
};

// Whether one can be made there: nothing is written, and what is there stays. A device or a pipe is not
// opened. Error: io (74).
Result<void> try_private_file(const std::filesystem::path& path);

// A private file in one call.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view content);

// A file that everyone may read (0644), replaced in one step. For other programs, never for personal data.
// Not synced: after a power failure it may be the old one. Error: io (74), and the old file stays.
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
