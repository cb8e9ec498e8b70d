#pragma once
// The file that a list was read from, for the record and for the person who approves the list.

#include <cardvoid/base/time.hpp>
#include <optional>
#include <string>

namespace cardvoid::model {

struct ListFile {
  std::string name;                    // as the job file names it; "standard input"
  std::optional<WallTime> changed_at;  // last; nullopt: not a plain file
  std::string sha256;  // of every byte that was read, hex; empty: a query, or not read to its end
};

}  // namespace cardvoid::model
