#pragma once
// How the rows of a job stand: what is in doubt first and apart from what failed, and the invalidated ones by
// how they came to be known as INVALID. The summary of a run and `status` show the same.

#include <boost/json/fwd.hpp>

#include <cardvoid/ledger/queries.hpp>
#include <string>
#include <vector>

namespace cardvoid::report {

inline constexpr int k_rows_in_doubt_shown = 3;

struct Standing {
  ledger::Totals totals;
  std::vector<ledger::RowInDoubt> in_doubt;  // examples
  bool is_under_way = false;                 // a run: what is in flight is waiting for its answer
};

// Lines of which each row of the job is in exactly one of "in doubt", "invalidated", "rejected",
// "accepted" and "pending". Codes are masked, openids never shown.
std::string standing_text(const Standing& standing);

// The same numbers as members of `object`.
void add_standing(boost::json::object& object, const Standing& standing);

}  // namespace cardvoid::report
