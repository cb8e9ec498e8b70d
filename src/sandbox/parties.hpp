#pragma once
// The merchant and the platform of the sandbox, with the numbers of the documentation's samples
// (docs/platform.md section 11).

#include <cstdint>
#include <string_view>

namespace cardvoid::sandbox {

inline constexpr std::string_view k_mchid = "1900000001";
// Serial of every merchant certificate that the sandbox makes, so that jobs/demo.toml can name it.
inline constexpr const char* k_merchant_serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
inline constexpr std::string_view k_brand_id = "1004";  // Settings::brand_id, where nothing else is set
inline constexpr std::string_view k_public_key_id = "PUB_KEY_ID_0119000000012026110200000000000001";
inline constexpr std::string_view k_card_id = "pbLatjvWOibDc5-TBnbUk1pD12o0";
inline constexpr std::string_view k_second_card_id = "pbLatjkS2mZq7_vN0RfW8tYcUe4x";
inline constexpr std::string_view k_reason = "会员计划已结束";

inline constexpr std::string_view k_partner_scheme = "WECHATPAY2-SHA256-RSA2048";
inline constexpr std::string_view k_brand_scheme = "WECHATPAY-BRAND-SHA256-RSA2048";

// One step of SplitMix64 (Steele, Lea, Flood 2014): turns any counter into well mixed bits, the same on every
// machine.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// FNV-1a, mixed: std::hash may differ between builds, and a fault script must not.
constexpr std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return mix(hash);
}

}  // namespace cardvoid::sandbox
