#pragma once
// The first import of a results database, which may be huge. Codes come in random order, so each row would
// cost one page of the unique index read and another one written. Therefore the index is made at the end,
// from sorted keys; and so is that of pending rows, which all of them are.
//
// Until then a Bloom filter knows which cards are surely new. The few others, which include every repetition,
// wait in a table aside; they are added as usual when the index is there.
//
// An import that dies on the way leaves a database without these indices, but also without a row that counts:
// nothing was ever sent from it, and its next import is a first one again.

#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "waiting_lines.hpp"

namespace cardvoid::ledger {

class FirstImport {
 public:
  // No rows yet, and an index that can be taken away.
  static bool is_possible(const sqlite::Connection& db);

  // 16 MiB for any size of input. Of ten million cards one in a thousand waits needlessly; of a hundred
  // million most, which is only slower.
  static constexpr std::size_t k_filter_words = std::size_t{1} << 21;

  // Takes the index away, within the transaction under way.
  explicit FirstImport(sqlite::Connection& db, std::size_t filter_words = k_filter_words);

  // True if the card may have been seen before; records it as seen.
  bool may_have_come(const model::Card& card);
  // Every line has a number of its own, so that what waits keeps its place among the rows.
  model::RowId next_id() { return ++last_id_; }
  void put_aside(model::RowId id, const model::InputRow& row, std::string_view text);

  // Makes the index, and hands over what waits, in the order of the input.
  using Take = std::function<void(model::RowId, const model::InputRow&, std::string_view text)>;
  void finish(const Take& take);

  // For an import that was given up, when its rows are gone.
  static void restore_indices(sqlite::Connection& db);

 private:
  sqlite::Connection& db_;
  WaitingLines waiting_;
  std::vector<std::uint64_t> filter_;
  model::RowId last_id_ = 0;
};

}  // namespace cardvoid::ledger
