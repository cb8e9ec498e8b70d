#pragma once
// A TOML text as a flat list of values with their positions. Keeps toml++ inside one source file.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cardvoid::job {

// A value that no key takes, such as an array or a date. Holds the words for a message: "an array".
struct Unusable {
  std::string what;
};
using Value = std::variant<std::string, std::int64_t, double, bool, Unusable>;

// "the number 5", "\"fast\"", "true", "an array": how a message names what it found.
std::string describe(const Value& value);

struct Position {
  unsigned line = 0;  // from 1; 0: not in the file
  unsigned column = 0;
};

struct Leaf {
  std::string path;  // "limits.max_attempts"; a name that needs quotes in TOML keeps them
  Value value;
  Position key, at;              // of the key and of its value
  std::string_view set_by = {};  // "--set" or "CARDVOID_SET"; empty: the file
};

// A table, even an empty one: a misspelt "[limit]" may have nothing in it.
struct Table {
  std::string path;
  Position at;
  std::string_view set_by = {};
};

struct Document {
  std::vector<Leaf> leaves;
  std::vector<Table> tables;
};

struct SyntaxFault {
  Position at;
  std::string what;
};

std::variant<Document, SyntaxFault> read_document(std::string_view toml);

// One value as TOML, as after a "=". A table becomes several leaves below `path`. nullopt: it is not TOML.
std::optional<Document> read_value(std::string_view toml, std::string_view path);

}  // namespace cardvoid::job
