#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/own_files.hpp>
#include <cerrno>
#include <cstring>
#include <limits>

#include <cardvoid/ledger/folder.hpp>

namespace cardvoid::ledger {

namespace {

std::filesystem::path lock_file(const std::filesystem::path& database) {
  return real_path(database).string() + model::k_lock_suffix;
}

// A lock of the open file itself (fcntl(2), "Open file description locks"): released by the kernel when its
// last descriptor goes, and, unlike flock(2), it can be asked about without being taken.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// What the holder wrote; fields stay empty when there is nothing to read.
LockHolder read_holder(int fd) {
  char text[1024];
  const auto got = ::pread(fd, text, sizeof text, 0);
  LockHolder holder;
  const auto object = object_from_json({text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
  if (!object) return holder;
  const auto pid = whole_number_in(*object, "pid").value_or(0);
  if (pid > 0 && pid <= std::numeric_limits<int>::max()) holder.pid = static_cast<int>(pid);
  holder.host = text_in(*object, "host").value_or("");
  holder.command = text_in(*object, "command").value_or("");
  holder.since = parse_rfc3339(text_in(*object, "since").value_or("")).value_or(WallTime{});
  return holder;
}

}  // namespace

Result<Lock> Lock::acquire(const std::filesystem::path& database, const std::string& command) {
  if (const auto ready = prepare_folder(database); !ready) return ready.error();
  const auto path = lock_file(database);
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!file)
    return Error{
        Errc::cannot_create,
        fmt::format("{}: cannot create its lock file, {}: {}; this user must be able to create files "
                    "there, or name another place in results.database or with --results",
                    database.string(), path.string(), std::strerror(errno))};
  auto lock = whole_file();
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES)
      return Error{Errc::cannot_create,
                   fmt::format("{}: cannot be locked: {}", path.string(), std::strerror(errno))};
    const auto holder = read_holder(file.get());
    if (holder.pid == 0)
      return Error{Errc::stopped, fmt::format("{}: another process holds this job, and {} does not say which",
                                              database.string(), path.string())};
    return Error{Errc::stopped, fmt::format("{}: another cardvoid {} holds this job: pid {} on {}, since {}",
                                            database.string(), holder.command, holder.pid, holder.host,
                                            format_rfc3339(holder.since))};
  }
  const auto text = to_json(boost::json::object{{"pid", static_cast<int>(::getpid())},
                                                {"host", host_name()},
                                                {"command", command},
                                                {"since", format_rfc3339(read_clocks().wall)}});
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return Error{Errc::io,
                 fmt::format("{}: cannot write the lock file: {}", path.string(), std::strerror(errno))};
  return Lock{std::move(file)};
}

std::optional<LockHolder> Lock::holder(const std::filesystem::path& database) {
  const FileDescriptor file{::open(lock_file(database).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return std::nullopt;
  auto lock = whole_file();
  if (::fcntl(file.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return read_holder(file.get());
}

}  // namespace cardvoid::ledger
