#pragma once
// What people take for a job file, and how they mistype one: the remedy in words.

#include <filesystem>
#include <string>
#include <string_view>

#include "document.hpp"

namespace cardvoid::job {

// What a file that is no TOML is likely to be, with what to do then: "an SQLite database, not a job file; …".
// `head` is its beginning. Empty: no idea.
std::string name_other_kind(std::string_view head, const std::filesystem::path& file);

// The likely cause of a fault in TOML: quotation marks of Chinese text, a full-width character, a backslash,
// text without quotation marks. Empty: no idea.
std::string explain_fault(std::string_view toml, const SyntaxFault& fault);

}  // namespace cardvoid::job
