#pragma once
// How the tests of what people read in Chinese look at it.

#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "support/stage.hpp"

namespace cardvoid::support {

// In the folder of the stage, in a Chinese locale or another environment.
inline Ended say(const Stage& stage, std::vector<std::string> words,
                 std::map<std::string, std::string> environment = {{"LANG", "zh_CN.UTF-8"}}) {
  Circumstances there;
  there.folder = stage.dir;
  there.environment = std::move(environment);
  return support::run(std::move(words), there);
}

// The first English sentence that a person would read: three words in a row. Not in commands, in what a log
// line says behind its time, in what the platform or a gateway has said, which stands in quotation marks, and
// not the names of the sandbox.
inline std::string english_in(const std::string& text) {
  static const std::regex k_not_prose{
      "`[^`]*`|“(?:(?!”)[^\n])*”|\"[^\"\n]*\"|cardvoid sandbox CA|sandbox: no real customers|cardvoid [a-z]+ "
      "(?:(?!（|；)[^\n])*|"
      "(^|\n)[0-9-]{10} [0-9:]{8} [^\n]*|openssl [^\n]*"};
  static const std::regex k_sentence{"[A-Za-z']{2,} [A-Za-z']+ [A-Za-z']{2,}"};
  const auto prose = std::regex_replace(text, k_not_prose, "\n");
  std::smatch found;
  return std::regex_search(prose, found, k_sentence) ? found.str() : std::string{};
}

inline bool has_chinese(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xE4; });
}

}  // namespace cardvoid::support
