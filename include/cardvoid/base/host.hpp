#pragma once

#include <string>

namespace cardvoid {

// What this machine calls itself (gethostname(2)), for records and names of files. Thread-safe.
std::string host_name();

}  // namespace cardvoid
