#pragma once
// What an import of many lines does to the key's index. Codes come in random order, so each line costs a
// random page of it: read for a card that has a row, and written for a new one. So a Bloom filter tells which
// cards are surely new. These become rows at once. The few others, which include most repetitions, wait until
// the input has ended, and are sorted if they are many. Where new rows are many beside those that are there,
// the index is away meanwhile and made again at the end, from sorted keys; and so is that of pending rows.
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

// Which cards may have been added: a Bloom filter. It never forgets one.
class CardFilter {
 public:
  using Key = std::uint64_t;
  static Key key_of(std::string_view brand_id, std::string_view card_id, std::string_view code);
  static Key key_of(const model::Card& card) { return key_of(card.brand_id, card.card_id, card.code); }

  explicit CardFilter(std::size_t words) : words_(words) {}
  bool may_have(Key key) const;
  void add(Key key);
  void free_memory() { words_ = decltype(words_)(); }  // {} alone would keep it

 private:
  template <class Visit>
  void each_bit(Key key, Visit visit) const;
  std::vector<std::uint64_t> words_;
};

class LargeImport {
 public:
  // 16 MiB for any size of input. Of ten million cards one in a thousand waits needlessly; of a hundred
  // million most, which is only slower.
  static constexpr std::size_t k_filter_words = std::size_t{1} << 21;
  // Fewer new rows, lines out of order, or waiting lines are handled one by one.
  static constexpr std::int64_t k_many_lines = 10'000;

  // No rows yet.
  static bool is_first(const sqlite::Connection& db);
  // Makes the indices that are not there.
  static void restore_indices(sqlite::Connection& db);

  // Reads the keys of all rows.
  explicit LargeImport(sqlite::Connection& db, std::size_t filter_words = k_filter_words);

  // Within the transaction under way. Until finish() a statement that looks for a card by its key reads all
  // rows.
  void take_key_away();
  bool is_key_away() const { return is_key_away_; }

  // True if the card with this key may have a row, or may have come before; records it as come.
  bool may_have_come(CardFilter::Key key);
  bool may_have_row(CardFilter::Key key) const { return known_.may_have(key); }
  // True if an earlier line of the card may wait.
  bool may_wait(CardFilter::Key key) const { return waiting_cards_.may_have(key); }
  // Every line has one, so that what waits keeps its place.
  std::int64_t next_number() { return ++last_number_; }
  void put_aside(std::int64_t number, CardFilter::Key key, const model::InputRow& row, std::string_view text);

  // All lines have come: the indices are there, the memory of the filters is free, and what waits may be
  // taken.
  WaitingLines& finish();

 private:
  sqlite::Connection& db_;
  WaitingLines waiting_;
  CardFilter known_, waiting_cards_;
  std::int64_t last_number_ = 0;
  bool is_key_away_ = false;
};

}  // namespace cardvoid::ledger
