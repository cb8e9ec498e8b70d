#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/own_files.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include <cardvoid/ledger/folder.hpp>

#include "lock_text.hpp"
#include "schema.hpp"

namespace cardvoid::ledger {

namespace {

using Path = std::filesystem::path;

// A lock of the open file itself (fcntl(2), "Open file description locks"): released by the kernel when its
// last descriptor goes, and, unlike flock(2), it can be asked about without being taken. Of the whole file,
// or of `length` bytes from `start` on, which need not be there.
struct flock exclusive(off_t start = 0, off_t length = 0) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

// Of the database, bytes far behind those that SQLite locks, 0x40000000 and the 511 after it
// (sqlite.org/fileformat2.html, "The lock-byte page"). All holders want the first of them, and as many more
// as their pid says: so the kernel tells who it is, also without the lock file.
constexpr off_t k_first_byte = off_t{1} << 62;
struct flock of_database(int pid) {
  return exclusive(k_first_byte, off_t{1} + pid);
}

bool is_refused() { return errno == EAGAIN || errno == EACCES; }

// What the holder wrote; fields stay empty when there is nothing to read.
LockHolder read_holder(int fd) {
  LockHolder holder;
  const auto object = read_lock_text(fd);
  if (!object) return holder;
  const auto pid = whole_number_in(*object, "pid").value_or(0);
  if (pid > 0 && pid <= std::numeric_limits<int>::max()) holder.pid = static_cast<int>(pid);
  holder.host = text_in(*object, "host").value_or("");
  holder.command = text_in(*object, "command").value_or("");
  holder.since = parse_rfc3339(text_in(*object, "since").value_or("")).value_or(WallTime{});
  return holder;
}

// The database, opened to ask about its lock. Never closed again (see Lock): one descriptor for each database
// that this process asks about.
int looking_at(const Path& database) {
  static std::mutex mutex;
  static std::map<std::pair<dev_t, ino_t>, FileDescriptor> open_files;
  struct stat facts {};
  const auto real = real_path(database);
  if (::stat(real.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return -1;
  const std::lock_guard guard{mutex};
  auto& file = open_files[{facts.st_dev, facts.st_ino}];
  if (!file) file = FileDescriptor{::open(real.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  return file.get();
}

// Held by somebody? Its pid then, 0 when that cannot be told.
std::optional<int> pid_of_holder(const Path& database) {
  auto lock = of_database(0);
  const int fd = looking_at(database);
  if (fd < 0 || ::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return static_cast<int>(std::clamp<off_t>(lock.l_len - 1, 0, std::numeric_limits<int>::max()));
}

Error held(const Path& database, const LockHolder& holder) {
  if (holder.pid == 0)
    return {Errc::stopped, tr("{}: another process holds this job, and {} does not say which",
                              database.string(), lock_file(database).string())};
  if (holder.command.empty())
    return {Errc::stopped, tr("{}: another cardvoid holds this job: pid {}; {} does not say more",
                              database.string(), holder.pid, lock_file(database).string())};
  return {Errc::stopped,
          tr("{}: another cardvoid {} holds this job: pid {} on {}, since {}", database.string(),
             holder.command, holder.pid, holder.host, format_local_full(holder.since))};
}

// A plain file of its own: it is written, and its folder may be one where others can plant a link or a pipe.
Result<FileDescriptor> open_lock_file(const Path& database) {
  const auto path = lock_file(database);
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
  const auto refused = [&](const std::string& why) {
    return Error{Errc::cannot_create,
                 tr("{}: {}; the lock file must be a plain file with one name: see who has put this "
                    "one there, and remove it while nothing runs",
                    path.string(), why)};
  };
  if (!file && errno == ELOOP) return refused(tr("is a symbolic link"));
  if (!file)
    return Error{Errc::cannot_create,
                 tr("{}: cannot create its lock file, {}: {}; this user must be able to create files "
                    "there, or name another place in results.database or with --results",
                    database.string(), path.string(), system_words(errno))};
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return refused(tr("is no plain file"));
  if (facts.st_nlink > 1) return refused(tr("has {} names (hard links)", facts.st_nlink));
  if (const auto fault = why_others_change(facts); !fault.empty()) return refused(fault);
  return file;
}

// Nothing: what has the name is no file, or its file is gone while its log is not. Opening it is refused.
Result<FileDescriptor> lock_database(const Path& database) {
  const auto real = real_path(database);
  struct stat facts {};
  const bool is_there = ::stat(real.c_str(), &facts) == 0;
  if (is_there ? !S_ISREG(facts.st_mode) : sqlite::has_content(real.string() + "-wal"))
    return FileDescriptor{};
  FileDescriptor file{::open(real.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
  if (!file)
    return Error{Errc::cannot_create,
                 tr("{}: cannot be opened for writing: {}; see to the permissions of the file and its "
                    "folder, or name another place in results.database or with --results",
                    database.string(), system_words(errno))};
  auto lock = of_database(static_cast<int>(::getpid()));
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) == 0) return file;
  if (!is_refused())
    return Error{Errc::cannot_create, tr("{}: cannot be locked: {}", real.string(), system_words(errno))};
  return held(database, Lock::holder(database).value_or(LockHolder{}));
}

}  // namespace

std::string to_text(const LockHolder& holder) {
  if (holder.command.empty())
    return holder.pid == 0 ? tr("a cardvoid that its lock file does not name")
                           : tr("cardvoid (pid {}; its lock file does not say more)", holder.pid);
  return tr("cardvoid {} (pid {} on {}, since {})", holder.command, holder.pid, holder.host,
            format_local_full(holder.since));
}

bool is_suspended(const LockHolder& holder) {
  if (holder.pid <= 0 || holder.host != host_name()) return false;
  // "12 (cardvoid) T …"; the name may hold anything (proc_pid_stat(5)).
  char text[128];
  const FileDescriptor file{::open(fmt::format("/proc/{}/stat", holder.pid).c_str(), O_RDONLY | O_CLOEXEC)};
  const auto got = file ? ::read(file.get(), text, sizeof text) : 0;
  const std::string_view stat{text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  const auto end = stat.rfind(") ");
  return end != std::string_view::npos && stat.substr(end + 2).starts_with('T');
}

Result<Lock> Lock::acquire(const std::filesystem::path& database, const std::string& command) {
  if (const auto ours = check_rights(database); !ours) return ours.error();
  if (const auto ready = prepare_folder(database); !ready) return ready.error();
  if (const auto ours = check_header(database); !ours) return ours.error();
  const auto path = lock_file(database);
  auto file = open_lock_file(database);
  if (!file) return file.error();
  auto locked = lock_database(database);
  if (!locked) return locked.error();
  auto lock = exclusive();
  if (::fcntl(file->get(), F_OFD_SETLK, &lock) != 0) {
    if (is_refused()) return held(database, read_holder(file->get()));
    return Error{Errc::cannot_create, tr("{}: cannot be locked: {}", path.string(), system_words(errno))};
  }
  if (const auto single = check_links(database); !single) return single.error();
  Lock taken{*std::move(file), *std::move(locked)};
  if (const auto same = taken.check(database); !same) return same.error();
  // The mark stays true until the database changes, however this process ends.
  boost::json::object text{{"pid", static_cast<int>(::getpid())},
                           {"host", host_name()},
                           {"command", command},
                           {"since", format_rfc3339(read_clocks().wall)}};
  if (const auto mark = mark_in(read_lock_text(taken.file_.get())); !mark.empty()) text[k_mark] = mark;
  if (!write_lock_text(taken.file_.get(), text))
    return Error{Errc::io, tr("{}: cannot write the lock file: {}", path.string(), system_words(errno))};
  return taken;
}

std::optional<LockHolder> Lock::holder(const std::filesystem::path& database) {
  const auto file = open_lock_text(database, O_RDONLY);
  const auto pid = pid_of_holder(database);
  auto lock = exclusive();
  // An older version has locked its lock file only.
  if (!pid && (!file || ::fcntl(file.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK))
    return std::nullopt;
  auto said = file ? read_holder(file.get()) : LockHolder{};
  if (!pid || said.pid == *pid) return said;
  LockHolder unnamed;
  unnamed.pid = *pid;
  return unnamed;
}

Result<void> Lock::check(const std::filesystem::path& database) const {
  struct stat ours {
  }, named{};
  if (!database_ ||
      (::fstat(database_.get(), &ours) == 0 && ::stat(real_path(database).c_str(), &named) == 0 &&
       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino))
    return {};
  return Error{Errc::io, tr("{}: was removed or replaced just now; nothing was sent; put it back with "
                            "its -wal and run the same command again",
                            database.string())};
}

}  // namespace cardvoid::ledger
