#pragma once
// The bodies the platform answers with (platform.md sections 1.3 and 5.1). Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "call.hpp"
#include "world.hpp"

namespace cardvoid::sandbox {

std::string error_body(const Refusal& refusal);

// The whole card object. Optional fields are there for some cards and not for others, decided by the code
// alone.
std::string card_body(const World::Card& card);

// What an nginx in front of the platform says when nothing stands behind it.
std::string_view gateway_page();

}  // namespace cardvoid::sandbox
