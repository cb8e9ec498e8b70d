#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cerrno>
#include <cstring>

namespace cardvoid {

namespace {

Error failure(Errc code, const std::filesystem::path& path, const char* doing) {
  return {code, fmt::format("{}: cannot {}: {}", path.string(), doing, std::strerror(errno))};
}

// Loops until all of it is written: write() may take only a part.
bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return failure(code, path, "open it");
  std::string content;
  char block[16'384];
  for (;;) {
    const auto got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(code, path, "read it");
    if (got == 0) return content;
    content.append(block, static_cast<std::size_t>(got));
    if (content.size() > limit_bytes)
      return Error{
          code, fmt::format("{}: larger than {} bytes; is it the right file?", path.string(), limit_bytes)};
  }
}

Result<void> write_private_file(const std::filesystem::path& path, std::string_view content) {
  auto beside = path;
  beside += fmt::format(".{}.tmp", ::getpid());
  const FileDescriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file) return failure(Errc::io, beside, "create it");
  if (!write_all(file.get(), content) || ::fsync(file.get()) != 0 ||
      ::rename(beside.c_str(), path.c_str()) != 0) {
    auto error = failure(Errc::io, path, "write it");
    ::unlink(beside.c_str());
    return error;
  }
  return {};
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int FileDescriptor::release() noexcept {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

}  // namespace cardvoid
