#pragma once
// What spreadsheets do to identifiers: wrappers, which are harmless and can be undone, and lost digits, which
// cannot be recovered.

#include <array>
#include <cardvoid/model/card_rules.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::input {

using model::k_wrappers;
using model::Wrapper;

// `text` without its wrappers. Counts each kind in `undone`.
std::string_view unwrap(std::string_view text, std::array<std::int64_t, k_wrappers>& undone);

// True for 4.78516E+23; also with a comma (German or French spreadsheets) and without the plus (Java).
bool is_scientific(std::string_view text);

// `text` without wrappers, surrounding blanks and leading marks: where damage is looked for.
std::string_view without_wrappers(std::string_view text);

// Looks for destroyed digits at constant memory: note() every identifier, then ask.
class Damage {
 public:
  void note(std::string_view identifier, std::int64_t line);
  void note_code(std::string_view code, std::int64_t line);

  // Certain damage, with counts and three examples each, codes masked; empty: none.
  std::string destroyed() const;
  // What looks like damage, but too little to refuse the input; empty: none.
  std::string doubtful() const;

 private:
  struct Example {
    std::int64_t line = 0;
    std::string masked;  // empty: too short to show a part of it
  };
  struct Tally {
    void add(std::string_view identifier, std::int64_t line);
    void add(const Tally& other);
    std::string examples() const;  // " (line 2 ****E+23, line 7 ****E+22, …)"
    std::int64_t count = 0;
    std::array<Example, 3> first;  // in the order of their lines
  };
  enum class Degree { none, doubtful, certain };

  std::string zeroed_text(Degree wanted) const;
  struct Shorter;
  Shorter find_shorter() const;
  std::string text_of(Degree wanted) const;

  static constexpr std::size_t k_longest_code = 32;
  Tally scientific_;
  struct LongOnes {
    std::int64_t count = 0;
    Tally zeroed;  // of them, with nothing but zeros after the 15th digit
  };
  std::array<LongOnes, k_longest_code - 15> long_ones_;  // all-digit identifiers by length, from 16 digits on
  std::array<Tally, k_longest_code + 1> by_length_;      // all-digit codes
};

}  // namespace cardvoid::input
