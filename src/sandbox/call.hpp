#pragma once
// Parses a request into the call it makes, and checks every rule of docs/platform.md sections 1 to 3 that
// does not need the cards. Stricter than the platform where its documents say nothing, so that a sloppy
// client is found here. Pure.

#include <boost/system/result.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::sandbox {

// A request as it arrived. Absent headers are empty.
struct Incoming {
  std::string_view method, target, body;
  std::string_view user_agent, accept, content_type, authorization, wechatpay_serial;
};

// A JSON error of the platform (docs/platform.md section 5.1). `internal` is the number behind the last '-'
// of Request-ID.
struct Refusal {
  unsigned status = 400;
  std::string_view code;
  std::string message;
  std::string field, value, issue, location;  // the detail; all empty: none
  std::uint32_t internal = 0;
  std::string method, url, sign_message;  // SIGN_ERROR: the server's view of what was to be signed
};

// Values known from the platform's coupon manual (docs/platform.md section 2).
inline constexpr std::uint32_t k_illegal = 268435461, k_too_long = 268435462, k_too_short = 268435463,
                               k_no_such_object = 268578608, k_bad_openid = 268578526,
                               k_bad_state = 268578367, k_too_frequent = 270924289, k_unspecified = 268435456;

struct Route {
  enum { found, unknown_path, wrong_method } match = unknown_path;
  model::Api api = model::Api::partner;
  model::AttemptKind kind = model::AttemptKind::invalidate;
  std::string_view code, query;  // still percent-encoded
};
Route find_route(std::string_view method, std::string_view target);

struct Call {
  model::Api api = model::Api::partner;
  model::AttemptKind kind = model::AttemptKind::invalidate;
  std::string brand_id, card_id, code, openid, reason;
};

// User-Agent, Accept and Content-Type, checked before authentication (docs/platform.md section 3.6).
std::optional<Refusal> check_headers(const Incoming& in, model::AttemptKind kind);

// Path, query and body. For the brand API `signer_brand_id`, of the Authorization header, is the brand.
boost::system::result<Call, Refusal> read_call(const Route& route, std::string_view body,
                                               std::string_view signer_brand_id);

// Decodes RFC 3986 percent-encoding: unreserved characters as they are, all others as %XX in upper case.
// nullopt for any other spelling.
std::optional<std::string> decode_strictly(std::string_view encoded);

}  // namespace cardvoid::sandbox
