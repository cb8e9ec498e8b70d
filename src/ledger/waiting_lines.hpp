#pragma once
// Lines of an input that wait until it has ended: in a temporary table, temp.line, which SQLite keeps in a
// file. One at a time for each connection.

#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

class WaitingLines {
 public:
  explicit WaitingLines(sqlite::Connection& db);
  // `number`: greater than those before. `text`: of the line in the input.
  void put_aside(std::int64_t number, const model::InputRow& row, std::string_view text);
  std::int64_t count() const { return count_; }
  std::string text_of(std::int64_t number);

  // In the order of their numbers. `line` may commit, and ask for texts.
  using Line = std::function<void(std::int64_t number, const model::InputRow& row)>;
  void each(const Line& line);

  // Where many have a row, and come in another order than these: taken one by one, each costs a random page
  // of the key's index and one of the table. Sorted by key they find their rows in the order of the index,
  // and sorted by these they are compared in the order of the table. SQLite sorts in runs: memory does not
  // grow with their number.
  // First those whose card has a row, in the order of rows, and those of one card in the order of the list:
  // `known` must not commit. Then `other`, in the order of the list.
  using Known = std::function<void(model::RowId id, std::int64_t number, const model::InputRow& row)>;
  void each_sorted(const Known& known, const Line& other);

  // The disk that they take is given back. Called last.
  void drop();

 private:
  sqlite::Connection& db_;
  sqlite::Statement put_aside_, next_;
  std::int64_t count_ = 0;
};

}  // namespace cardvoid::ledger
