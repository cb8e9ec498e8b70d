#pragma once
// The exit codes in one table: `--help` prints it, and tests/lint compares README and docs/exit-codes.md with
// it.

#include <span>
#include <string_view>

namespace cardvoid::cli {

struct ExitCode {
  int code;
  std::string_view name, meaning;
};

// All of them, in ascending order.
std::span<const ExitCode> exit_codes();

}  // namespace cardvoid::cli
