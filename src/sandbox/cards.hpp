#pragma once
// The two CSV files of the sandbox: the members a job is to invalidate, and the cards the platform knows.
// Pure.

#include <cardvoid/base/error.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "world.hpp"

namespace cardvoid::sandbox {

// `code,card_id,openid,reason`: valid rows, most of them with codes of 24 digits, some with a
// merchant's own codes, which need encoding.
std::string make_members(int rows, std::uint64_t seed);

// The platform's cards for these members: all EFFECTIVE, each card once.
Result<std::string> make_cards(std::string_view members_csv);

// Reads `brand_id,card_id,code,openid,state[,invalid_time]`, columns in any order.
Result<void> load_cards(std::string_view cards_csv, World& world);

}  // namespace cardvoid::sandbox
