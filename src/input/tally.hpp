#pragma once
// How often something was found, with three examples.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace cardvoid::input {

class Tally {
 public:
  void add(std::string_view identifier, std::int64_t line);
  void add(const Tally& other);
  void take_back();              // what was added last
  std::string examples() const;  // " (line 2 ****E+23, line 7 ****E+22, …)"
  std::int64_t count() const { return count_; }

 private:
  struct Example {
    std::int64_t line = 0;
    std::string masked;  // empty: too short to show a part of it
  };
  std::int64_t count_ = 0;
  std::array<Example, 3> first_;  // in the order of their lines
};

}  // namespace cardvoid::input
