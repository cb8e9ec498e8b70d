#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/wechatpay/request.hpp>

namespace cardvoid::wechatpay {

namespace {

// The body of an invalidation. Order and spelling are those of the platform's own example (test vector B1).
std::string invalidation_body(model::Api api, const model::Card& card) {
  boost::json::object body;
  if (api == model::Api::brand) body["card_id"] = card.card_id;
  body["openid"] = card.openid;
  if (!card.reason.empty()) body["invalid_reason"] = card.reason;  // never null or "" (docs/platform.md 1.1)
  return to_json(body);
}

}  // namespace

std::string percent_encode(std::string_view text) {
  return boost::urls::encode({text.data(), text.size()}, boost::urls::unreserved_chars);
}

RequestText build_request(model::Api api, model::AttemptKind kind, const model::Card& card) {
  const bool partner = api == model::Api::partner;
  const bool invalidates = kind == model::AttemptKind::invalidate;

  std::string target =
      partner ? "/v3/brand/partner/card-member/user-cards/" : "/brand/card-member/user-cards/";
  target += percent_encode(card.code);
  if (invalidates) target += "/invalidate";

  char separator = '?';
  const auto add_parameter = [&](std::string_view name, std::string_view value) {
    target += fmt::format("{}{}={}", separator, name, percent_encode(value));
    separator = '&';
  };
  if (partner) add_parameter("brand_id", card.brand_id);
  if (partner || !invalidates) add_parameter("card_id", card.card_id);
  if (!invalidates) add_parameter("openid", card.openid);

  if (!invalidates) return {"GET", std::move(target), {}};
  return {"POST", std::move(target), invalidation_body(api, card)};
}

std::string canonical_message(const RequestText& request, std::int64_t timestamp_s, std::string_view nonce) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n", request.method, request.target, timestamp_s, nonce,
                     request.body);
}

std::string authorization(const Identity& identity, std::int64_t timestamp_s, std::string_view nonce,
                          std::string_view signature_base64) {
  const bool partner = identity.api == model::Api::partner;
  return fmt::format(R"({} {}="{}",nonce_str="{}",signature="{}",timestamp="{}",serial_no="{}")",
                     partner ? "WECHATPAY2-SHA256-RSA2048" : "WECHATPAY-BRAND-SHA256-RSA2048",
                     partner ? "mchid" : "brand_id", identity.signer_id, nonce, signature_base64, timestamp_s,
                     identity.serial_no);
}

std::string serialize(const RequestText& request, const Identity& identity, std::string_view host,
                      std::string_view authorization) {
  const bool has_body = request.method == "POST";
  std::string bytes;
  bytes.reserve(1'536 + request.target.size() + request.body.size());
  const auto line = [&](std::string_view name, std::string_view value) {
    bytes.append(name).append(": ").append(value).append("\r\n");
  };
  bytes.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  line("Host", host);
  line("Authorization", authorization);
  line("Accept", "application/json");
  // The language of error messages. Fixed, so that messages can be searched for; Chinese, since the
  // platform's documents and support quote those (docs/platform.md section 3.6).
  line("Accept-Language", "zh-CN");
  line("User-Agent", identity.user_agent);
  line("Wechatpay-Serial", identity.wechatpay_serial);
  if (has_body) {
    line("Content-Type", "application/json");
    line("Content-Length", std::to_string(request.body.size()));
  }
  line("Connection", "keep-alive");
  bytes.append("\r\n").append(request.body);
  return bytes;
}

}  // namespace cardvoid::wechatpay
