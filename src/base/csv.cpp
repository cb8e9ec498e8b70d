#include <cardvoid/base/csv.hpp>

namespace cardvoid {

std::string csv_field(std::string_view text, char delimiter) {
  const char special[]{delimiter, '"', '\r', '\n', '\0'};
  if (text.empty() ||
      (text.find_first_of(special) == std::string_view::npos && text.front() != ' ' && text.back() != ' '))
    return std::string{text};
  std::string field{'"'};
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + '"';
}

}  // namespace cardvoid
