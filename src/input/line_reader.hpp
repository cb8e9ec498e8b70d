#pragma once
// Bytes in blocks → physical lines with their numbers, strictly UTF-8, at constant memory.

#include <cardvoid/input/source.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::input {

inline constexpr std::size_t k_block_bytes = 65'536;
// A line or record longer than this is refused: it is nearly always a closing quote that is missing.
inline constexpr std::size_t k_longest_record_bytes = 65'536;

inline constexpr std::size_t k_longest_signature = 16;
inline constexpr std::string_view k_utf8_mark{"\xEF\xBB\xBF"};

// Whether these first bytes are the signature of a format that is no CSV text at all.
bool is_foreign(std::string_view first);

bool is_ascii(std::string_view text);

class LineReader {
 public:
  struct Line {
    std::string_view bytes;  // with its line feed, where it has one; valid until the next call
    std::int64_t number;     // from 1
  };

  // `advice` ends the message about a byte that is not UTF-8.
  LineReader(ReadBytes read, std::string name, std::string advice = "save the file as UTF-8");

  // nullopt at the end. Errors: bad_input when it is no text, not UTF-8, or a line is too long; what `read`
  // says.
  Result<std::optional<Line>> next();

  // At the end: whether the last line had no line feed, as in a file that was cut off.
  bool ended_in_a_line() const { return ended_in_a_line_; }
  // At the beginning. Programs that add one each make two of it.
  int byte_order_marks() const { return byte_order_marks_; }
  const std::string& name() const { return name_; }

 private:
  Result<void> start();
  Result<void> fill();
  Result<std::optional<Line>> hand_out(std::size_t end);

  ReadBytes read_;
  std::string name_, advice_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, searched_ = 0, end_ = 0;  // unread bytes; up to `searched_` they hold no line feed
  std::int64_t offset_ = 0;                         // of `begin_` in the file
  std::int64_t line_ = 0;
  int byte_order_marks_ = 0;
  bool started_ = false, at_end_ = false, ended_in_a_line_ = false;
};

}  // namespace cardvoid::input
