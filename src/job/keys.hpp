#pragma once
// Every key of the job file, as data: the one list behind reading, messages and the test of the schema.

#include <cardvoid/model/job.hpp>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace cardvoid::job {

enum class Type { text, path, duration, whole_number, number, truth };

// A value that has the type of its key; only the member of that type counts.
struct Typed {
  std::string text;
  std::filesystem::path path;  // resolved against the job file's folder
  milliseconds duration{};
  std::int64_t whole_number = 0;
  double number = 0;
  bool truth = false;
};

enum class KeyResult {
  stored,
  unexpected,   // the right type, but not an expected value
  unsupported,  // a later version will have it: refused, since
                // ignoring it would break a promise
};

struct Key {
  std::string_view path;  // "limits.max_attempts"
  Type type;
  std::string_view expected;  // completes "expected …"; ends in a zero byte, as a literal does
  KeyResult (*store)(const Typed& value, model::Job& job);
  bool required = false;
  std::string_view instead = {};  // for `unsupported`: what to do, "leave it out or set 0 (off)"
};

std::span<const Key> keys();
const Key* find_key(std::string_view path);

// `expected` in the language of people.
std::string words_for_expected(const Key& key);

// "limits" of "limits.max_attempts"; "" of "name".
std::string_view table_of(std::string_view path);
bool is_table(std::string_view path);

}  // namespace cardvoid::job
