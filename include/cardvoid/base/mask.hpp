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

// Masks every occurrence of `identifier` in `text`: a message of the platform may repeat an openid.
std::string mask_in(std::string_view text, std::string_view identifier);

}  // namespace cardvoid
