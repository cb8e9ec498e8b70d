#pragma once
// Other encodings → UTF-8 by libc's iconv, strictly: a byte that does not fit ends the input and never
// becomes a replacement character. Stands between the file and the LineReader, at constant memory.

#include <cardvoid/input/source.hpp>
#include <string>
#include <string_view>

namespace cardvoid::input {

struct Decoded {
  ReadBytes read;         // UTF-8; its blocks must have room for 16 bytes
  std::string_view from;  // "GB18030"; empty: nothing was decoded, the LineReader checks that it is UTF-8
  // Asked at the end: with GBK or GB18030, was all of it valid UTF-8, too, and not just ASCII?
  std::function<bool()> was_utf8_as_well;
  bool is_assumed = false;  // by what the whole file holds
};

// A byte order mark goes first; one that contradicts the job is an error (bad_input). The other errors, with
// line and offset, come from `read`.
Result<Decoded> decode(ReadBytes read, const std::string& name, model::Encoding encoding);

// For encoding = "auto": whether the input has no byte order mark, is not UTF-8 and is GB18030 from end to
// end. `from_start` begins anew with each call. Error: it is neither (bad_input).
Result<bool> is_gb18030(const std::function<Result<ReadBytes>()>& from_start, const std::string& name);

}  // namespace cardvoid::input
