#pragma once
// The pages that --help prints, made from the table of commands.

#include <string>

#include "command.hpp"

namespace cardvoid::cli {

std::string main_help();
std::string command_help(const Command& command);

// Prints the page of `command`; null: the main one.
Call help_call(const Command* command);

}  // namespace cardvoid::cli
