#include "note.hpp"

#include <fmt/format.h>

#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_characters = 500;
constexpr std::string_view k_ascii_spaces = " \t", k_ideographic_space = "\u3000";

std::string_view without_spaces_around(std::string_view text) {
  for (bool more = true; more && !text.empty();) {
    more = false;
    for (const auto space : {k_ascii_spaces.substr(0, 1), k_ascii_spaces.substr(1), k_ideographic_space}) {
      if (text.starts_with(space)) text.remove_prefix(space.size()), more = true;
      if (text.ends_with(space)) text.remove_suffix(space.size()), more = true;
    }
  }
  return text;
}

bool has_control_characters(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_code_point(text, at);
    if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029) return true;
  }
  return false;
}

}  // namespace

Flag note_flag(std::string_view help, std::string& note) {
  return {.name = "--note", .value = "TEXT", .help = help, .set = into(note)};
}

Result<void> check_note(std::string_view command, std::string& note) {
  const auto wrong = [&](std::string_view why) {
    return Error{Errc::usage, tr("{}: --note TEXT: {}", command, why)};
  };
  if (find_invalid_utf8(note)) return wrong(tr("not valid UTF-8"));
  note = std::string{without_spaces_around(note)};
  if (note.empty()) return wrong(tr("is required: why, for the record"));
  // It stands in commands that are suggested.
  if (note == "WHY") return wrong(tr("expected why, in your own words"));
  if (has_control_characters(note)) return wrong(tr("expected one line of text, without control characters"));
  if (const auto count = count_characters(note); count > k_most_characters)
    return wrong(tr("{} characters; at most {} are kept", grouped(static_cast<std::int64_t>(count)),
                    k_most_characters));
  return {};
}

}  // namespace cardvoid::cli
