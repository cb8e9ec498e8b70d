#pragma once
// UTF-8 text: validity, length in characters, width on a terminal; numbers for people.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid {

// Offset in bytes of the first byte that is not valid UTF-8 (RFC 3629: no overlong forms, no surrogates);
// nullopt when all of it is.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// Returns the code point at `at` and moves `at` past it. The text must be valid UTF-8, and `at` inside
// it.
char32_t next_code_point(std::string_view text, std::size_t& at);

// Number of code points of valid UTF-8: what "characters" means in docs/platform.md section 1.1.
std::size_t count_characters(std::string_view text);

// Terminal columns of valid UTF-8: a Chinese character takes two, a combining mark none.
std::size_t display_width(std::string_view text);

// Cuts the text to at most `columns`; ends in "…" if something was cut.
std::string fit_to_width(std::string_view text, std::size_t columns);

// Valid UTF-8 in lines of at most `columns`, unless a word is longer; all but the first are indented by so
// many blanks. Breaks between words and beside Chinese characters; a line break in the text stays one.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns);

// A page of valid UTF-8 whose lines are wrapped where they are longer than `columns`. What goes on is
// indented as far as the last column of the line's table, or two blanks more than the line.
std::string folded(std::string_view page, std::size_t columns);

// Makes foreign text safe for a terminal or a log line: invalid bytes become \xNN, and so do characters that
// steer it or show nothing – controls (C0, C1), line and paragraph separators, marks of direction, blanks
// without width, tags.
std::string escape_for_terminal(std::string_view text);
// One of these characters.
bool is_unsafe_for_terminal(char32_t c);
// The same line by line: what others have written, a lock file or the peer of a socket, must not steer the
// terminal from within a page.
std::string escape_lines(std::string_view text);

// At most `limit` bytes of valid UTF-8, without splitting a character.
std::string_view cut(std::string_view text, std::size_t limit);

// What a peer has said, for a message or a record: safe for a terminal, at most `limit` bytes.
std::string printable(std::string_view text, std::size_t limit);

// Text as a TOML file has it, in quotation marks: "a \"b\"". Safe for a terminal. Valid UTF-8.
std::string toml_quoted(std::string_view text);

// Columns of the terminal that the stream goes to; 80 when it is none.
std::size_t terminal_columns(std::FILE* stream);

// Writes to a terminal or log and flushes. Ignores failures: a full disk or a reader that went away is no
// reason to stop a run. Never throws.
void put(std::FILE* stream, std::string_view text) noexcept;

// "1,034,520".
std::string grouped(std::int64_t count);

// "1 row", "1,034,520 rows". `noun` is in the singular, and its plural ends in s.
std::string counted(std::int64_t count, std::string_view noun);

// The nearest of `candidates` by edit distance, if it is near enough for a typing error. The first of those
// that are equally near.
template <class Range>
std::optional<std::string> nearest(std::string_view word, const Range& candidates);

std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::optional<std::string> nearest(std::string_view word, const Range& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 2;  // farther away it is another word
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) best_distance = distance, best = std::string{candidate};
  }
  return best;
}

}  // namespace cardvoid
