#pragma once
// Personal data in logs and error messages (platform.md section 9).

#include <string>
#include <string_view>

namespace cardvoid {

// An openid or card code for a log line: only its last four characters, "****gLBA". Values of eight
// characters and less vanish whole.
std::string mask(std::string_view identifier);

// `text` with every occurrence of `identifier` masked: messages of the platform may repeat an openid.
std::string mask_in(std::string_view text, std::string_view identifier);

}  // namespace cardvoid
