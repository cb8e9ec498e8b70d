#pragma once

#include "row_maker.hpp"

namespace cardvoid::input {

// Opens the database read-only and starts the query in a read transaction of its own: one snapshot,
// independent of what others write meanwhile.
Result<std::unique_ptr<Source>> open_sqlite(const Settings& settings, const Patience& patience);

}  // namespace cardvoid::input
