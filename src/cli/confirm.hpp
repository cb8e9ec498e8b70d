#pragma once
// What somebody must know whose --confirm stands for another plan.

#include <cardvoid/base/error.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <string>

#include "plan.hpp"

namespace cardvoid::cli {

// The error (65) for `run --confirm DIGITS`: what has changed since that plan, or that there was no such one.
// `digits` as they were typed. Error of another code: the results database cannot be read.
Error another_plan(const std::string& digits, const Plan& plan, ledger::Ledger& ledger);

}  // namespace cardvoid::cli
