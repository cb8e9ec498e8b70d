#include <array>
#include <cardvoid/base/csv.hpp>

namespace cardvoid {

namespace {

// Characters that need marks with any delimiter. A table: an export asks for hundreds of millions.
constexpr auto k_is_special = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '\r', '\n'}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool needs_marks(std::string_view text, char delimiter) {
  if (text.empty()) return false;
  if (text.front() == ' ' || text.back() == ' ') return true;
  bool needs = false;
  for (const char c : text) needs |= k_is_special[static_cast<unsigned char>(c)] | (c == delimiter);
  return needs;
}

}  // namespace

void append_csv_field(std::string& line, std::string_view text, char delimiter) {
  if (!needs_marks(text, delimiter)) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

std::string csv_field(std::string_view text, char delimiter) {
  std::string field;
  append_csv_field(field, text, delimiter);
  return field;
}

}  // namespace cardvoid
