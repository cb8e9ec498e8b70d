#pragma once

#include <string>

namespace cardvoid::support {

// Without the line breaks that fit a text to a terminal.
inline std::string unfolded(std::string text) {
  for (auto at = text.find("\n  "); at != std::string::npos; at = text.find("\n  ", at)) {
    const auto end = text.find_first_not_of(' ', at + 1);
    text.replace(at, end - at, " ");
  }
  return text;
}

}  // namespace cardvoid::support
