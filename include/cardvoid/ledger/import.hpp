#pragma once
// Import: input becomes rows of the plan. A row is known by its content (brand, template, code), never by its
// position in the input.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/row.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

struct ImportSummary {
  WallTime finished_at{};
  std::string source;
  std::int64_t lines = 0, added = 0, known = 0, duplicates = 0;
  std::int64_t refused = 0;           // lines, those of conflicts among them
  std::int64_t conflicts = 0;         // rows whose openid or reason the input has changed: not sent
  std::int64_t vanished = 0;          // rows of earlier imports that the input does not have
  std::int64_t vanished_to_send = 0;  // of these, still to send
  std::int64_t newly_vanished = 0;    // of these, since the import before
  std::int64_t returned = 0;          // rows that the import before did not have, and this one has
  std::int64_t changed = 0;  // rows of earlier imports whose openid or reason differs: shown, not sent
};

// The text of an input line that the ledger refuses, for the record. `is_current`: the line that is being
// added. Otherwise an earlier one of the same input, of which only `card` is left.
using LineText = std::function<std::string(const model::Card& card, bool is_current)>;

// One reading of the input, from begin() to finish(). It commits in large transactions; until finish() none
// of its rows is part of the plan. Destroyed before that, it takes back what it has brought; conflicts that
// it found or that were there stay. After an io error (74) it leaves that to the next import, as a crash
// does.
//
// The ledger must outlive it, and is used for nothing else meanwhile.
class Import {
 public:
  static Result<Import> begin(Ledger& ledger, WallTime now, LineText text);
  Import(Import&&) noexcept;
  Import& operator=(Import&&) = delete;
  ~Import();

  Result<void> add(const model::InputRow& row);
  Result<void> refuse(std::int64_t source_line, std::string_view cause, std::string_view raw);
  // `source`: what was read, in words. Called once.
  Result<ImportSummary> finish(std::string_view source, WallTime now);

 private:
  class Work;
  explicit Import(std::unique_ptr<Work> work);
  Result<void> noted(Result<void> done);
  std::unique_ptr<Work> work_;  // null: finished, broken or moved from
};

// A row in which the latest import differs from those before.
struct Difference {
  enum Kind { added, changed, vanished, returned } kind = added;
  std::string brand_id, card_id, code, openid;  // as planned
  std::int64_t source_line = 0;                 // of the import that brought it
  model::Status status = model::Status::pending;
  bool other_openid = false, other_reason = false;  // of a changed one: what the input says differently
};

// What the import finished last through this ledger has changed, in the order of the rows. A bug without one.
Result<void> each_difference(Ledger& ledger, const std::function<void(const Difference&)>& visit);

}  // namespace cardvoid::ledger
