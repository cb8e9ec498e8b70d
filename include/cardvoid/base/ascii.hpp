#pragma once
// Classes of ASCII characters. Independent of the locale, unlike <cctype>; false for bytes above 0x7F.

#include <string_view>

namespace cardvoid {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_visible(char c) { return c >= 0x21 && c <= 0x7E; }  // printable and not a space

// True of an empty text, too.
constexpr bool has_only_digits(std::string_view text) {
  for (const char c : text)
    if (!is_digit(c)) return false;
  return true;
}

}  // namespace cardvoid
