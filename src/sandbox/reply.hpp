#pragma once
// The bodies the platform answers with (docs/platform.md sections 1.3 and 5.1). Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "call.hpp"
#include "world.hpp"

namespace cardvoid::sandbox {

std::string error_body(const Refusal& refusal);

// The whole card object. The code decides which optional fields a card has.
std::string card_body(const World::Card& card);

// The page of an nginx in front of the platform that has no server behind it.
std::string_view gateway_page();

}  // namespace cardvoid::sandbox
