#pragma once
// safety.protect: cards that must never be sent, as a CSV file (model::Protection). Strict where the input is
// patient: a line that cannot match would protect nobody, and nobody would notice.

#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/model/row.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace cardvoid::input {

class ProtectList {
 public:
  virtual ~ProtectList() = default;

  // nullopt at the end. Error: bad_input (65) with file and line.
  virtual Result<std::optional<model::Protection>> next() = 0;
};

// Any of the columns code, card_id, openid and brand_id, in any order, under our names or those that
// `input.columns` has for them; others are ignored. UTF-8; comma, semicolon or tab, found from the header.
// `input` also says whether wrappers are undone and damage is accepted. Errors: what `read` says, bad_input.
Result<std::unique_ptr<ProtectList>> read_protect_list(ReadBytes read, std::string name,
                                                       const model::Input& input);

// The same of a file, which may also be GB18030 or, with a byte order mark, UTF-16. Error: no_input (66) when
// it cannot be opened.
Result<std::unique_ptr<ProtectList>> open_protect_list(const std::filesystem::path& file,
                                                       const model::Input& input);

}  // namespace cardvoid::input
