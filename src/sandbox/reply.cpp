#include "reply.hpp"

#include <openssl/evp.h>

#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>

#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// Looks like RSA-OAEP ciphertext of a 2048-bit key (docs/platform.md section 9): 344 characters of base64.
std::string looks_encrypted(std::uint64_t seed) {
  std::array<std::uint64_t, 32> noise{};
  for (auto& word : noise) word = seed = mix(seed);
  std::array<unsigned char, 345> text{};
  const int size = EVP_EncodeBlock(text.data(), reinterpret_cast<const unsigned char*>(noise.data()),
                                   static_cast<int>(sizeof noise));
  return {text.begin(), text.begin() + size};
}

json::object validity(std::uint64_t draw) {
  json::object validity;
  switch (draw % 3) {
    case 0:  // the documented example carries all fields for PERMANENT (docs/platform.md section 1.5, item 3)
      validity["type"] = "PERMANENT";
      validity["available_begin_time"] = "2020-05-20T13:29:35.120+08:00";
      validity["available_end_time"] = "2020-05-20T13:29:35.120+08:00";
      validity["available_day_after_receive"] = 30;
      break;
    case 1:
      validity["type"] = "FIX_TIME_RANGE";
      validity["available_begin_time"] = "2025-01-01T00:00:00+08:00";
      validity["available_end_time"] = "2030-12-31T23:59:59+08:00";
      break;
    default: validity["type"] = "FIX_TERM"; validity["available_day_after_receive"] = 10'957;
  }
  return validity;
}

json::object personal_information(std::uint64_t draw) {
  json::object birthday;
  birthday["name"] = "USER_FORM_FLAG_BIRTHDAY";
  birthday["value"] = looks_encrypted(draw + 1);
  json::object sport;
  sport["name"] = "喜欢的运动";
  sport["user_chosen_values"] = json::array{looks_encrypted(draw + 2)};
  json::object information;
  information["common_field_list"] = json::array{std::move(birthday)};
  information["custom_field_list"] = json::array{std::move(sport)};
  return information;
}

}  // namespace

std::string error_body(const Refusal& refusal) {
  json::object body;
  body["code"] = refusal.code;
  body["message"] = refusal.message;
  if (!refusal.issue.empty()) {
    json::object detail;
    if (!refusal.field.empty()) detail["field"] = refusal.field;
    if (!refusal.value.empty()) detail["value"] = refusal.value;
    detail["issue"] = refusal.issue;
    detail["location"] = refusal.location;
    if (!refusal.sign_message.empty()) {
      json::object seen;
      seen["method"] = refusal.method;
      seen["url"] = refusal.url;
      seen["truncated_sign_message"] = refusal.sign_message.substr(0, 256);
      seen["sign_message_length"] = refusal.sign_message.size();
      detail["sign_information"] = std::move(seen);
    }
    body["detail"] = std::move(detail);
  }
  return to_json(body);
}

std::string card_body(const World::Card& card) {
  constexpr std::array<std::string_view, 4> levels{"钻石会员", "黄金会员", "普通会员", "=1+1"};
  const auto draw = stable_hash(card.code);
  const auto picked_up =
      WallTime{1'672'531'200s} + milliseconds{draw % 63'072'000'000};  // within 2023 and 2024
  const bool invalid = card.state == CardState::invalid;

  json::object body;
  body["user_card_code"] = card.code;
  body["card_id"] = card.card_id;
  body["openid"] = card.openid;
  body["brand_id"] = card.brand_id;
  body["card_type"] = draw % 50 == 0 ? "PURCHASE" : "NORMAL";
  if (draw & 0x100) body["card_color"] = "#FFFF00";
  if (draw & 0x200)
    body["card_picture_url"] = "https://wxpaylogo.qpic.cn/wxpaylogo/PiajxSqBRaEIPAeia7Imvtsn7sYGNcEj33/0";
  if (draw & 0x400) body["phone_number"] = looks_encrypted(draw);
  if (draw & 0x800) body["level"] = levels[(draw >> 12) % levels.size()];
  body["valid_date_information"] = validity(draw >> 16);
  body["pickup_time"] = format_china_time(picked_up);
  if ((draw >> 20) % 4 == 0) body["user_information"] = personal_information(draw);
  if (draw & 0x1000) body["attach"] = "门店\"003\"\\n<b>自定义</b>数据说明";
  body["user_card_state"] = to_text(card.state);
  if (!card.reason.empty()) body["invalid_reason"] = card.reason;
  if (card.invalid_time != WallTime{}) body["invalid_time"] = format_china_time(card.invalid_time);
  body["create_time"] = format_china_time(picked_up);
  body["modify_time"] = format_china_time(invalid ? card.invalid_time : picked_up);
  // Answers may gain fields at any time (docs/platform.md section 1.1).
  if (draw & 0x2000) {
    json::object extension;
    extension["user_card_state"] = "NOT_THIS_ONE";
    extension["points"] = draw % 10'000;
    body["x_extension"] = std::move(extension);
  }
  return to_json(body);
}

std::string_view gateway_page() {
  return "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
         "Gateway</h1></center>\r\n"
         "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
}

}  // namespace cardvoid::sandbox
