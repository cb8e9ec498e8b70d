#pragma once
// The program: words in, exit code out.

namespace cardvoid::cli {

// Runs the command that the words name and returns the exit code (docs/exit-codes.md).
int run(int argc, const char* const* argv);

}  // namespace cardvoid::cli
