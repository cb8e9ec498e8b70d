#pragma once
// The end of an import: what it says of rows known before becomes true, in the transaction that records it as
// complete. So a run, a fingerprint or a crash sees all of it or nothing.
//
// A row that no request was made for is what the latest complete import says: changed in place, or held back
// when that import does not name it. From its first request on it stays as it was sent.

#include <cardvoid/ledger/import.hpp>
#include <cardvoid/sqlite/connection.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

// Reads every row once. What was heard of rows is in temp.heard: (row_id, openid, reason, source_line).
// Adds what it counts to `summary`, and what the input before had not named to `findings`.
void take_effect(sqlite::Connection& db, ImportFindings& findings, model::Vanished vanished,
                 ImportSummary& summary);

}  // namespace cardvoid::ledger
