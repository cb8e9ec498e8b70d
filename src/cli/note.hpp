#pragma once
// The note that a person leaves on record.

#include "command.hpp"

namespace cardvoid::cli {

Flag note_flag(std::string_view help, std::string& note);

// Takes the spaces around it away. Error: usage (64) when nothing is left, or when it is no single line of
// text of at most 500 characters.
Result<void> check_note(std::string_view command, std::string& note);

}  // namespace cardvoid::cli
