#pragma once
// Changes texts at random, always the same way for the same seed. CARDVOID_FUZZ_SEED and CARDVOID_FUZZ_ROUNDS
// replay a failure or dig deeper.

#include <algorithm>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace cardvoid::fuzz {

inline unsigned from_environment(const char* name, unsigned fallback) {
  const char* const text = std::getenv(name);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : fallback;
}

class Mutator {
 public:
  // `pieces`: what the format under test is made of.
  Mutator(unsigned seed, std::span<const std::string_view> pieces) : random_{seed}, pieces_{pieces} {}

  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::string mutate(std::string text) {
    for (auto changes = 1 + below(1 + below(5)); changes > 0; --changes) change(text);
    return text;
  }

 private:
  void change(std::string& text) {
    const auto at = below(text.size() + 1), length = below(std::min<std::size_t>(text.size() - at, 16) + 1);
    switch (below(6)) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, pieces_[below(pieces_.size())]); break;
      case 2: text.insert(at, text.substr(below(text.size() + 1), 1 + below(40))); break;
      case 3: text.replace(at, length, std::string(length, static_cast<char>(below(256)))); break;
      case 4: text.resize(at); break;
      case 5:
        if (at < text.size())
          text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1u << below(8)));
        break;
    }
  }

  std::mt19937 random_;
  std::span<const std::string_view> pieces_;
};

}  // namespace cardvoid::fuzz
