#pragma once

#include <array>
#include <string_view>

namespace cardvoid::input {

struct Delimiter {
  char mark;
  std::string_view name, value;  // in words; as the job file has it
};

inline constexpr std::array k_delimiters{Delimiter{',', "comma", "\",\""},
                                         Delimiter{';', "semicolon", "\";\""},
                                         Delimiter{'\t', "tab", "\"tab\""}};

}  // namespace cardvoid::input
