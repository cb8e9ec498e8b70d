#pragma once
// Leading zeros that a spreadsheet took from card codes made of digits, told by counting: a code without its
// zeros looks like any other.
//
// A random code begins with 0 as often as with each other digit. So where one length has lost its zeros, no
// code of that length begins with 0, and those that did are there too, as shorter ones: as many as begin with
// 1, with 2 and so on, nine in ten of them a digit shorter, one in ten two digits, and again each first digit
// as often as the others.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tally.hpp"

namespace cardvoid::input {

enum class Degree { none, doubtful, certain };

class LostZeros {
 public:
  static constexpr std::size_t k_longest_code = 32;
  static constexpr std::size_t k_shortest_certain =
      8;  // own numbers of a merchant, without zeros, are shorter

  void note(std::string_view code, std::int64_t line);  // codes with other characters do not count

  // The lengths of that degree in words, with their figures and three examples; empty: none.
  std::string text_of(Degree wanted) const;

 private:
  using Digits = std::array<std::int64_t, 10>;  // how many codes have 0, 1, … there
  struct Length {
    Tally codes;
    Digits first{}, second{};
    std::int64_t count() const { return codes.count(); }
    bool is_text() const { return first[0] > 0; }  // a code that begins with 0 was never a number
  };

  bool has_lost_zeros(std::size_t digits) const;
  bool has_few_shorter(std::size_t digits) const;
  bool has_others(std::size_t digits) const;
  std::int64_t shorter(std::size_t digits, std::size_t by) const;
  Tally shortened(std::size_t digits) const;  // the codes that lost zeros, if it has
  std::string likely_words(std::size_t digits) const;
  std::string few_words(std::size_t digits) const;

  std::array<Length, k_longest_code + 1> lengths_;
};

}  // namespace cardvoid::input
