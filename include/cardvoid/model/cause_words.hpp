#pragma once
// Why a line of the list was refused, in Chinese. The record has it in English.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::model {

// A sentence with a part that differs, between `begin` and `end`; what follows `end` is left out. An empty
// `end`: the part goes on to the end.
struct Pattern {
  std::string_view begin, end, chinese;  // `chinese` has a place for the part
  std::optional<std::string> translate(std::string_view english) const;
};

// Of what card_rules, the input and the import say, with the name of a column before it or not. nullopt: not
// one of them.
std::optional<std::string> cause_in_chinese(std::string_view english);

}  // namespace cardvoid::model
