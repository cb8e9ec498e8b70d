#pragma once
// One run at a time for each results database: a lock that dies with its holder.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/time.hpp>
#include <filesystem>
#include <optional>
#include <string>

namespace cardvoid::ledger {

struct LockHolder {
  int pid = 0;  // in its own pid namespace; 0: not known
  // What its lock file says; empty and zero when that file is gone or is about another process.
  std::string host, command;
  WallTime since{};
};

// "cardvoid run (pid 12 on host, since …)", as far as it is known.
std::string to_text(const LockHolder& holder);

// Whether it was stopped, by Ctrl-Z or SIGSTOP: it keeps the job and does nothing until it is continued.
// False where that cannot be told: it runs on another machine, or hides its pid.
bool is_suspended(const LockHolder& holder);

// A lock on the database file itself, held while this object lives: all names that lead to the file share it,
// and deleting DATABASE.lock does not release it. The kernel releases it however the process ends.
// DATABASE.lock, beside the real file, is locked too, since older versions look there; its text names the
// holder for people.
//
// It must outlive every SQLite connection of this process to the database: closing any descriptor of the file
// drops SQLite's own locks on it (sqlite.org/howtocorrupt.html, section 2.2).
class Lock {
 public:
  // Makes an empty database file (0600) when there is none. Errors: stopped (75) naming the holder;
  // cannot_create (73) when a file cannot be made or opened, or when the database has a second name (a hard
  // link): its write-ahead log belongs to one name only.
  static Result<Lock> acquire(const std::filesystem::path& database, const std::string& command);

  // Who holds it now; nullopt: no process does. Also while this process has the database open.
  static std::optional<LockHolder> holder(const std::filesystem::path& database);

  // Whether the name still leads to the file that is locked. Error: io (74).
  Result<void> check(const std::filesystem::path& database) const;

 private:
  Lock(FileDescriptor file, FileDescriptor database)
      : file_{std::move(file)}, database_{std::move(database)} {}
  FileDescriptor file_;
  FileDescriptor database_;  // none where what has the name is no file; opening it is refused then
};

}  // namespace cardvoid::ledger
