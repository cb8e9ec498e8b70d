#pragma once
// What to do next, and the command that does it.

#include <string>

namespace cardvoid::report {

struct Step {
  std::string words, command;  // command: to be pasted into a shell; may be empty
};

// "carry on: cardvoid run gold.toml"
std::string to_line(const Step& step);

}  // namespace cardvoid::report
