#pragma once
// DATABASE.lock: a line of JSON about who holds the job, or held it last, and how the database was left.

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <optional>
#include <string>

namespace cardvoid::ledger {

inline constexpr const char* k_mark = "left_as";

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
