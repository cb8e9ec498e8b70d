#include "decoder.hpp"

#include <fmt/format.h>
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/owned.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <vector>

#include "line_reader.hpp"

namespace cardvoid::input {

namespace {

using namespace std::string_view_literals;
using Iconv = Owned<std::remove_pointer_t<iconv_t>, iconv_close>;

constexpr std::size_t k_longest_mark = 4;
constexpr const char* k_advice =
    translatable("; has it been put together from files in different encodings? Save it as UTF-8");

struct Mark {
  std::string_view bytes, encoding;
};
// UTF-32 is refused by the LineReader; its mark begins like UTF-16's.
constexpr std::array k_marks{Mark{"\xFF\xFE\0\0"sv, ""}, Mark{"\xFF\xFE"sv, "UTF-16LE"},
                             Mark{"\xFE\xFF"sv, "UTF-16BE"}, Mark{"\xEF\xBB\xBF"sv, "UTF-8"},
                             Mark{"\x84\x31\x95\x33"sv, "GB18030"}};

const Mark* find_mark(std::string_view first) {
  const auto found = std::find_if(k_marks.begin(), k_marks.end(),
                                  [&](const Mark& mark) { return first.starts_with(mark.bytes); });
  return found == k_marks.end() ? nullptr : found;
}

// glibc's GBK is Microsoft's code page 936, with the euro sign at 0x80, as Excel writes it. GB18030 reads all
// its pairs alike and adds more, so the narrower one is the stricter.
std::string_view name_of(model::Encoding encoding) {
  switch (encoding) {
    case model::Encoding::automatic: break;
    case model::Encoding::utf8: return "UTF-8";
    case model::Encoding::gbk: return "GBK";
    case model::Encoding::gb18030: return "GB18030";
  }
  return {};
}

// Valid UTF-8 in pieces of any size.
class Utf8Check {
 public:
  void feed(std::string_view bytes) {
    if (!valid_ || (rest_.empty() && is_ascii(bytes))) return;
    is_plain_ = false;
    rest_ += bytes;
    const auto bad = find_invalid_utf8(rest_);
    valid_ = !bad || rest_.size() - *bad < 4;  // it may continue in the next piece
    rest_.erase(0, bad.value_or(rest_.size()));
  }
  bool may_be_valid() const { return valid_; }
  bool is_valid() const { return valid_ && rest_.empty(); }
  bool is_plain() const { return is_plain_; }

 private:
  std::string rest_;
  bool valid_ = true, is_plain_ = true;
};

// Finds a line of UTF-8 in what is said to be GBK or GB18030: such files are put together from two, and
// decoding them makes nonsense of that line without an error. Certain enough are two characters of three
// bytes (Chinese ones) with a byte that GB2312, and so nearly all Chinese text in GBK, never has: below 0xA1.
class MixtureCheck {
 public:
  // `offset` of `bytes` in the file. False: found.
  bool feed(std::string_view bytes, std::int64_t offset) {
    while (!found_ && !bytes.empty()) {
      const auto end = bytes.find('\n');
      const auto piece = bytes.substr(0, end);
      is_judged_ =
          is_judged_ && line_.size() + piece.size() <= k_longest_record_bytes;  // else it is refused anyway
      if (is_judged_) line_ += piece;
      offset += static_cast<std::int64_t>(piece.size());
      if (end == std::string_view::npos) break;
      found_ = is_judged_ && is_utf8_line(false);
      if (found_) break;
      line_.clear();
      is_judged_ = true;
      ++number_;
      line_offset_ = ++offset;
      bytes.remove_prefix(end + 1);
    }
    return !found_;
  }
  bool finish() {
    found_ = found_ || (is_judged_ && is_utf8_line(true));
    return !found_;
  }
  std::int64_t end() const { return line_offset_ + static_cast<std::int64_t>(line_.size()); }  // of that line
  std::string text(const std::string& name) const {
    const auto first = std::find_if(line_.begin(), line_.end(), [](char c) { return (c & 0x80) != 0; });
    const auto byte = static_cast<unsigned char>(*first);
    const auto offset = line_offset_ + (first - line_.begin());
    if (all_utf8_)
      return tr("{}:{}: reads as UTF-8 like all before it, from byte 0x{:02X} at offset {} on", name, number_,
                byte, offset);
    return tr("{}:{}: reads as UTF-8, from byte 0x{:02X} at offset {} on", name, number_, byte, offset);
  }

 private:
  // The file may have been cut off within the last character.
  bool is_utf8_line(bool is_last) {
    if (is_ascii(line_)) return false;
    if (const auto bad = find_invalid_utf8(line_); bad && !(is_last && line_.size() - *bad < 4)) {
      all_utf8_ = false;
      return false;
    }
    const auto count = [&](unsigned char from, unsigned char to) {
      return std::count_if(line_.begin(), line_.end(), [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= from && byte <= to;
      });
    };
    return count(0xE0, 0xEF) >= 2 && count(0x80, 0xA0) > 0;
  }

  std::string line_;
  std::int64_t number_ = 1, line_offset_ = 0;
  bool found_ = false, is_judged_ = true;
  bool all_utf8_ = true;  // the lines so far
};

class Decoder {
 public:
  // `first` has been read already.
  Decoder(ReadBytes read, std::string name, std::string_view encoding, Iconv converter,
          std::string_view first)
      : read_{std::move(read)},
        name_{std::move(name)},
        encoding_{encoding},
        converter_{std::move(converter)},
        buffer_(k_block_bytes + k_longest_mark) {
    end_ = first.copy(buffer_.data(), first.size());
    note(first);
  }

  Result<std::size_t> operator()(std::span<char> block) {
    for (;;) {
      const auto converted = convert(block);
      if (converted.bytes > 0) {
        line_ +=
            std::count(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(converted.bytes), '\n');
        return converted.bytes;
      }
      if (is_mixed_ && converted.error != EILSEQ) return mixed();
      if (converted.error == EILSEQ || (at_end_ && begin_ < end_)) return broken();
      if (at_end_) return std::size_t{0};
      if (const auto filled = fill(); !filled) return filled.error();
    }
  }

  bool was_utf8_as_well() const { return utf8_.is_valid() && !utf8_.is_plain(); }

 private:
  struct Converted {
    std::size_t bytes;
    int error;
  };

  // As much as fits. What stands before a fault is handed out first.
  Converted convert(std::span<char> block) {
    char* in = buffer_.data() + begin_;
    const auto usable = is_mixed_ ? begin_ + static_cast<std::size_t>(mixture_.end() - offset_) : end_;
    auto in_left = usable - begin_;
    char* out = block.data();
    auto out_left = block.size();
    const bool failed =
        iconv(converter_.get(), &in, &in_left, &out, &out_left) == static_cast<std::size_t>(-1);
    const int error = failed ? errno : 0;
    offset_ += static_cast<std::int64_t>(usable - in_left - begin_);
    begin_ = usable - in_left;
    return {block.size() - out_left, error};
  }

  // The few bytes of an unfinished character move to the front.
  Result<void> fill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const auto got = read_(std::span{buffer_}.subspan(end_));
    if (!got) return got.error();
    note({buffer_.data() + end_, *got});
    at_end_ = *got == 0;
    if (at_end_ && is_chinese_) is_mixed_ = !mixture_.finish();
    end_ += *got;
    return {};
  }

  void note(std::string_view bytes) {
    if (!is_chinese_) return;
    utf8_.feed(bytes);
    is_mixed_ = is_mixed_ || !mixture_.feed(bytes, read_so_far_);
    read_so_far_ += static_cast<std::int64_t>(bytes.size());
  }

  Error mixed() const {
    return {Errc::bad_input, tr("{}, and the file is taken for {}", mixture_.text(name_), encoding_)};
  }

  Error broken() const {
    return {Errc::bad_input, tr("{}:{}: byte 0x{:02X} at offset {} is not valid {}", name_, line_,
                                static_cast<unsigned char>(buffer_[begin_]), offset_, encoding_)};
  }

  ReadBytes read_;
  std::string name_;
  std::string_view encoding_;
  Iconv converter_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::int64_t offset_ = 0;  // of `begin_` in the file
  std::int64_t line_ = 1;
  bool at_end_ = false;
  bool is_chinese_ = encoding_.starts_with("GB");
  Utf8Check utf8_;
  MixtureCheck mixture_;
  std::int64_t read_so_far_ = 0;
  bool is_mixed_ = false;
};

// Begins with what was read ahead.
ReadBytes after(std::string first, ReadBytes read) {
  return [first = std::move(first), read = std::move(read),
          at = std::size_t{0}](std::span<char> block) mutable -> Result<std::size_t> {
    if (at == first.size()) return read(block);
    const auto size = first.copy(block.data(), block.size(), at);
    at += size;
    return size;
  };
}

Result<std::string> read_first(const ReadBytes& read, std::size_t most) {
  std::string first(most, '\0');
  std::size_t size = 0;
  while (size < first.size()) {
    const auto got = read(std::span{first}.subspan(size));
    if (!got) return got.error();
    if (*got == 0) break;
    size += *got;
  }
  first.resize(size);
  return first;
}

Result<std::shared_ptr<Decoder>> make_decoder(ReadBytes read, const std::string& name,
                                              std::string_view encoding, std::string_view first) {
  const auto opened = iconv_open("UTF-8", std::string{encoding}.c_str());
  if (opened == reinterpret_cast<iconv_t>(-1))
    return Error{Errc::bad_input, tr("{}: this system's C library cannot decode {} (its gconv module "
                                     "is not installed); save the file as UTF-8",
                                     name, encoding)};
  return std::make_shared<Decoder>(std::move(read), name, encoding, Iconv{opened}, first);
}

Result<bool> is_utf8(const ReadBytes& read) {
  Utf8Check check;
  std::vector<char> block(k_block_bytes);
  for (;;) {
    const auto got = read(block);
    if (!got) return got.error();
    if (*got == 0) return check.is_valid();
    check.feed({block.data(), *got});
    if (!check.may_be_valid()) return false;
  }
}

// Offset of the first character of Unicode's private use area: GB18030 has pairs for it that no text uses.
std::size_t find_private_use(std::string_view utf8) {
  for (auto at = utf8.find_first_of("\xEE\xEF"); at != std::string_view::npos;
       at = utf8.find_first_of("\xEE\xEF", at + 1))
    if (utf8[at] == '\xEE' || static_cast<unsigned char>(utf8[at + 1]) < 0xA4) return at;
  return std::string_view::npos;
}

// What speaks against GB18030; nullopt: nothing.
Result<std::optional<std::string>> fault_as_gb18030(ReadBytes read, const std::string& name) {
  const auto decoder = make_decoder(std::move(read), name, "GB18030", {});
  if (!decoder) return decoder.error();
  std::vector<char> block(k_block_bytes);
  std::int64_t line = 1;
  for (;;) {
    const auto got = (**decoder)(block);
    if (!got && got.error().code != Errc::bad_input) return got.error();
    if (!got) return got.error().what;
    if (*got == 0) return std::nullopt;
    const std::string_view text{block.data(), *got};
    const auto bad = find_private_use(text);
    line += std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(bad, text.size())),
                       '\n');
    if (bad != std::string_view::npos)
      return tr("{}:{}: a private-use character, which no text uses", name, line);
  }
}

// Where it stops being UTF-8, as the LineReader reports it.
Error fault_as_utf8(ReadBytes read, const std::string& name, const std::string& why_not_gb18030) {
  LineReader lines{std::move(read), name,
                   tr("nor is the file GB18030 as a whole ({}){}", why_not_gb18030, tr(k_advice))};
  for (;;) {
    const auto line = lines.next();
    if (!line) return line.error();
    if (!*line) return {Errc::bad_input, tr("{}: it changed while it was read", name)};
  }
}

}  // namespace

Result<Decoded> decode(ReadBytes read, const std::string& name, model::Encoding encoding) {
  auto first = read_first(read, k_longest_signature);
  if (!first) return first.error();
  auto from = name_of(encoding);
  const auto* mark = find_mark(*first);
  if (mark) {
    if (!from.empty() && !mark->encoding.empty() && mark->encoding != from)
      return Error{Errc::bad_input,
                   tr("{}: it begins with the byte order mark of {}, and input.encoding says {}; set "
                      "input.encoding = \"auto\"",
                      name, mark->encoding, from)};
    from = mark->encoding;
  } else if (is_foreign(*first)) {
    from = {};
  }
  if (from.empty() || from == "UTF-8") return Decoded{after(std::move(*first), std::move(read)), {}, {}};

  auto decoder = make_decoder(std::move(read), name, from, *first);
  if (!decoder) return decoder.error();
  // The mark is decoded like the rest: the LineReader takes it off.
  return Decoded{[decoder = *decoder](std::span<char> block) {
                   auto got = (*decoder)(block);
                   if (!got && got.error().code == Errc::bad_input)
                     got = Error{Errc::bad_input, got.error().what + tr(k_advice)};
                   return got;
                 },
                 from, [decoder = *decoder] { return decoder->was_utf8_as_well(); }};
}

Result<bool> is_gb18030(const std::function<Result<ReadBytes>()>& from_start, const std::string& name) {
  auto read = from_start();
  if (!read) return read.error();
  const auto first = read_first(*read, k_longest_signature);
  if (!first) return first.error();
  if (find_mark(*first) || is_foreign(*first)) return false;
  const auto utf8 = is_utf8(after(*first, std::move(*read)));
  if (!utf8) return utf8.error();
  if (*utf8) return false;

  read = from_start();
  if (!read) return read.error();
  const auto fault = fault_as_gb18030(std::move(*read), name);
  if (!fault) return fault.error();
  if (!*fault) return true;
  read = from_start();
  if (!read) return read.error();
  return fault_as_utf8(std::move(*read), name, **fault);
}

Result<std::string> encode(std::string_view utf8, const Dialect& dialect) {
  if (dialect.encoding.empty()) return std::string{utf8};
  const auto opened = iconv_open(dialect.encoding.c_str(), "UTF-8");
  if (opened == reinterpret_cast<iconv_t>(-1))
    return Error{Errc::bad_input, tr("this system's C library cannot write {}", dialect.encoding)};
  const Iconv converter{opened};
  std::string in{utf8},
      out(utf8.size() * 4 + k_longest_mark, '\0');  // no character takes more than four bytes
  char *from = in.data(), *to = out.data();
  auto in_left = in.size(), out_left = out.size();
  if (iconv(converter.get(), &from, &in_left, &to, &out_left) == static_cast<std::size_t>(-1))
    return Error{Errc::bad_input, tr("a character that {} does not have", dialect.encoding)};
  out.resize(out.size() - out_left);
  return out;
}

}  // namespace cardvoid::input
