#pragma once

#include <string>

namespace cardvoid {

// This machine's name (gethostname(2)), for records and file names. Thread-safe.
std::string host_name();

}  // namespace cardvoid
