#pragma once

#include <sys/types.h>

#include <string>

namespace cardvoid {

// This machine's name (gethostname(2)), for records and file names. Thread-safe.
std::string host_name();

// The operating system's name of a user, for records; "uid 1001" where it has none. May ask a directory
// service, and wait for it. Thread-safe.
std::string user_name(uid_t user);
// The same of the user who runs this process.
std::string user_name();

}  // namespace cardvoid
