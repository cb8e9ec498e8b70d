#pragma once
// A fuzz target: one function that takes any bytes and checks what must hold for them. It is built twice:
//   scripts/soak fuzz   libFuzzer of clang looks for bytes that reach new code, under sanitizers
//   scripts/test        a test of its name gives it every file of tests/fuzz/corpus/NAME
// Each target has a namespace of its own, so that the files can be compiled in batches.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#ifndef CARDVOID_LIBFUZZER
#include <doctest/doctest.h>
#endif

namespace cardvoid::fuzz {

// What must hold for any input. If it does not, the fuzzer ends and keeps the input, and the test fails.
inline void require(bool holds, const char* promise) {
  if (holds) return;
#ifdef CARDVOID_LIBFUZZER
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
#else
  throw std::logic_error{promise};
#endif
}

// Takes an input apart: choices first, then text.
class Input {
 public:
  explicit Input(std::string_view bytes) : left_{bytes} {}

  std::size_t below(std::size_t limit) { return byte() % limit; }
  bool flag() { return below(2) == 1; }
  unsigned char byte() {
    if (left_.empty()) return 0;
    const auto first = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return first;
  }
  std::string_view line() {
    const auto end = std::min(left_.find('\n'), left_.size());
    const auto found = left_.substr(0, end);
    left_.remove_prefix(std::min(end + 1, left_.size()));
    return found;
  }
  std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
};

// A folder of this process, removed at its end. In $TMPDIR, which scripts/soak puts into memory.
class Folder {
 public:
  Folder() {
    auto name = (std::filesystem::temp_directory_path() / "cardvoid-fuzz.XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error{"cannot make a folder"};
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Replaces the file.
void write(const std::filesystem::path& file, std::string_view bytes);

#ifndef CARDVOID_LIBFUZZER
// Gives every file of the target's corpus to it. None is a failure: the test would show nothing.
void replay(const char* target, void (*run)(std::string_view));
#endif

}  // namespace cardvoid::fuzz

// FUZZ_TARGET(name, "what must hold, as a sentence") { … `bytes` … }
#ifdef CARDVOID_LIBFUZZER
#define FUZZ_TARGET(name, sentence)                                                   \
  static void name(std::string_view bytes);                                           \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    name({reinterpret_cast<const char*>(data), size});                                \
    return 0;                                                                         \
  }                                                                                   \
  static void name(std::string_view bytes)
#else
#define FUZZ_TARGET(name, sentence)                                       \
  static void name(std::string_view bytes);                               \
  TEST_SUITE("fuzz") {                                                    \
    TEST_CASE("fuzz: " sentence) { cardvoid::fuzz::replay(#name, name); } \
  }                                                                       \
  static void name(std::string_view bytes)
#endif
