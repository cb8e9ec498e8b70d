// A list as a file, CSV or SQLite: its encoding is found by looking at all of it.

#include <cardvoid/base/text.hpp>
#include <cardvoid/input/columns.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/model/card_rules.hpp>
#include <cardvoid/sqlite/database_file.hpp>

#include "fuzz/target.hpp"
#include "unit/input/csv_text.hpp"

namespace cardvoid::fuzz::list_files {

static void read(const model::Input& input) {
  const auto source = input::open(input, {"1004", "pbLatj", ""}, model::Api::partner, "");
  if (!source) {
    require(escape_for_terminal(source.error().what) == source.error().what,
            "an error is safe for a terminal");
    return;
  }
  const auto read = input::test::drain(**source);
  const auto dialect = (*source)->dialect();
  for (const auto& row : read.rows) {
    require(model::find_fault(row.card).empty(), "rows keep the rules");
    require(input::encode((*source)->line_of(row.card), dialect).has_value(),
            "a row can be written as it was read");
  }
  for (const auto& refused : read.refused) require(!find_invalid_utf8(refused.raw), "a refused line is text");
  (void)(*source)->description();
  (void)(*source)->remarks();
  (void)(*source)->file();
  for (const auto& sample : (*source)->samples()) require(!find_invalid_utf8(sample), "a sample is text");
}

FUZZ_TARGET(list_file, "a list of any bytes is read or refused with a reason") {
  static const Folder folder;
  static const auto file = folder / "list";
  write(file, bytes);
  model::Input input;
  if (sqlite::is_database(file)) {
    (void)input::read_tables(file);
    input.sqlite = file;
    input.query = "SELECT code, openid, card_id FROM members";
  } else {
    (void)input::read_header(file.string());
    input.csv = file.string();
  }
  read(input);
}

}  // namespace cardvoid::fuzz::list_files
