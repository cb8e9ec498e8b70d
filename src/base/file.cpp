#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/translate.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

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

namespace {

// Debian makes a group for each user, which has the user's name and no member.
bool is_own_group(gid_t group) {
  const auto user = ::geteuid();
  if (user == 0 || group != ::getegid()) return false;
  struct group entry {};
  struct group* found = nullptr;
  std::vector<char> text(65'536);
  return ::getgrgid_r(group, &entry, text.data(), text.size(), &found) == 0 && found &&
         found->gr_name == user_name(user) && (!found->gr_mem || !*found->gr_mem);
}

}  // namespace

std::string why_others_change(const struct stat& facts) {
  if (!is_ours(facts.st_uid))
    return ::geteuid() == 0
               ? tr("belongs to {}, who can change it; it must be root's", user_name(facts.st_uid))
               : tr("belongs to {}, who can change it; it must be {}'s or root's", user_name(facts.st_uid),
                    user_name());
  if (S_ISDIR(facts.st_mode) && (facts.st_mode & S_ISVTX) != 0) return {};
  const bool by_all = (facts.st_mode & S_IWOTH) != 0;
  if (!by_all && ((facts.st_mode & S_IWGRP) == 0 || is_own_group(facts.st_gid))) return {};
  return by_all ? tr("has mode {:04o}, so every user of this machine can change it: chmod go-w it",
                     facts.st_mode & 07777U)
                : tr("has mode {:04o}, so its group can change it: chmod go-w it", facts.st_mode & 07777U);
}

// O_NONBLOCK: a pipe that no one writes to opens at once. It is of no effect on a plain file.
Result<FileDescriptor> open_input(const std::filesystem::path& path, Errc code, Pipes pipes) {
  FileDescriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0) return failure(code, path, k_cannot_open);
  if (S_ISREG(facts.st_mode)) return file;
  if (S_ISDIR(facts.st_mode))
    return Error{code, tr("{}: cannot read it: {}", path.string(), system_words(EISDIR))};
  if (pipes == Pipes::refused)
    return Error{code, S_ISFIFO(facts.st_mode)
                           ? tr("{}: is not a plain file but a pipe; expected a file", path.string())
                           : tr("{}: is not a plain file but a device; expected a file", path.string())};
  if (S_ISFIFO(facts.st_mode)) {
    pollfd first{file.get(), POLLIN, 0};
    if (::poll(&first, 1, -1) < 0) return failure(errno == EINTR ? Errc::stopped : code, path, k_cannot_read);
  }
  if (::fcntl(file.get(), F_SETFL, 0) != 0) return failure(code, path, k_cannot_open);
  return file;
}

namespace {

Result<std::string> read_all(const FileDescriptor& file, const std::filesystem::path& path,
                             std::size_t limit_bytes, Errc code) {
  const auto too_large = [&] {
    return Error{code, tr("{}: larger than {} bytes; is it the right file?", path.string(), limit_bytes)};
  };
  struct stat facts {};
  if (::fstat(file.get(), &facts) == 0 && facts.st_size > static_cast<off_t>(limit_bytes)) return too_large();
  std::string content;
  char block[16'384];
  for (;;) {
    const auto got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(code, path, k_cannot_read);
    if (got == 0) return content;
    content.append(block, static_cast<std::size_t>(got));
    if (content.size() > limit_bytes) return too_large();
  }
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code) {
  const auto file = open_input(path, code);
  if (!file) return file.error();
  return read_all(*file, path, limit_bytes, code);
}

Result<std::string> read_guarded_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code) {
  const auto file = open_input(path, code);
  if (!file) return file.error();
  struct stat facts {};
  if (::fstat(file->get(), &facts) != 0) return failure(code, path, k_cannot_read);
  if (const auto fault = why_others_decide(path, facts); !fault.empty())
    return Error{code, fmt::format("{} {}", path.string(), fault)};
  return read_all(*file, path, limit_bytes, code);
}

std::string read_start(const std::filesystem::path& path, std::size_t most_bytes) {
  const auto file = open_input(path, Errc::no_input);
  if (!file) return {};
  std::string start(most_bytes, '\0');
  const auto got = ::pread(file->get(), start.data(), start.size(), 0);
  start.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return start;
}

namespace {

// Where an output goes.
struct Target {
  std::filesystem::path file;  // no link
  bool is_direct = false;      // a device or a descriptor of this process: opened as it is
};

// Follows the links of this user and of root.
Result<Target> find_target(const std::filesystem::path& path) {
  const auto refused = [&](const std::string& why) {
    return Error{Errc::io, fmt::format("{}: {}", path.string(), why)};
  };
  const auto way = way_of(path);
  if (const auto fault = why_others_lead(way); !fault.empty())
    return refused(tr("{}; nothing is written through it; name another file", fault));
  if (way.leads_nowhere) return refused(tr("is a symbolic link that leads nowhere"));
  Target target{way.links.empty() ? path : way.file, leads_to_descriptor(way.file)};
  struct stat facts {};
  if (target.is_direct || ::lstat(target.file.c_str(), &facts) != 0)
    return target;  // it is new, or making it says why not
  if (S_ISDIR(facts.st_mode)) return refused(tr("is a folder"));
  if (S_ISFIFO(facts.st_mode)) return refused(tr("is a named pipe; name a file, or - for standard output"));
  if (S_ISSOCK(facts.st_mode)) return refused(tr("is a socket; name another file"));
  if (S_ISREG(facts.st_mode) && !is_ours(facts.st_uid))
    return refused(tr("belongs to {} and is not written over; name another file", user_name(facts.st_uid)));
  target.is_direct = !S_ISREG(facts.st_mode);
  return target;
}

FileDescriptor open_direct(const std::filesystem::path& file) {
  FileDescriptor out{::open(file.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (out) ::fcntl(out.get(), F_SETFL, O_APPEND);
  return out;
}

struct Beside {
  std::filesystem::path name;
  FileDescriptor file;
};

// Hidden, with another ending, so that no program takes it for the file, and with a name that no one could
// have put something under.
Result<Beside> create_beside(const std::filesystem::path& file, mode_t mode) {
  constexpr std::size_t k_most_bytes = 200;  // of the 255 of a file name
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    return failure(Errc::io, file, k_cannot_create);
  Beside beside;
  beside.name = file.parent_path() /
                fmt::format(".{}.{:016x}.tmp", file.filename().string().substr(0, k_most_bytes), number);
  beside.file =
      FileDescriptor{::open(beside.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)};
  if (!beside.file) return failure(Errc::io, file, k_cannot_create);
  struct stat facts {};
  if (::fchmod(beside.file.get(), mode) == 0 && ::fstat(beside.file.get(), &facts) == 0 &&
      S_ISREG(facts.st_mode))
    return beside;
  const auto error = failure(Errc::io, file, k_cannot_create);
  ::unlink(beside.name.c_str());
  return error;
}

}  // namespace

Result<PrivateFile> PrivateFile::create(const std::filesystem::path& path) {
  const auto target = find_target(path);
  if (!target) return target.error();
  PrivateFile out;
  out.path_ = target->file;
  FileDescriptor file;
  if (target->is_direct) {
    file = open_direct(target->file);
  } else {
    auto beside = create_beside(target->file, 0600);
    if (!beside) return beside.error();
    file = std::move(beside->file);
    out.beside_ = beside->name;
  }
  if (file) out.file_ = ::fdopen(file.get(), "wb");
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
  const auto target = find_target(path);
  if (!target) return target.error();
  if (target->is_direct) return {};
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
  const auto target = find_target(path);
  if (!target) return target.error();
  Beside beside;
  if (target->is_direct) {
    beside.file = open_direct(target->file);
    if (!beside.file) return failure(Errc::io, path, k_cannot_open);
  } else {
    auto made = create_beside(target->file, 0644);
    if (!made) return made.error();
    beside = std::move(*made);
  }
  bool done = true;
  while (done && !content.empty()) {
    const auto put = ::write(beside.file.get(), content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    done = put > 0;
    if (done) content.remove_prefix(static_cast<std::size_t>(put));
  }
  if (target->is_direct) return done ? Result<void>{} : failure(Errc::io, path, k_cannot_write);
  done = done && ::rename(beside.name.c_str(), target->file.c_str()) == 0;
  if (done) return {};
  const auto error = failure(Errc::io, path, k_cannot_write);
  ::unlink(beside.name.c_str());
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
