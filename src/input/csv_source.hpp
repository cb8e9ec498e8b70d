#pragma once

#include "decoder.hpp"
#include "row_maker.hpp"

namespace cardvoid::input {

Result<std::unique_ptr<Source>> open_csv(Decoded text, std::string name, const Settings& settings);

}  // namespace cardvoid::input
