#pragma once
// Counts that are kept beside the rows, so that `status`, and a run that begins, need not read every row. Who
// changes rows one by one (records.cpp) notes each step and commits the sums with them; who changes many
// throws the counts away, and the next one who asks and may write counts again. The end of a run counts every
// row all the same: what it claims is never from here.

#include <cardvoid/model/row.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

struct Totals;

// What is counted of a row.
struct RowKind {
  std::string status;
  std::int64_t held = 0, conflict = 0, absent = 0, is_protected = 0;
  std::string settled_by;  // empty: not settled
  std::int64_t is_unsigned = 0, accepted = 0;
  auto operator<=>(const RowKind&) const = default;
};
using RowCounts = std::map<RowKind, std::int64_t>;

// The columns of a RowKind, of the table `row`.
extern const std::string k_kind_of_row;
RowKind kind_from(const sqlite::Statement& s, int first_column);

// Of all rows of the plan: reads each of them.
RowCounts count_rows(const sqlite::Connection& db);
// As kept; nullopt: to be counted.
std::optional<RowCounts> kept_counts(const sqlite::Connection& db);
extern const std::string_view k_add_count;  // a kind's nine values: adds to its count
void keep_counts(const sqlite::Connection& db, const RowCounts& counts);
// In the transaction that changes many rows.
void forget_counts(sqlite::Connection& db);

// The steps of single rows since the last commit.
class RowSteps {
 public:
  void clear() { steps_.clear(); }
  void note(const RowKind& before, const RowKind& after);
  // In the same transaction. `add`: k_add_count; null when no counts are kept.
  void commit(sqlite::Statement* add);

 private:
  RowCounts steps_;
};

// Those that depend on nothing but the kinds.
Totals totals_of(const RowCounts& counts);

}  // namespace cardvoid::ledger
