#pragma once
// What is read from an input.

#include <cardvoid/input/source.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "support/temp_folder.hpp"

namespace cardvoid::input {

using support::TempFolder;

inline Result<std::unique_ptr<Source>> open(const model::Input& what, const Patience& patience = {}) {
  return open(what, {"1004", "pDefault", ""}, model::Api::partner, "", patience);
}

using Found = std::vector<std::string>;

// "code@line" for a row, "!line cause" for a refused one; ends with "error: …" where there was one.
inline Found read(Source& source) {
  Found found;
  for (;;) {
    const auto record = source.next();
    if (!record) found.push_back("error: " + record.error().what);
    if (!record || !*record) return found;
    if (const auto* row = std::get_if<model::InputRow>(&**record))
      found.push_back(row->card.code + '@' + std::to_string(row->source_line));
    else
      found.push_back('!' + std::to_string(std::get<Refused>(**record).source_line) + ' ' +
                      std::get<Refused>(**record).cause);
  }
}

inline Found read(const model::Input& what) {
  const auto source = open(what);
  if (!source) return {"error: " + source.error().what};
  return read(**source);
}

}  // namespace cardvoid::input
