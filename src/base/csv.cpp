#include <cardvoid/base/csv.hpp>

namespace cardvoid {

namespace {

bool needs_marks(std::string_view text, char delimiter) {
  if (text.empty()) return false;
  if (text.front() == ' ' || text.back() == ' ') return true;
  for (const char c : text)
    if (c == delimiter || c == '"' || c == '\r' || c == '\n') return true;
  return false;
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
