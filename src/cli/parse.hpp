#pragma once
// The command line, read by CLI11 as the table of commands says.

#include <cardvoid/base/error.hpp>

#include "command.hpp"

namespace cardvoid::cli {

// What the words call; fills `globals`, which must outlive the call. Error: usage (64).
Result<Call> parse(int argc, const char* const* argv, Globals& globals);

// For a word that is no command's name, with the nearest one that is.
Error unknown_command(std::string_view word);

}  // namespace cardvoid::cli
