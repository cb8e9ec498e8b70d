#include "line_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <cstring>

namespace cardvoid::input {

namespace {

using namespace std::string_view_literals;

// Formats that are not CSV in UTF-8, by their first bytes. Longer signatures first.
struct Signature {
  std::string_view bytes, what;
};
constexpr std::array k_signatures{
    Signature{"\xFF\xFE\0\0"sv, translatable("UTF-32 text; save it as CSV in UTF-8")},
    Signature{"\xFF\xFE"sv, translatable("UTF-16 text (\"Unicode text\"); save it as CSV in UTF-8")},
    Signature{"\xFE\xFF"sv, translatable("UTF-16 text, big-endian; save it as CSV in UTF-8")},
    Signature{"PK\x03\x04"sv,
              translatable("a ZIP archive, perhaps an Excel workbook; save it as CSV in UTF-8")},
    Signature{"\xD0\xCF\x11\xE0"sv, translatable("an old Excel workbook; save it as CSV in UTF-8")},
    Signature{"\x1F\x8B"sv,
              translatable("compressed by gzip; unpack it first, or pipe it in with csv = \"-\"")},
    Signature{sqlite::k_signature,
              translatable("an SQLite database; name it as input.sqlite, with input.query")},
};

const Signature* find_signature(std::string_view first) {
  const auto found = std::find_if(k_signatures.begin(), k_signatures.end(), [&](const Signature& signature) {
    return first.starts_with(signature.bytes);
  });
  return found == k_signatures.end() ? nullptr : found;
}

}  // namespace

// Two ASCII characters of two bytes each.
bool looks_like_utf16(std::string_view first) {
  return first.size() >= 4 && ((first[0] == 0 && first[1] != 0 && first[2] == 0 && first[3] != 0) ||
                               (first[0] != 0 && first[1] == 0 && first[2] != 0 && first[3] == 0));
}

bool is_foreign(std::string_view first) {
  return looks_like_utf16(first) || find_signature(first) != nullptr;
}

// Nearly every line is plain ASCII: eight bytes at a time.
bool is_ascii(std::string_view text) {
  std::uint64_t seen = 0;
  std::size_t at = 0;
  for (; at + sizeof seen <= text.size(); at += sizeof seen) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    seen |= eight;
  }
  for (; at < text.size(); ++at) seen |= static_cast<unsigned char>(text[at]);
  return (seen & 0x8080'8080'8080'8080u) == 0;
}

LineReader::LineReader(ReadBytes read, std::string name, std::string advice)
    : read_{std::move(read)},
      name_{std::move(name)},
      advice_{std::move(advice)},
      buffer_(k_longest_record_bytes + k_block_bytes) {}

Result<void> LineReader::start() {
  started_ = true;
  while (!at_end_ && end_ < k_longest_signature)
    if (const auto filled = fill(); !filled) return filled.error();
  const std::string_view first{buffer_.data(), end_};
  if (const auto* signature = find_signature(first))
    return Error{Errc::bad_input, fmt::format("{}: {}", name_, tr(signature->what.data()))};
  if (looks_like_utf16(first))
    return Error{Errc::bad_input,
                 tr("{}: UTF-16 text without a byte order mark; save it as CSV in UTF-8", name_)};
  for (; first.substr(begin_).starts_with(k_utf8_mark); ++byte_order_marks_) begin_ += k_utf8_mark.size();
  searched_ = begin_;
  offset_ = static_cast<std::int64_t>(begin_);
  return {};
}

// Moves the unread bytes to the front of the buffer and reads one more block behind them.
Result<void> LineReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  searched_ -= begin_;
  begin_ = 0;
  const auto got = read_(std::span{buffer_}.subspan(end_, std::min(k_block_bytes, buffer_.size() - end_)));
  if (!got) return got.error();
  at_end_ = *got == 0;
  end_ += *got;
  return {};
}

Result<std::optional<LineReader::Line>> LineReader::next() {
  if (!started_)
    if (const auto ready = start(); !ready) return ready.error();
  for (;;) {
    const auto* from = buffer_.data() + searched_;
    if (const auto* found = static_cast<const char*>(std::memchr(from, '\n', end_ - searched_)))
      return hand_out(static_cast<std::size_t>(found - buffer_.data()) + 1);
    searched_ = end_;
    if (end_ - begin_ > k_longest_record_bytes)
      return Error{Errc::bad_input, tr("{}:{}: longer than 64 KiB without a line feed; is this a CSV file?",
                                       name_, line_ + 1)};
    if (at_end_ && begin_ == end_) return std::nullopt;
    if (at_end_) {
      ended_in_a_line_ = true;
      return hand_out(end_);
    }
    if (const auto filled = fill(); !filled) return filled.error();
  }
}

Result<std::optional<LineReader::Line>> LineReader::hand_out(std::size_t end) {
  const Line line{{buffer_.data() + begin_, end - begin_}, ++line_};
  if (!is_ascii(line.bytes)) {
    if (const auto bad = find_invalid_utf8(line.bytes))
      return Error{Errc::bad_input, tr("{}:{}: byte 0x{:02X} at offset {} is not valid UTF-8; {}", name_,
                                       line.number, static_cast<unsigned char>(line.bytes[*bad]),
                                       offset_ + static_cast<std::int64_t>(*bad), advice_)};
  }
  offset_ += static_cast<std::int64_t>(line.bytes.size());
  begin_ = searched_ = end;
  return line;
}

}  // namespace cardvoid::input
