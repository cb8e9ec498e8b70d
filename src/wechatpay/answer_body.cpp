#include "answer_body.hpp"

#include <simdjson.h>

namespace cardvoid::wechatpay {

namespace {

constexpr std::size_t k_largest_body_bytes = 4 << 20;  // `net` stops at 1 MiB

// Empty when the field is missing or is not a string.
std::string text_field(const simdjson::dom::object& object, std::string_view name) {
  std::string_view text;
  if (object.at_key(name).get_string().get(text) != simdjson::SUCCESS) return {};
  return std::string{text};
}

}  // namespace

Body read_body(std::string_view bytes) {
  // The DOM parser: it checks the whole text, with UTF-8 and depth, before anything is read, and selects the
  // best code for the processor at run time.
  thread_local simdjson::dom::parser parser{k_largest_body_bytes};
  Body body;
  simdjson::dom::element root;
  simdjson::dom::object object;
  if (bytes.empty() || parser.parse(bytes.data(), bytes.size()).get(root) != simdjson::SUCCESS) return body;
  body.is_json = true;
  if (root.get(object) != simdjson::SUCCESS) return body;

  CardFields card{text_field(object, "user_card_code"), text_field(object, "card_id"),
                  text_field(object, "user_card_state"), text_field(object, "invalid_time")};
  if (!card.user_card_code.empty() && !card.card_id.empty() && !card.user_card_state.empty())
    body.card = std::move(card);
  if (auto code = text_field(object, "code"); !code.empty())
    body.error = ErrorFields{std::move(code), text_field(object, "message")};
  return body;
}

}  // namespace cardvoid::wechatpay
