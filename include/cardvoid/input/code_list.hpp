#pragma once
// Card codes that somebody picked, read at constant memory: one a line, or the column `code` of a CSV file,
// so that what `export` wrote can be handed back.

#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::input {

class CodeList {
 public:
  struct Code {
    std::string_view text;  // valid until the next call
    std::int64_t line = 0;  // where it stands, from 1
  };

  virtual ~CodeList() = default;

  // nullopt at the end. Error: bad_input (65), the file cannot be trusted as a whole.
  virtual Result<std::optional<Code>> next() = 0;
};

// UTF-8 with or without a byte order mark, LF or CRLF; blank lines are skipped and nothing is trimmed. It is
// a CSV file when its first line, read as one, has a field `code` or `code_column`, the input's own name for
// it. Errors: what `read` says, bad_input (65).
Result<std::unique_ptr<CodeList>> read_code_list(ReadBytes read, std::string name,
                                                 const std::string& code_column = "code");

// The same of a file, which may also be GB18030 or, with a byte order mark, UTF-16; "-" is standard input.
// Error: no_input (66) when it cannot be opened.
Result<std::unique_ptr<CodeList>> open_code_list(const std::string& file, const std::string& code_column);

}  // namespace cardvoid::input
