#pragma once
// How an outcome is said to people.

#include <cardvoid/model/outcome.hpp>
#include <string>

namespace cardvoid::dispatch {

// "WHY: HTTP 400 INVALID_REQUEST, "…" (Request-ID …)".
std::string describe(const std::string& why, const model::Outcome& outcome);

}  // namespace cardvoid::dispatch
