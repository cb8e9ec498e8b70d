#pragma once
// What the fields of a card may hold (docs/platform.md section 1.1): the one rule for lines of the input, for
// [defaults] of the job file and for the list of protected cards. Pure.

#include <cardvoid/model/row.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::model {

// What people put around a value so that a spreadsheet does not take it for a number.
enum class Wrapper { formula, mark, tabs };  // ="0123" · '0123 or `0123 · 0123 with a tab behind
constexpr std::size_t k_wrappers = 3;

// The outermost one. A leading ' or ` counts only when all the rest are digits: 'a/b is a code like any
// other.
std::optional<Wrapper> find_wrapper(std::string_view text);

// What programs write where there is no value: NULL, \N, #N/A, nan, undefined, -, #####, ?? and the like, in
// any case. No identifier of anybody: such a line would send nothing and protect no one.
bool means_nothing(std::string_view text);

// 478516783262.0 or 478516783262,0: digits that a program took for a number.
bool has_fraction_of_zeros(std::string_view text);

// 478,516,783,262: likewise. From 9 digits on. Points may belong to a code: 478.516.783.262.
bool is_grouped(std::string_view text);

// True for 4.78516E+23; also with a comma (German or French spreadsheets) and without the plus (Java).
bool is_scientific(std::string_view text);

// brand_id and card_id: 1 to 32 printable ASCII characters without spaces, and none of the first two above.
// Nor with ** inside, which is how codes and openids are masked. Empty text: nothing is wrong.
std::string_view fault_of_identifier(std::string_view text);

// invalid_reason: at most 32 characters of UTF-8, one line, nothing beyond the Basic Multilingual Plane, not
// only spaces. An empty reason is allowed: it is left out of the request. Empty text: nothing is wrong.
std::string_view fault_of_reason(std::string_view reason);

// Valid UTF-8 without control characters: every part of every card that is read from a list. It may hold
// characters that show nothing, such as a zero-width space.
bool is_text(std::string_view part);

// Checks a whole card. The first fault as "card_id: empty"; empty text: nothing is wrong.
std::string find_fault(const Card& card);

}  // namespace cardvoid::model
