#pragma once
// Import: input becomes rows of the plan. A row is known by its content (brand, template, code), never by its
// position in the input.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/list_file.hpp>
#include <cardvoid/model/row.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

struct ImportSummary {
  WallTime finished_at{};
  std::string source;
  model::ListFile file;
  std::string read_by;  // the operating system's name of the user
  std::int64_t lines = 0, added = 0, known = 0, duplicates = 0;
  std::int64_t elsewhere = 0;  // lines of other shards, not among `lines`
  std::int64_t refused = 0;    // lines, those of conflicts among them
  // Rows of earlier imports whose openid or reason the input has changed.
  std::int64_t changed = 0;
  std::int64_t corrected = 0;         // of these, those that no request was made for: changed in place
  std::int64_t conflicts = 0;         // of these, pending ones that stay as they were sent: not sent again
  std::int64_t vanished = 0;          // rows of earlier imports that the input does not have
  std::int64_t vanished_to_send = 0;  // of these, still to send
  std::int64_t newly_vanished = 0;    // of these, since the import before
  std::int64_t newly_left = 0;        // rows that are held back now, since the input does not have them
  std::int64_t returned = 0;          // rows that the import before did not have, and this one has
  bool is_repeatable = false;         // the same again changes nothing, no matter what runs do meanwhile
};

// What an import came from, for the one after it.
struct Recipe {
  std::string digest;                // of all that decides what it makes of the rows; empty: not known
  std::vector<std::string> remarks;  // what a person should know of the input
};

// The last import if it had this digest and the same again would change nothing: it was repeatable, and
// neither `retry` nor `protect` has written since. Its lines count as known then, as they would. nullopt: the
// input must be imported.
struct Unchanged {
  ImportSummary summary;
  std::vector<std::string> remarks;
};
Result<std::optional<Unchanged>> unchanged_since_import(Ledger& ledger, std::string_view digest);

// The text of an input line that the ledger refuses, for the record. `is_current`: the line that is being
// added. Otherwise an earlier one of the same input, of which only `card` is left.
using LineText = std::function<std::string(const model::Card& card, bool is_current)>;

// An import is large once its new rows, or its lines out of order, are this part of the rows that were there.
// Before that, to read all keys and to make their index again takes longer than it saves.
inline constexpr std::int64_t k_large_part = 8;

// One reading of the input, from begin() to finish(). It commits in large transactions, or in one where many
// rows are new and some were there. Until finish() none of its rows is part of the plan, and rows known
// before are as they were. Destroyed before that, it takes back what it has brought. After an io error (74)
// it leaves that to the next import, as a crash does.
//
// A row that no request was made for becomes what the input says: changed in place, or held back when the
// input does not have it. One that a request was made for stays as it was sent (docs/input.md).
//
// The ledger must outlive it, and is used for nothing else meanwhile.
class Import {
 public:
  static Result<Import> begin(Ledger& ledger, WallTime now, LineText text,
                              model::Vanished vanished = model::Vanished::hold);
  Import(Import&&) noexcept;
  Import& operator=(Import&&) = delete;
  ~Import();

  Result<void> add(const model::InputRow& row);
  Result<void> refuse(std::int64_t source_line, std::string_view cause, std::string_view raw);
  // A line of another shard. `names_a_card`: it is not one that would be refused.
  void pass_over(bool names_a_card);
  // `source`: what was read, in words. Called once. Error: bad_input (65) when the input names no card and
  // rows would be held back for that; then nothing has changed.
  Result<ImportSummary> finish(std::string_view source, WallTime now, model::ListFile file = {},
                               std::string read_by = {}, const Recipe& recipe = {});

 private:
  class Work;
  explicit Import(std::unique_ptr<Work> work);
  Result<void> noted(Result<void> done);
  std::unique_ptr<Work> work_;  // null: finished, broken or moved from
};

}  // namespace cardvoid::ledger
