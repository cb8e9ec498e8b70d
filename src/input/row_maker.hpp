#pragma once
// Makes validated rows from the named columns of a file or query.

#include <array>
#include <cardvoid/input/source.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "damage.hpp"

namespace cardvoid::input {

struct Settings {
  model::Input input;
  model::Defaults defaults;
  model::Api api;
  std::string brand_of_merchant;
};

// Error: bad_input (65) where a line that should name columns, and names no code, has known reasons not to:
// data, another delimiter. `where`: "members.csv:1". Data is masked.
Result<void> check_names(const std::vector<std::string>& names, const std::string& where);

class RowMaker {
 public:
  // Finds our columns among `names`, in any order. Error (bad_input), beginning with `where`: a column that
  // we need is missing or appears twice.
  static Result<RowMaker> create(const std::vector<std::string>& names, const Settings& settings,
                                 const std::string& where);

  // A row, or why the line is refused. `raw` is called only for a refused line.
  template <class Raw>
  Record make(std::span<const std::string_view> fields, std::int64_t line, char delimiter, Raw raw);

  // As many empty fields as there are names.
  bool is_empty(std::span<const std::string_view> fields) const;

  // Refuses a line, for a reason of the source's own too. `is_exact`: `raw` is the unchanged line.
  Refused refuse(std::int64_t line, std::string cause, std::string_view raw, char delimiter,
                 bool is_exact = true);
  // A line as it is kept: valid UTF-8.
  static std::string as_kept(std::string_view raw, char delimiter, bool is_exact = true);

  // A record with the card in our columns; the others are empty.
  std::string line_of(const model::Card& card, char delimiter) const;

  // The file's index of each of our columns that it has, in the order of column_names().
  std::span<const std::optional<std::size_t>> indices() const { return indices_; }

  // At the end of the input. Error (bad_input): a spreadsheet destroyed digits, and that was not accepted; or
  // no line can be used.
  Result<void> judge();

  // The columns; after rows also what was unwrapped, which damage was accepted.
  std::string description() const;

  // At the end: what a person should look at, though it is no reason to refuse the input.
  std::vector<std::string> remarks() const;

  // The row for a person who checks the decoding: identifiers masked, only the first character of columns
  // that are not ours. Empty if all of it is ASCII.
  std::string sample(std::span<const std::string_view> fields, std::int64_t line) const;

 private:
  std::string fault_of(std::span<const std::string_view> fields, std::int64_t line, model::Card& card);

  std::array<std::optional<std::size_t>, 5> indices_;
  std::array<std::string, 5> defaults_;
  std::vector<std::string> names_;
  bool brand_is_fixed_ = false;
  bool unwraps_ = false, accepts_damage_ = false;
  std::string used_, ignored_;  // columns
  std::array<std::int64_t, k_wrappers> unwrapped_{};
  Damage damage_;
  std::int64_t usable_ = 0;
  std::map<std::string, Tally> causes_;  // of refused lines; the first ones, so that memory stays bounded
  std::int64_t refused_ = 0;
  bool is_at_end_ = false;
};

template <class Raw>
Record RowMaker::make(std::span<const std::string_view> fields, std::int64_t line, char delimiter, Raw raw) {
  Record record{std::in_place_type<model::InputRow>};
  auto& row = *std::get_if<model::InputRow>(&record);
  row.source_line = line;
  if (auto cause = fault_of(fields, line, row.card); !cause.empty())
    record = refuse(line, std::move(cause), raw(), delimiter);
  else
    ++usable_;
  return record;
}

}  // namespace cardvoid::input
