#include <fmt/format.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include <locale.h>
#include <simdjson.h>
#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <clocale>
#include <vector>

namespace cardvoid {

namespace {

// Length in bytes of the valid UTF-8 sequence at `at`; 0 when it is not valid (table 3-7 of the Unicode
// standard).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

// glibc's own width table, independent of the user's locale.
int columns_of(char32_t c) {
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = uselocale(utf8);
  const int width = wcwidth(static_cast<wchar_t>(c));
  uselocale(before);
  return std::max(width, 0);
}

}  // namespace

// simdjson says only whether all of it is valid, at many bytes a time.
std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  if (simdjson::validate_utf8(text)) return std::nullopt;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const auto length = std::max<std::size_t>(sequence_length(text, at), 1);
  char32_t code_point = byte(0);
  if (length == 2) code_point = (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
  if (length == 3) code_point = (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  if (length == 4)
    code_point = (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  at += length;
  return code_point;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();)
    width += static_cast<std::size_t>(columns_of(next_code_point(text, at)));
  return width;
}

std::string fit_to_width(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string{text};
  if (columns == 0) return {};
  std::size_t width = 0, end = 0;
  for (std::size_t at = 0; at < text.size(); end = at) {
    width += static_cast<std::size_t>(columns_of(next_code_point(text, at)));
    if (width > columns - 1) break;
  }
  return std::string{text.substr(0, end)} + "…";
}

namespace {

constexpr std::u32string_view k_begin_no_line = U"，。；：、！？）”》】", k_end_no_line = U"（“《【";

// What stays together on a line: a wide character with the punctuation that belongs to it, or all up to one,
// a blank or a line break.
std::string_view first_piece(std::string_view text) {
  std::size_t end = 0;
  for (char32_t before = 0; end < text.size() && text[end] != ' ' && text[end] != '\n';) {
    auto next = end;
    const auto c = next_code_point(text, next);
    const bool may_part = end > 0 && (columns_of(c) > 1 || columns_of(before) > 1);
    if (may_part && k_begin_no_line.find(c) == k_begin_no_line.npos &&
        k_end_no_line.find(before) == k_end_no_line.npos)
      break;
    end = next, before = c;
  }
  return text.substr(0, end);
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string page;
  std::size_t used = indent, blanks = 0;
  const auto begin_line = [&] {
    page += "\n" + std::string(indent, ' ');
    used = indent, blanks = 0;
  };
  while (!text.empty()) {
    if (text[0] == '\n') {
      begin_line();
      text.remove_prefix(1);
    } else if (text[0] == ' ') {
      if (used == indent)
        page += ' ';
      else
        ++blanks;
      text.remove_prefix(1);
    } else {
      const auto piece = first_piece(text);
      const auto width = display_width(piece);
      if (used > indent && used + blanks + width > columns) begin_line();
      page += std::string(blanks, ' ').append(piece);
      used += blanks + width, blanks = 0;
      text.remove_prefix(piece.size());
    }
  }
  return page;
}

std::string folded(std::string_view page, std::size_t columns) {
  std::string text;
  while (!page.empty()) {
    const auto end = page.find('\n');
    const auto line = page.substr(0, end);
    if (display_width(line) <= columns) {
      text.append(line);
    } else {
      const auto margin = std::min(line.find_first_not_of(' '), line.size());
      const auto gap = line.rfind("  ", columns / 2);
      const auto column = gap == std::string_view::npos ? 0 : line.find_first_not_of(' ', gap);
      const bool is_table = column != std::string_view::npos && column > margin;
      const auto begin = is_table ? column : margin;
      text.append(line.substr(0, begin));
      text += wrapped(line.substr(begin), display_width(line.substr(0, begin)) + (is_table ? 0 : 2), columns);
    }
    if (end == std::string_view::npos) break;
    text += '\n';
    page.remove_prefix(end + 1);
  }
  return text;
}

namespace {

struct Range {
  char32_t first, last;
};

// What a terminal obeys, or what makes two texts look alike (Unicode: Cc, Zl, Zp and the invisible of Cf).
constexpr Range k_steering[] = {{0x00, 0x1F},     {0x7F, 0x9F},       {0xAD, 0xAD},      {0x61C, 0x61C},
                                {0x115F, 0x1160}, {0x180B, 0x180F},   {0x200B, 0x200F},  {0x2028, 0x202E},
                                {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFEFF, 0xFEFF},  {0xFFA0, 0xFFA0},
                                {0xFFF0, 0xFFFB}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};

}  // namespace

bool is_unsafe_for_terminal(char32_t c) {
  return std::any_of(std::begin(k_steering), std::end(k_steering),
                     [&](const Range& range) { return c >= range.first && c <= range.last; });
}

std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  auto end = limit;
  while (end > 0 && limit - end < 3 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return text.substr(0, end);
}

// Escapes are four bytes for one: cut again, at the end of one.
std::string printable(std::string_view text, std::size_t limit) {
  return std::string{cut(escape_for_terminal(cut(text, limit)), limit)};
}

std::string escape_for_terminal(std::string_view text) {
  std::string safe;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text, at);
    auto next = at;
    const char32_t c = length ? next_code_point(text, next) : 0;
    if (length && !is_unsafe_for_terminal(c)) {
      safe += text.substr(at, length);
      at += length;
    } else {
      for (auto stop = at + std::max<std::size_t>(length, 1); at < stop; ++at)
        safe += fmt::format("\\x{:02X}", static_cast<unsigned char>(text[at]));
    }
  }
  return safe;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string escape_lines(std::string_view text) {
  std::string page;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    page += escape_for_terminal(text.substr(at, end - at));
    if (end < text.size()) page += '\n';
    at = end + 1;
  }
  return page;
}

std::string toml_quoted(std::string_view text) {
  std::string quoted{'"'};
  for (std::size_t at = 0; at < text.size();) {
    const auto from = at;
    const auto c = next_code_point(text, at);
    const auto character = text.substr(from, at - from);
    if (c == '"' || c == '\\')
      (quoted += '\\') += character;
    else if (escape_for_terminal(character) == character)
      quoted += character;
    else
      quoted += fmt::format("\\U{:08X}", static_cast<std::uint32_t>(c));
  }
  return quoted += '"';
}

std::size_t terminal_columns(std::FILE* stream) {
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void put(std::FILE* stream, std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
  std::clearerr(stream);
}

std::string grouped(std::int64_t count) {
  auto digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string counted(std::int64_t count, std::string_view noun) {
  return grouped(count) + " " + std::string{noun} + (count == 1 ? "" : "s");
}

}  // namespace cardvoid
