#pragma once
// Writes CSV. The input room reads it, with libcsv.

#include <string>
#include <string_view>

namespace cardvoid {

// One field (RFC 4180 section 2). In quotation marks where a reader would otherwise return another text, even
// one that trims spaces.
std::string csv_field(std::string_view text, char delimiter = ',');
// The same at the end of a line that is being written.
void append_csv_field(std::string& line, std::string_view text, char delimiter = ',');

}  // namespace cardvoid
