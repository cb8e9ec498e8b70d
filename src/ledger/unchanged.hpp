#pragma once
// An input that was imported last is not imported again, as long as that would change nothing.

#include <cardvoid/ledger/import.hpp>
#include <cardvoid/sqlite/connection.hpp>

namespace cardvoid::ledger {

// Of the newest import, in its transaction. Does nothing when it is not repeatable, or without a digest.
void keep_recipe(const sqlite::Connection& db, const ImportSummary& summary, const Recipe& recipe);

// In the transaction that makes rows mean something else to an import.
void forget_recipe(sqlite::Connection& db);

}  // namespace cardvoid::ledger
