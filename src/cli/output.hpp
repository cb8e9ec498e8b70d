#pragma once
// Where -o leads.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "console.hpp"

namespace cardvoid::cli {

// A private file, or standard output where the name is empty or "-".
class Output {
 public:
  // Error: io (74).
  static Result<Output> open(Console& console, const std::filesystem::path& file);
  // Whole lines: on a terminal what would steer it is escaped.
  void write(std::string_view text);
  // Returns the exit code, once what went wrong has been told.
  int finish();

 private:
  explicit Output(Console& console);
  Console* console_;
  std::optional<PrivateFile> file_;
  bool is_terminal_;     // standard output is one
  std::string pending_;  // for standard output
};

}  // namespace cardvoid::cli
