#pragma once
// What spreadsheets and other programs do to values: wrappers, which are harmless and can be undone, lost
// digits, which cannot be recovered, and words for "no value".

#include <array>
#include <cardvoid/model/card_rules.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "lost_zeros.hpp"
#include "tally.hpp"

namespace cardvoid::input {

using model::k_wrappers;
using model::Wrapper;

// `text` without its wrappers. Counts each kind in `undone`.
std::string_view unwrap(std::string_view text, std::array<std::int64_t, k_wrappers>& undone);

// `text` without the ="…" that `export --excel` writes. No value of a row is one, so undoing it loses
// nothing.
std::string_view without_formula(std::string_view text);

// `text` without wrappers, surrounding blanks and leading marks: where damage is looked for.
std::string_view without_wrappers(std::string_view text);

enum class Column : std::size_t { code, openid, card_id, brand_id, reason };
constexpr std::array<std::string_view, 5> k_column_names{"code", "openid", "card_id", "brand_id", "reason"};

// Looks for destroyed values at constant memory: note() every one, then ask.
class Damage {
 public:
  void note(Column column, std::string_view text, std::int64_t line);

  // Certain damage, with counts and three examples each, codes masked; empty: none.
  std::string destroyed() const;
  // What looks like damage, but too little to refuse the input; empty: none.
  std::string doubtful() const;

 private:
  struct LongOnes {  // all-digit identifiers of one length, from 16 digits on
    void note(std::string_view digits, std::int64_t line);
    std::int64_t count = 0;
    Tally zeroed;            // of them, with nothing but zeros after the 15th digit
    std::string kept;        // the first 15 digits of the one before
    bool is_zeroed = false;  // the one before, and it is counted
  };
  struct Odd {  // values of one kind, by column
    void note(Column column, std::int64_t line);
    std::string words() const;
    std::array<std::int64_t, k_column_names.size()> columns{};
    Tally all;
  };

  std::string zeroed_text(Degree wanted) const;
  std::string text_of(Degree wanted) const;

  static constexpr std::size_t k_longest_code = LostZeros::k_longest_code;
  Tally scientific_;
  std::array<LongOnes, k_longest_code - 15> long_ones_;
  LostZeros lost_zeros_;
  Odd nothing_, fractions_;
};

}  // namespace cardvoid::input
