#pragma once
// What an import of many lines does to the key's index. Codes come in random order, so each line costs a
// random page of it: read for a card that has a row, and written for a new one. So a Bloom filter tells which
// cards are surely new. These become rows at once. The few others, which include every repetition, wait until
// the input has ended, and are sorted if they are many. Where new rows are many beside those that are there,
// the index is away meanwhile and made at the end, from sorted keys; and so is that of pending rows.
//
// A first import commits now and then without these indices. When it dies on the way, no row counts: nothing
// was ever sent from the database, and its next import is a first one again. Any other import must not commit
// while the key is away.

#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "waiting_lines.hpp"

namespace cardvoid::ledger {

class LargeImport {
 public:
  // 16 MiB for any size of input. Of ten million cards one in a thousand waits needlessly; of a hundred
  // million most, which is only slower.
  static constexpr std::size_t k_filter_words = std::size_t{1} << 21;

  // Fewer are not worth it: new rows, lines whose row was found by the key's index, and lines that wait.
  static constexpr std::int64_t k_many_lines = 10'000;

  // No rows yet.
  static bool is_first(const sqlite::Connection& db);
  // Makes those that are away.
  static void make_indices(sqlite::Connection& db);

  // Reads the keys of all rows.
  explicit LargeImport(sqlite::Connection& db, std::size_t filter_words = k_filter_words);

  // Within the transaction under way. Statements that look for a card by its key would read all rows.
  void take_key_away();
  bool is_key_away() const { return is_key_away_; }

  // True if the card may have a row, or may have come before; records it as come.
  bool may_have_come(const model::Card& card);
  // True if there may be a row with this key.
  bool may_be_there(std::string_view brand_id, std::string_view card_id, std::string_view code) const;
  // Every line has a number of its own, so that what waits keeps its place among the rows.
  model::RowId next_id() { return ++last_id_; }
  void put_aside(model::RowId id, const model::InputRow& row, std::string_view text);

  // All lines have come: the indices are there, the memory of the filter is free, and what waits may be
  // taken.
  WaitingLines& finish();

 private:
  sqlite::Connection& db_;
  WaitingLines waiting_;
  std::vector<std::uint64_t> filter_;
  model::RowId last_id_ = 0;
  bool is_key_away_ = false;
};

}  // namespace cardvoid::ledger
