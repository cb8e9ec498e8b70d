#pragma once
// Why a run stopped itself: what its breaker or its canary found, and at which rows. Decided by
// dispatch::Dispatcher, kept with its run by ledger::Ledger.

#include <cardvoid/model/row.hpp>
#include <string_view>
#include <vector>

namespace cardvoid::model {

enum class TripCause {
  canary,          // one of the first rows was not proven INVALID
  failure_rate,    // too many of the last rows were rejected or left unresolved
  unknown_answer,  // an answer that docs/answers.md does not list
  wrong_card,      // answers about another card
  contradiction,   // answers called cards done that are not INVALID
  already,         // card after card was INVALID before: the wrong list, or a lost results database
};
std::string_view to_text(TripCause cause);  // as in the view `runs`

struct Trip {
  TripCause cause = TripCause::canary;
  std::vector<RowId> rows;  // the rows that caused it, in the order in which they ended
};

}  // namespace cardvoid::model
