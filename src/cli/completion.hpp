#pragma once
// Completions for shells, made from the table of commands.

#include <string>

namespace cardvoid::cli {

enum class Shell { bash, zsh, fish };

// A script to be sourced, or to be put where the shell looks for completions. It calls no program.
std::string completion_script(Shell shell);

}  // namespace cardvoid::cli
