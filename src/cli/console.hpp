#pragma once
// Where words go: the answer to standard output, everything else to standard error. log() is thread-safe.

#include <cardvoid/base/error.hpp>
#include <cardvoid/report/progress.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "options.hpp"

namespace cardvoid::cli {

class Console {
 public:
  explicit Console(const Options& options) : options_{options} {}

  // Prints the error, a line for each of its lines, and returns its exit code.
  int fail(const Error& error);
  // A part of the command's answer. Returns false when standard output cannot take it.
  bool answer(std::string_view text);
  void log(LogLevel level, std::string_view text);
  // The progress display that log lines must not run into; null takes it away.
  void attach(report::Progress* progress);
  const Options& options() const { return options_; }

 private:
  const Options& options_;
  std::mutex mutex_;  // guards what follows, and keeps lines whole
  report::Progress* progress_ = nullptr;
};

}  // namespace cardvoid::cli
