#pragma once
// The few fields of an answer's body that matter, copied out of its JSON.

#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::wechatpay {

// A card as docs/platform.md section 1.3 has it. Present only when code, template, state and (if it is
// compared) openid each are one non-empty text.
struct CardFields {
  std::string user_card_code, card_id, openid, user_card_state;
  std::string brand_id, invalid_time;  // empty when absent or not a text
};

// An error as docs/platform.md section 5.1 has it. Present only when `code` is one non-empty string. The
// texts need not be UTF-8.
struct ErrorFields {
  std::string code, message;
  bool has_two_messages = false;  // with different values: `message` is for people, and decides nothing
};

struct Body {
  bool is_json = false;
  std::optional<CardFields> card;
  std::string flaw;  // why there is no card, in words
  std::optional<ErrorFields> error;
  bool has_two_codes = false;  // an error's `code` stands twice, with different values: there is no `error`
};

enum class Openid { needed, ignored };

// Takes any bytes; if they are not a JSON object, both parts are empty. Of members that are not asked for it
// only needs the end: their numbers may have any size and their strings any bytes. A member that is asked for
// and stands there twice with different values is a flaw.
Body read_body(std::string_view bytes, Openid openid);

}  // namespace cardvoid::wechatpay
