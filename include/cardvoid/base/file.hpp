#pragma once
// Files: the one way to open what is read and the one way to write what others read, names, and an owned file
// descriptor. Other users who can write to a folder may plant a pipe or a link in it: nothing here waits for
// a pipe that is not meant, and nothing is written through a link or into a file of another user.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

struct stat;

namespace cardvoid {

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

// The file that a name leads to, with all symbolic links followed. The file need not exist.
std::filesystem::path real_path(const std::filesystem::path& file);

// When a plain file was changed last; nullopt for anything else, or when there is none.
std::optional<WallTime> changed_at(const std::filesystem::path& file);

// Why a user other than this one and root can change it, as ssh asks of its keys: "belongs to guest, …",
// "has mode 0666, …". Empty: none can. The sticky bit of a folder keeps each user to their own files. A group
// that has no other member is this user.
std::string why_others_change(const struct stat& facts);

// What may stand where an input is read. `meant`: also a pipe, a terminal or a device.
enum class Pipes { refused, meant };

// Opens it for reading; of a pipe it waits for the first bytes. Errors carry `code`, and `stopped` (75) when
// a signal ends the wait.
Result<FileDescriptor> open_input(const std::filesystem::path& path, Errc code, Pipes pipes = Pipes::refused);

// Reads a plain file of at most `limit_bytes`. Errors carry `code` and say why in words.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code);

// The first bytes of a plain file, at most so many; none where it cannot be read.
std::string read_start(const std::filesystem::path& path, std::size_t most_bytes);

// A file that only its owner may read (0600). Replaces the old file in one step, once it is complete: written
// beside it under a name that none can guess, synced, renamed. A symbolic link of this user or root is
// followed: its target is replaced. A device and what a descriptor leads to (/dev/stdout, >(…)) is written
// directly.
class PrivateFile {
 public:
  // Error: io (74), also where a named pipe, a folder, another user's link or another user's file is.
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

// Whether one can be made there: nothing is written, and what is there stays. A device is not opened.
// Error: io (74).
Result<void> try_private_file(const std::filesystem::path& path);

// A private file in one call.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view content);

// A file that everyone may read (0644), replaced in one step in the same way. For other programs, never for
// personal data. Not synced: after a power failure it may be the old one. Error: io (74), and the old file
// stays.
Result<void> write_public_file(const std::filesystem::path& path, std::string_view content);

}  // namespace cardvoid
