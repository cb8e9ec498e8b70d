#pragma once
// The manual page, made from the table of commands when the program is built (cmake/Manual.cmake).

#include <string>

namespace cardvoid::cli {

// In man(7)'s language, ASCII only.
std::string manual_page();

}  // namespace cardvoid::cli
