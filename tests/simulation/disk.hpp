#pragma once
// A disk in memory, as a SQLite VFS (sqlite.org/vfs.html), that does to a database what a real one may do: it
// forgets what was not synced, tears writes, fills up, fails. For one thread; the same seed does the
// same.
//
// What is durable: the bytes of a file once xSync has returned for it. Its name too, as on ext4 and XFS. All
// names, a deletion's among them, once xDelete was asked to sync the folder or a connection has synced a
// journal or a WAL for the first time: SQLite's own unix VFS syncs the folder then (os_unix.c, unixSync).
// There is one folder. Anything else is what a power loss decides upon.
//
// Told to SQLite as its unix VFS tells it: sectors of 4096 bytes; overwriting does not damage what lies
// beside (SQLITE_IOCAP_POWERSAFE_OVERWRITE). So it writes here exactly what it writes in production. Tearing
// is finer, at 512 bytes: SQLite takes no sector to be written at once (sqlite.org/atomiccommit.html,
// section 2).

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::simulation {

// What changes a disk. They are numbered from 0; reading, opening and locking are not counted.
struct Operation {
  enum Kind { write, truncate, sync, remove };
  std::uint64_t number;
  Kind kind;
  std::string_view file;  // empty: one without a name, for SQLite's own use
  std::int64_t offset;    // of a write; a truncated file's new size
  std::int64_t size;      // of a write
};

enum class Fault {
  disk_full,    // a write: SQLITE_FULL
  write_error,  // a write: SQLITE_IOERR_WRITE
  sync_error,   // a sync: SQLITE_IOERR_FSYNC
};

enum class Lasting { once, until_cleared };

class Disk {
 public:
  // An empty disk that connections reach by the VFS name. They must be closed before it goes.
  Disk(std::string vfs_name, std::uint64_t seed);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk();

  // From now on, connections that name no VFS come here as well, and SQLite draws its random numbers here.
  // The destructor restores the previous default.
  void become_default();

  // As new: no files, no faults, operations counted from 0. Connections still open are dead.
  void reset(std::uint64_t seed);

  // The process dies, the machine lives on. Every handle is dead: calls on it fail with SQLITE_IOERR and
  // change nothing. Locks and shared memory are gone; what was written is there.
  void kill();

  // The machine dies as well: what was not synced is kept, lost or torn by the sector, each write on its own.
  void power_loss();

  // Operation `number` is cut short, if it is a write after a part of it; all calls after it fail with
  // SQLITE_IOERR and change nothing, until kill() or power_loss() says what it was.
  void crash_at(std::uint64_t number) { crash_at_ = number; }
  bool crashed() const { return crashed_; }

  // The first operation that it fits, from `number` on, fails, or all of them do; a new process does not mend
  // that. A failed write may have written a part. After a failed sync no later one makes durable what was
  // written before it, though reads still show it: Linux takes the pages for clean (lwn.net/Articles/752063).
  void fail_at(std::uint64_t number, Fault fault, Lasting lasting = Lasting::once);
  void clear_faults() { faults_.clear(); }

  std::uint64_t operations() const { return operations_; }  // so far; the next one has this number
  std::function<void(const Operation&)> before;             // for tracing; must not throw

  std::chrono::microseconds slept() const { return slept_; }  // for locks; no time passes for it
  std::map<std::string, std::string> contents() const;        // of all files, as reads see them

 private:
  struct File;
  struct Handle;
  struct Calls;
  struct Entry {
    std::shared_ptr<File> now, durable;  // null: there is no such file
  };
  struct PlannedFault {
    std::uint64_t from;
    Fault fault;
    Lasting lasting;
  };

  int admit(Operation::Kind kind, std::string_view file, std::int64_t offset, std::int64_t size);
  std::shared_ptr<File> make_file();
  File* find(std::string_view name) const;
  void sync_folder();
  void end_process();

  std::string vfs_name_;
  sqlite3_vfs vfs_{};
  sqlite3_vfs* former_default_ = nullptr;  // null: we are not the default

  std::mt19937_64 random_;
  std::vector<std::unique_ptr<File>> spare_;  // with memory that need not be asked for again
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t process_ = 0;  // handles of an earlier one are dead
  std::uint64_t operations_ = 0;
  std::uint64_t crash_at_ = UINT64_MAX;
  bool crashed_ = false;
  std::vector<PlannedFault> faults_;
  std::chrono::microseconds slept_{0};
};

}  // namespace cardvoid::simulation
