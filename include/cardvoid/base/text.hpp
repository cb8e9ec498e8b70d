#pragma once
// UTF-8 text: validity, length in characters, width on a terminal.

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid {

// Offset in bytes of the first byte that is not valid UTF-8 (RFC 3629: no overlong forms, no surrogates);
// nullopt when all of it is.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// The code point that starts at `at`, and `at` moved behind it. The text must be valid UTF-8 and `at` inside
// it.
char32_t next_code_point(std::string_view text, std::size_t& at);

// Number of code points of valid UTF-8: what "characters" means in platform.md section 1.1.
std::size_t count_characters(std::string_view text);

// Columns that valid UTF-8 takes on a terminal: Chinese characters take two, combining marks none.
std::size_t display_width(std::string_view text);

// Cut so that it takes at most `columns`, ending in "…" where something was cut.
std::string fit_to_width(std::string_view text, std::size_t columns);

// Text from outside made safe for a terminal or a log line: control characters and invalid bytes become \xNN.
std::string escape_for_terminal(std::string_view text);

// Writes to a terminal or log and flushes. Progress and messages are disposable: a stream that cannot take
// them (a full disk, a reader that went away) is no reason to stop a run, so failures are ignored. Never
// throws.
void put(std::FILE* stream, std::string_view text) noexcept;

// The nearest of `candidates` by edit distance, when near enough to be a typing error.
template <class Range>
std::optional<std::string> nearest(std::string_view word, const Range& candidates);

std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::optional<std::string> nearest(std::string_view word, const Range& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 2;  // beyond that it is another word
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) best_distance = distance, best = std::string{candidate};
  }
  return best;
}

}  // namespace cardvoid
