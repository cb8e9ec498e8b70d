#pragma once
// DATABASE.lock: a line of JSON about who holds the job, or held it last, and how the database was left.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/model/own_files.hpp>
#include <filesystem>
#include <optional>
#include <string>

namespace cardvoid::ledger {

inline constexpr const char* k_mark = "left_as";

inline std::filesystem::path lock_file(const std::filesystem::path& database) {
  return real_path(database).string() + model::k_lock_suffix;
}

// A plain file that is there already; nothing else is looked into, waited for or written to. `access`:
// O_RDONLY or O_RDWR.
inline FileDescriptor open_lock_text(const std::filesystem::path& database, int access) {
  FileDescriptor file{::open(lock_file(database).c_str(), access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat facts {};
  return file && ::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) ? std::move(file)
                                                                            : FileDescriptor{};
}

inline std::optional<boost::json::object> read_lock_text(int fd) {
  char text[1024];
  const auto got = ::pread(fd, text, sizeof text, 0);
  return object_from_json({text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
}

inline bool write_lock_text(int fd, const boost::json::object& object) {
  const auto text = to_json(object);
  return ::ftruncate(fd, 0) == 0 &&
         ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

// How the database was left; empty: not known.
inline std::string mark_in(const std::optional<boost::json::object>& text) {
  return text ? text_in(*text, k_mark).value_or("") : std::string{};
}

}  // namespace cardvoid::ledger
