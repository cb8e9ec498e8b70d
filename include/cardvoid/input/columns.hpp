#pragma once
// What a list calls its columns, for `init` and for the message about a list without ours.

#include <cardvoid/base/error.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::input {

// Our name → the list's name.
using Columns = std::map<std::string, std::string>;

// Our columns among `names`: by our own name, else by a name that people give it, such as 会员卡号 or "Card
// No". Case, blanks, "-" and "_" do not count. A column that two names could stand for is left out: a person
// decides.
Columns guess_columns(const std::vector<std::string>& names);

// What the job file needs of them: `columns = { code = "会员卡号" }`, with only those that are not called as
// ours. Empty: nothing has to be said.
std::string columns_line(const Columns& columns);

// The names in the first line of a CSV file, in any encoding and with any delimiter that the reader knows.
// Errors as of open() in source.hpp.
Result<std::vector<std::string>> read_header(const std::string& csv);

struct Table {
  std::string name;
  std::vector<std::string> columns;
};

// The tables and views of an SQLite database, by name. Reads only. Errors as of open() in source.hpp.
Result<std::vector<Table>> read_tables(const std::filesystem::path& database);

}  // namespace cardvoid::input
