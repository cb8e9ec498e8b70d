#pragma once
// The program of results.on_finish: it gets the result of a run, and its own failure never fails the job. A
// program and not a shell command, so that no shell ever parses text of the job file.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <filesystem>
#include <string_view>

#include "console.hpp"

namespace cardvoid::cli {

// Is it there, and may we start it? Errors: no_input (66), bad_job (78).
Result<void> check_hook(const std::filesystem::path& program);

// Starts it in `folder` with `summary` on its standard input and CARDVOID_EXIT_CODE in its environment, and
// waits for its end, at most `patience`. It has our caller's umask and limits, and no descriptor of ours but
// a pipe for its words, which become log lines. What goes wrong is a warning. A signal to us ends the
// waiting, and the program.
void run_hook(Console& console, const std::filesystem::path& program, const std::filesystem::path& folder,
              std::string_view summary, int exit_code, milliseconds patience = milliseconds{60'000});

}  // namespace cardvoid::cli
