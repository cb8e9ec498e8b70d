#pragma once
// The first import of a results database, which may be huge. In the random order of codes each row would cost
// a page of the unique index read and another one written; so the index is made at the end, from sorted keys.
//
// Until then a Bloom filter knows which cards are surely new. The few others, each repetition among them,
// wait aside, and come as lines do otherwise when there is an index to ask.
//
// An import that dies on the way leaves a database without the index, but also without a row that counts:
// nothing was ever sent from it, and its next import is a first one again.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <functional>
#include <vector>

namespace cardvoid::ledger {

class FirstImport {
 public:
  // No rows yet, and an index that can be taken away.
  static bool is_possible(const sqlite::Connection& db);

  // 16 MiB whatever the size of the input. Of ten million cards one in a thousand waits for nothing; of a
  // hundred million every second one, which is slower and nothing else.
  static constexpr std::size_t k_filter_words = std::size_t{1} << 21;

  // Takes the index away, within the transaction under way.
  explicit FirstImport(sqlite::Connection& db, std::size_t filter_words = k_filter_words);

  // Whether a card is not surely new; asking for it is its coming.
  bool may_have_come(const model::Card& card);
  // Every line has a number of its own, so that what waits keeps its place among the rows.
  model::RowId next_id() { return ++last_id_; }
  void put_aside(model::RowId id, const model::InputRow& row, std::string_view text);

  // Makes the index, and hands over what waits, in the order of the input.
  using Take = std::function<Result<void>(model::RowId, const model::InputRow&, std::string_view text)>;
  Result<void> finish(const Take& take);

  // For an import that was given up, when its rows are gone.
  static void restore_index(sqlite::Connection& db);

 private:
  sqlite::Connection& db_;
  sqlite::Statement put_aside_;
  std::vector<std::uint64_t> filter_;
  model::RowId last_id_ = 0;
};

}  // namespace cardvoid::ledger
