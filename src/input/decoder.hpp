#pragma once
// Other encodings → UTF-8 by libc's iconv, strictly: an invalid byte ends the input and never
// becomes a replacement character. Sits between the file and the LineReader, at constant memory.

#include <cardvoid/input/source.hpp>
#include <string>
#include <string_view>

namespace cardvoid::input {

struct Decoded {
  ReadBytes read;         // UTF-8; its blocks must have room for 16 bytes
  std::string_view from;  // "GB18030"; empty: nothing was decoded, the LineReader checks that it is UTF-8
  // Ask at the end. True if text read as GBK or GB18030 was also valid UTF-8 and more than ASCII.
  std::function<bool()> was_utf8_as_well;
  bool is_assumed = false;                     // from the content of the whole file
  std::function<model::ListFile()> file = {};  // what `read` reads; empty: a stream without a name of its own
};

// A byte order mark goes first; one that contradicts the job is an error (bad_input). The other errors, with
// line and offset, come from `read`.
Result<Decoded> decode(ReadBytes read, const std::string& name, model::Encoding encoding);

// For encoding = "auto": whether the input has no byte order mark, is not UTF-8 and is GB18030 from end to
// end. `from_start` returns a new reader from the start. Error (bad_input): it is neither.
Result<bool> is_gb18030(const std::function<Result<ReadBytes>()>& from_start, const std::string& name);

}  // namespace cardvoid::input
