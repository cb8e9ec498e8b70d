#pragma once

#include "row_maker.hpp"

namespace cardvoid::input {

// The same as in cardvoid/input/source.hpp, for an encoding that may be assumed.
Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const Settings& settings);

}  // namespace cardvoid::input
