#pragma once
// Personal data in logs and error messages (docs/platform.md section 9).

#include <string>
#include <string_view>

namespace cardvoid {

// What stands for the characters that are not shown.
inline constexpr std::string_view k_masked{"****"};

// An openid or card code for a log line: its last four characters only, "****gLBA". A value of at most
// eight characters becomes "****".
std::string mask(std::string_view identifier);

// Masks `identifier` in a peer's text: whole or a piece of eight characters or more of it, in upper or lower
// case, percent-encoded (twice too), as JSON or HTML escape it, in base64 or hex. Costs time by the product
// of both lengths: cut the text first.
std::string mask_in(std::string_view text, std::string_view identifier);

// Masks every word that may be an identifier of somebody: twelve characters or more with a digit or with a
// capital inside. Of what stays, dates and error codes can be read, and of what goes, the last four
// characters.
std::string mask_words(std::string_view text);

}  // namespace cardvoid
