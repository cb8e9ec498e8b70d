#pragma once
// Rows that a person chooses, for `retry` and `accept`. They are in temporary tables, which SQLite keeps in a
// file, so that memory does not grow with a list of codes.

#include <cardvoid/ledger/plan.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "state.hpp"

namespace cardvoid::ledger {

// What becomes of a row of the choice. temp.chosen has them: (id, fate).
enum class Fate : std::int64_t {
  left_out = 0,      // its code was named, but not in both ways
  taken = 1,         // the command does its work on it
  doubt = 2,         // it must be read back first
  not_eligible = 3,  // it has another status
  before = 4,        // accepted already, and left so
  forgotten = 5,     // settled, and its code is gone
};

// How the codes were named. Where both ways were used, a row must be named by both.
struct NamedCodes {
  bool is_any = false;
  std::int64_t ways = 0;
};

// Reads the codes of the choice into a temporary table, before any transaction: a list may come slowly.
// Error: what the list says.
Result<NamedCodes> name_codes(Ledger::State& state, const Choice& choice);

// Decides on every row of the choice, and counts what the selection says. `fates`: "WHEN … ELSE …" of an SQL
// CASE, which gives a Fate to a row whose status is the one asked for. Throws sqlite::Failure; inside a
// transaction.
void choose_rows(sqlite::Connection& db, const Choice& choice, const NamedCodes& codes,
                 std::string_view fates, Selection& selection);

// For SQL: the number of a fate.
inline std::int64_t number(Fate fate) { return static_cast<std::int64_t>(fate); }

// How many of the rows with this fate also meet the condition.
std::int64_t count_chosen(sqlite::Connection& db, Fate fate, std::string_view condition);

}  // namespace cardvoid::ledger
