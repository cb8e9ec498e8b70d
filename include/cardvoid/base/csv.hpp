#pragma once
// Writing CSV. Reading it is the input room's, by libcsv.

#include <string>
#include <string_view>

namespace cardvoid {

// One field (RFC 4180 section 2): in quotation marks where a reader, one that trims spaces too, would else
// not give back the same text.
std::string csv_field(std::string_view text, char delimiter = ',');

}  // namespace cardvoid
