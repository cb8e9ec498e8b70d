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
  int pid = 0;
  std::string host, command;
  WallTime since{};
};

// A lock on DATABASE.lock beside the real file, held while this object lives. The kernel releases it however
// the process ends. The text in the file names the holder for people; no decision rests on it.
class Lock {
 public:
  // Errors: stopped (75) naming the holder; cannot_create (73) when the file cannot be made.
  static Result<Lock> acquire(const std::filesystem::path& database, const std::string& command);

  // Who holds it now; nullopt: no process does. For `status`.
  static std::optional<LockHolder> holder(const std::filesystem::path& database);

 private:
  explicit Lock(FileDescriptor file) : file_{std::move(file)} {}
  FileDescriptor file_;
};

}  // namespace cardvoid::ledger
