#include "consent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_shortest = 8;  // characters: no person and no date fit in less

bool is_of_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// As a word of its own: "test", but not in "protest".
bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_of_word(text[at - 1])) && (end == text.size() || !is_of_word(text[end]))) return true;
  }
  return false;
}

}  // namespace

Result<void> add_proof_of_consent(model::Job& job) {
  const auto& file = job.safety.acknowledge_file;
  if (file.empty()) return {};
  const auto fault = [&](Errc code, std::string_view why) {
    return Error{code, tr("safety.acknowledge_file: {}: {}", escape_for_terminal(file.string()), why)};
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return fault(Errc::no_input, tr("a folder, not a file"));
  if (const auto usable = check_openssl(); !usable) return usable.error();
  const auto in = open_input(file, Errc::no_input);
  if (!in) return with_context(in.error(), "safety.acknowledge_file");
  constexpr std::size_t k_most_mebibytes = 256;
  Sha256 digest;
  std::array<char, 65'536> block{};
  std::size_t bytes = 0;
  for (;;) {
    const auto got = ::read(in->get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault(Errc::no_input, tr("cannot read it: {}", system_words(errno)));
    if (got == 0) break;
    digest.add({block.data(), static_cast<std::size_t>(got)});
    bytes += static_cast<std::size_t>(got);
    if (bytes > k_most_mebibytes << 20)
      return fault(Errc::bad_input, tr("larger than {} MiB; is it the right file?", k_most_mebibytes));
  }
  if (bytes == 0) return fault(Errc::bad_input, tr("empty: it proves no consent"));
  job.safety.acknowledge += fmt::format(" ({}, SHA-256 {})", file.filename().string(), digest.finish_hex());
  return {};
}

std::string find_placeholder(std::string_view acknowledge) {
  // The last four are of our own examples and comments.
  constexpr std::array<std::string_view, 20> k_words{
      "todo", "fixme", "tbd",         "xxx",    "xxxx",         "test",         "testing",
      "asdf", "foo",   "placeholder", "dummy",  "example",      "lorem",        "sample",
      "n/a",  "none",  "ops-1234",    "crm-77", "who told the", "who took care"};
  constexpr std::array<std::string_view, 7> k_chinese{"测试", "待补", "待填", "待定", "示例", "占位", "某某"};
  std::string text{acknowledge};
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const auto word : k_words)
    if (has_word(text, word)) return std::string{word};
  for (const auto word : k_chinese)
    if (text.find(word) != std::string::npos) return std::string{word};
  if (count_characters(text) < k_shortest) return std::string{acknowledge};
  return {};
}

}  // namespace cardvoid::cli
