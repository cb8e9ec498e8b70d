#pragma once

#include <string>
#include <string_view>

namespace cardvoid::run {

// What a run says of itself and keeps in English – why it waits, how it ended, its answer to a steering
// command – in the language that is spoken. English where it says something else, as an error's cause.
std::string spoken(std::string_view english);

}  // namespace cardvoid::run
