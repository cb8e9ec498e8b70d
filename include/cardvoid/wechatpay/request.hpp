#pragma once
// The invalidate and query calls as text: request target and body, built once, signed and sent as they are
// (docs/platform.md sections 1, 2 and 3). Pure.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <string>
#include <string_view>

namespace cardvoid::wechatpay {

// Bytes outside A-Z a-z 0-9 - . _ ~ become %XX with upper-case hex (RFC 3986, 2.3; docs/platform.md 3.2).
std::string percent_encode(std::string_view text);

struct RequestText {
  std::string method;  // "POST" or "GET"
  std::string target;  // path and query, percent-encoded: in the request line and line 2 of what is signed
  std::string body;    // empty for GET
};

// The call that invalidates the card, or the query that reads it back. The partner API has brand_id and
// card_id in the query; the brand API has card_id in the body (POST) or query (GET) and no brand_id. No code
// can change the path, except "." and "..", which model::find_fault refuses.
RequestText build_request(model::Api api, model::AttemptKind kind, const model::Card& card);

// The five lines that are signed, each ended by LF (docs/platform.md section 3.1).
std::string canonical_message(const RequestText& request, std::int64_t timestamp_s, std::string_view nonce);

// Who we are: the fixed parts of every request's headers. Visible ASCII; the check of the job file ensures
// that.
struct Identity {
  model::Api api = model::Api::partner;
  std::string signer_id;         // mchid, or brand_id for the brand API
  std::string serial_no;         // of the signing certificate
  std::string wechatpay_serial;  // which key the platform must sign the answer with: public-key id or
                                 // certificate serial
  std::string user_agent;
};

// "WECHATPAY2-SHA256-RSA2048 mchid=…" or, for the brand API, "WECHATPAY-BRAND-SHA256-RSA2048 brand_id=…".
std::string authorization(const Identity& identity, std::int64_t timestamp_s, std::string_view nonce,
                          std::string_view signature_base64);

// The whole HTTP/1.1 request as bytes, keep-alive. `host` is the Host header's value. The platform refuses
// requests without Accept or User-Agent and picks the answer's key by Wechatpay-Serial
// (docs/platform.md 3.6, 4.2).
std::string serialize(const RequestText& request, const Identity& identity, std::string_view host,
                      std::string_view authorization);

}  // namespace cardvoid::wechatpay
