#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/base/translate.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace cardvoid {

namespace {

// `sentence` has places for the path and for what the system says.
Error failure(Errc code, const std::filesystem::path& path, const char* sentence) {
  const auto why = system_words(errno), name = path.string();
  return {code, fmt::format(fmt::runtime(tr(sentence)), name, why)};
}

constexpr const char* k_cannot_open = translatable("{}: cannot open it: {}");
constexpr const char* k_cannot_read = translatable("{}: cannot read it: {}");
constexpr const char* k_cannot_create = translatable("{}: cannot create it: {}");
constexpr const char* k_cannot_write = translatable("{}: cannot write it: {}");

}  // namespace

std::filesystem::path real_path(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  constexpr int k_most_links = 40;  // as the kernel's own limit
  std::error_code error;
  auto at = fs::absolute(file, error);
  // By hand: weakly_canonical does not follow a link whose target does not exist yet.
  for (int links = 0; links < k_most_links && fs::is_symlink(at, error); ++links) {
    const auto to = fs::read_symlink(at, error);
    if (error) break;
    at = to.is_absolute() ? to : at.parent_path() / to;
  }
  auto real = fs::weakly_canonical(at, error);
  return error ? at : real;
}

std::optional<WallTime> changed_at(const std::filesystem::path& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return WallTime{
      milliseconds{std::int64_t{facts.st_mtim.tv_sec} * 1000 + facts.st_mtim.tv_nsec / 1'000'000}};
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return failure(code, path, k_cannot_open);
  std::string content;
  char block[16'384];
  for (;;) {
    const auto got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(code, path, k_cannot_read);
    if (got == 0) return content;
    content.append(block, static_cast<std::size_t>(got));
    if (content.size() > limit_bytes)
      return Error{code, tr("{}: larger than {} bytes; is it the right file?", path.string(), limit_bytes)};
  }
}

namespace {

// Made by us: what another user has put there, a link for example, is not written to.
FileDescriptor create_beside(const std::filesystem::path& beside, mode_t mode) {
  ::unlink(beside.c_str());  // of a process that died
  return FileDescriptor{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)};
}

}  // namespace

Result<PrivateFile> PrivateFile::create(const std::filesystem::path& path) {
  PrivateFile out;
  out.path_ = path;
  struct stat facts {};
  const bool is_there = ::stat(path.c_str(), &facts) == 0;
  if (is_there && S_ISDIR(facts.st_mode)) return Error{Errc::io, tr("{}: is a folder", path.string())};
  if (is_there && !S_ISREG(facts.st_mode)) {
    out.file_ = std::fopen(path.c_str(), "wbe");
    if (!out.file_) return failure(Errc::io, path, k_cannot_open);
    return out;
  }
  out.beside_ = path;
  out.beside_ += fmt::format(".{}.tmp", ::getpid());
  auto file = create_beside(out.beside_, 0600);
  if (!file) {
    out.beside_ = std::filesystem::path{};
    return failure(Errc::io, path, k_cannot_create);
  }
  out.file_ = ::fdopen(file.get(), "wb");
  if (!out.file_) return failure(Errc::io, path, k_cannot_open);
  file.release();
  return out;
}

PrivateFile::PrivateFile(PrivateFile&& other) noexcept
    : file_{std::exchange(other.file_, nullptr)},
      path_{std::move(other.path_)},
      beside_{std::exchange(other.beside_, {})},
      error_{other.error_} {}

PrivateFile::~PrivateFile() {
  if (file_) std::fclose(file_);
  if (!beside_.empty()) ::unlink(beside_.c_str());
}

void PrivateFile::write(std::string_view text) {
  if (error_ == 0 && std::fwrite(text.data(), 1, text.size(), file_) != text.size()) error_ = errno;
}

Result<void> PrivateFile::finish() {
  if (error_ == 0 && std::fflush(file_) != 0) error_ = errno;
  if (!beside_.empty() && error_ == 0 && ::fsync(::fileno(file_)) != 0) error_ = errno;
  if (std::fclose(std::exchange(file_, nullptr)) != 0 && error_ == 0) error_ = errno;
  if (!beside_.empty() && error_ == 0 && ::rename(beside_.c_str(), path_.c_str()) != 0) error_ = errno;
  if (error_ == 0) {
    beside_.clear();
    return {};
  }
  errno = error_;
  return failure(Errc::io, path_, k_cannot_write);
}

Result<void> try_private_file(const std::filesystem::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) return {};
  if (const auto file = PrivateFile::create(path); !file) return file.error();
  return {};
}

Result<void> write_private_file(const std::filesystem::path& path, std::string_view content) {
  auto file = PrivateFile::create(path);
  if (!file) return file.error();
  file->write(content);
  return file->finish();
}

Result<void> write_public_file(const std::filesystem::path& path, std::string_view content) {
  // Hidden and with another ending, so that no program takes it for the file.
  const auto beside = path.parent_path() / fmt::format(".{}.{}.tmp", path.filename().string(), ::getpid());
  const auto file = create_beside(beside, 0644);
  if (!file) return failure(Errc::io, beside, k_cannot_create);
  bool done = ::fchmod(file.get(), 0644) == 0;  // independent of the umask
  while (done && !content.empty()) {
    const auto put = ::write(file.get(), content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    done = put > 0;
    if (done) content.remove_prefix(static_cast<std::size_t>(put));
  }
  done = done && ::rename(beside.c_str(), path.c_str()) == 0;
  if (done) return {};
  const auto error = failure(Errc::io, path, k_cannot_write);
  ::unlink(beside.c_str());
  return error;
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
