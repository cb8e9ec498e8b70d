#pragma once
// A list of card codes: one per line, or the column `code` of a CSV file such as `export` writes. Read at
// constant memory.

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
    std::int64_t line = 0;  // from 1
  };

  // UTF-8 with or without a byte order mark, LF or CRLF; blank lines are skipped and nothing is trimmed but
  // the
  // ="…" of `export --excel`. It
  // is a CSV file when its first line, read as one, has a field `code` or `code_column`, the input's own name
  // for it. Errors: what `read` says, bad_input (65).
  static Result<CodeList> read(ReadBytes read, std::string name, const std::string& code_column = "code");

  // The same of a file, which may also be GB18030 or, with a byte order mark, UTF-16; "-" is standard input.
  // Error: no_input (66) when it cannot be opened.
  static Result<CodeList> open(const std::string& file, const std::string& code_column);

  CodeList(CodeList&&) noexcept;
  CodeList& operator=(CodeList&&) noexcept;
  ~CodeList();

  // nullopt at the end. Error: bad_input (65), the file cannot be trusted as a whole.
  Result<std::optional<Code>> next();

 private:
  class State;
  explicit CodeList(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::input
