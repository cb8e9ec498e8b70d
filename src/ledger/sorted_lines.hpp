#pragma once
// The lines of a large list that names known cards in another order than that of their rows. Taken one by
// one, each costs a random page of the key's index and one of the table. So they wait. Sorted by key they
// find their rows in the order of the index, and sorted by these they are compared in the order of the table.
// SQLite sorts in runs: memory does not grow with the list.

#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "row_set.hpp"
#include "waiting_lines.hpp"

namespace cardvoid::ledger {

class SortedLines {
 public:
  // So many lines were found by the index before the others wait: few are sorted more slowly than found.
  static constexpr std::int64_t k_least_strays = 10'000;

  explicit SortedLines(sqlite::Connection& db);
  void put_aside(const model::InputRow& row, std::string_view text);

  // First the lines whose card has a row, in the order of rows, and those of one card in the order of the
  // list: `known` must not commit. Then the others in the order of the list. `line` is for text_of().
  // Called once.
  struct Take {
    std::function<void(model::RowId id, const model::InputRow& row, std::int64_t line)> known;
    std::function<void(const model::InputRow& row, std::int64_t line)> other;
  };
  void finish(const Take& take);
  std::string text_of(std::int64_t line) { return waiting_.from(line).value().text; }

 private:
  void hand_over_known(const Take& take);

  sqlite::Connection& db_;
  WaitingLines waiting_;
  std::int64_t last_ = 0;
  RowSet others_;  // lines without a row
};

}  // namespace cardvoid::ledger
