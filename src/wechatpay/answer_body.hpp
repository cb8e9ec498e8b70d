#pragma once
// The few fields of an answer's body that matter, copied out of its JSON.

#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::wechatpay {

// A card as docs/platform.md section 1.3 has it. Present only when the first three fields are non-empty
// strings.
struct CardFields {
  std::string user_card_code, card_id, user_card_state;
  std::string invalid_time;  // optional on the platform's side; empty when absent or not a string
};

// An error as docs/platform.md section 5.1 has it. Present only when `code` is a non-empty string.
struct ErrorFields {
  std::string code, message;
};

struct Body {
  bool is_json = false;
  std::optional<CardFields> card;
  std::optional<ErrorFields> error;
};

// Takes any bytes; if they are not a JSON object, both parts are empty. Ignores unknown fields; of repeated
// ones the first counts.
Body read_body(std::string_view bytes);

}  // namespace cardvoid::wechatpay
