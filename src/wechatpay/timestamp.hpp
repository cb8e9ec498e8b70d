#pragma once
#include <cardvoid/base/time.hpp>
#include <optional>
#include <string_view>

namespace cardvoid::wechatpay {

// A Wechatpay-Timestamp: Unix seconds, digits only. nullopt for anything else, also for
// milliseconds.
std::optional<WallTime> parse_timestamp(std::string_view text);

}  // namespace cardvoid::wechatpay
