#include "mistakes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <utility>

namespace cardvoid::job {

namespace {

constexpr std::string_view k_blanks{" \t\r"};

std::string_view first_line(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text.substr(0, text.find_first_of("\r\n"));
}

// Names beside each other, as no line of TOML has them: a comment, a table and a value look otherwise.
bool is_header(std::string_view line) {
  const auto first = line.find_first_not_of(k_blanks);
  if (first == std::string_view::npos || line[first] == '#' || line[first] == '[') return false;
  return line.find('=') == std::string_view::npos && line.find_first_of(",;\t") != std::string_view::npos;
}

// Of what is no list, the one that fits.
std::string_view signature_of(std::string_view head) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> k_signatures{
      {{"PK\x03\x04", translatable("an Excel workbook or another ZIP file")},
       {"\xD0\xCF\x11\xE0", translatable("an old Excel workbook")},
       {"-----BEGIN ", translatable("a key or a certificate")},
       {"%PDF-", translatable("a PDF file")}}};
  for (const auto& [bytes, kind] : k_signatures)
    if (head.starts_with(bytes)) return kind;
  return {};
}

std::string_view line_at(std::string_view toml, unsigned number) {
  for (; number > 1; --number) {
    const auto end = toml.find('\n');
    if (end == std::string_view::npos) return {};
    toml.remove_prefix(end + 1);
  }
  return toml.substr(0, toml.find_first_of("\r\n"));
}

struct Character {
  std::string_view wrong, right;
};

// The first of them that stands outside of what TOML takes for text or a comment.
const Character* find_wide_character(std::string_view line) {
  static constexpr std::array k_characters{
      Character{"“", "\""},  Character{"”", "\""},  Character{"‘", "'"},   Character{"’", "'"},
      Character{"＂", "\""}, Character{"「", "\""}, Character{"」", "\""}, Character{"＝", "="},
      Character{"［", "["},  Character{"］", "]"},  Character{"【", "["},  Character{"】", "]"},
      Character{"，", ","},  Character{"。", "."},  Character{"．", "."},  Character{"：", "="},
      Character{"｛", "{"},  Character{"｝", "}"},  Character{"＃", "#"},  Character{"　", " "}};
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (quote) {
      if (line[at] == quote) quote = 0;
      continue;
    }
    if (line[at] == '#') return nullptr;
    if (line[at] == '"' || line[at] == '\'') quote = line[at];
    for (const auto& character : k_characters)
      if (line.substr(at).starts_with(character.wrong)) return &character;
  }
  return nullptr;
}

}  // namespace

std::string name_other_kind(std::string_view head, const std::filesystem::path& file) {
  const auto name = escape_for_terminal(file.string());
  if (head.starts_with(sqlite::k_signature))
    return tr(
        "an SQLite database, not a job file; `cardvoid init --list {}` writes the job file for such a list, "
        "and "
        "the results of a job are looked at with its job file",
        name);
  if (const auto kind = signature_of(head); !kind.empty())
    return tr("{}, not a job file; a job file is a text that ends in .toml, and `cardvoid init` writes one",
              tr(kind.data()));
  auto extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (extension == ".csv" || (extension != ".toml" && is_header(first_line(head))))
    return tr(
        "a list (CSV), not a job file; the job file names the list: `cardvoid init --list {}` writes it",
        name);
  return {};
}

std::string explain_fault(std::string_view toml, const SyntaxFault& fault) {
  const auto line = line_at(toml, fault.at.line);
  if (const auto* character = find_wide_character(line))
    return tr("{} is a Chinese or full-width character; type {} instead", character->wrong,
              character->right == " " ? tr("an ordinary blank") : std::string{character->right});
  if (fault.what.find("utf-8") != std::string::npos)
    return tr("the file is not UTF-8: save it as UTF-8 (Notepad: Save as, Encoding: UTF-8)");
  const bool is_about_escape = fault.what.find("escape") != std::string::npos ||
                               fault.what.find("unicode scalar") != std::string::npos;
  if (is_about_escape && line.find('\\') != std::string_view::npos)
    return tr("\\ begins an escape sequence between \" \"; put the path between ' ', or write / for each \\");
  if (fault.what.find("could not determine value type") != std::string::npos)
    return tr("put text between \" \"");
  return {};
}

}  // namespace cardvoid::job
