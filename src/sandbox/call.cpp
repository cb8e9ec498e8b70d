#include "call.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/text.hpp>
#include <vector>

#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

using model::Api;
using model::AttemptKind;
template <class T>
using Checked = boost::system::result<T, Refusal>;

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

Refusal param_error(std::string_view field, std::string_view value, std::string_view location,
                    std::string issue, std::uint32_t internal = k_illegal) {
  Refusal refusal;
  refusal.code = "PARAM_ERROR";
  refusal.message = fmt::format("参数错误：{}：{}", field, issue);
  refusal.field = field;
  refusal.value = value;
  refusal.issue = std::move(issue);
  refusal.location = location;
  refusal.internal = internal;
  return refusal;
}

Refusal invalid_request(std::string message) {
  Refusal refusal;
  refusal.code = "INVALID_REQUEST";
  refusal.message = std::move(message);
  refusal.internal = k_illegal;
  return refusal;
}

// Length in characters, and no character beyond the basic plane (docs/platform.md section 1.1).
std::optional<Refusal> check_text(std::string_view field, std::string_view value, std::size_t longest,
                                  std::string_view location) {
  if (find_invalid_utf8(value)) return param_error(field, "", location, "不是合法的UTF-8编码");
  const auto length = count_characters(value);
  if (length == 0) return param_error(field, value, location, "不能为空", k_too_short);
  if (length > longest)
    return param_error(field, value, location, fmt::format("长度超过{}", longest), k_too_long);
  for (std::size_t at = 0; at < value.size();) {
    const auto c = next_code_point(value, at);
    if (c > 0xFFFF) return param_error(field, value, location, "含有四字节字符");
    if (c < 0x20) return param_error(field, value, location, "含有控制字符");
  }
  return std::nullopt;
}

struct Field {
  std::string_view name;
  std::size_t longest;
  bool required;
  std::string* target;
};

// Exactly these names, each once, all values checked.
std::optional<Refusal> read_query(std::string_view query, const std::vector<Field>& fields) {
  std::vector<std::string_view> seen;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = pair.find('=');
    const auto name = pair.substr(0, equals);
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    if (field == fields.end() || equals == std::string_view::npos)
      return param_error(name, "", "query", "不是该接口的参数");
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return param_error(name, "", "query", "参数重复");
    seen.push_back(name);
    auto value = decode_strictly(pair.substr(equals + 1));
    if (!value) return param_error(name, pair.substr(equals + 1), "query", "URL编码不符合RFC 3986");
    if (auto refusal = check_text(name, *value, field->longest, "query")) return refusal;
    *field->target = std::move(*value);
  }
  for (const auto& field : fields)
    if (std::find(seen.begin(), seen.end(), field.name) == seen.end())
      return param_error(field.name, "", "query", "缺少必填参数", k_too_short);
  return std::nullopt;
}

std::optional<Refusal> read_body(std::string_view body, const std::vector<Field>& fields) {
  // One per thread: the parser keeps its buffers between documents.
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(body.data(), body.size()).get(object))
    return param_error("", "", "body", "请求体不是合法的JSON对象");
  std::vector<std::string_view> seen;
  for (const auto& [name, element] : object) {
    const auto key = name;  // g++ 12 does not capture structured bindings
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == key; });
    const auto pointer = fmt::format("/{}", name);
    if (field == fields.end()) return param_error(pointer, "", "body", "不是该接口的参数");
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return param_error(pointer, "", "body", "参数重复");
    seen.push_back(field->name);
    std::string_view value;
    if (element.get(value)) return param_error(pointer, "", "body", "不是字符串");
    if (auto refusal = check_text(pointer, value, field->longest, "body")) return refusal;
    *field->target = value;
  }
  for (const auto& field : fields)
    if (field.required && std::find(seen.begin(), seen.end(), field.name) == seen.end())
      return param_error(fmt::format("/{}", field.name), "", "body", "缺少必填参数", k_too_short);
  return std::nullopt;
}

// Digits, letters and half-width punctuation only (docs/platform.md section 1.1); whether a blank counts as
// punctuation is unknown, so it passes.
std::optional<Refusal> read_code(std::string_view encoded, std::string& code) {
  auto decoded = decode_strictly(encoded);
  if (!decoded) return param_error("user_card_code", encoded, "url", "URL编码不符合RFC 3986");
  if (std::any_of(decoded->begin(), decoded->end(), [](char c) { return c < 0x20 || c > 0x7E; }))
    return param_error("user_card_code", "", "url", "只允许数字、英文字母和半角标点");
  if (auto refusal = check_text("user_card_code", *decoded, 32, "url")) return refusal;
  code = std::move(*decoded);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> decode_strictly(std::string_view encoded) {
  std::string decoded;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (is_unreserved(encoded[i])) {
      decoded += encoded[i];
      continue;
    }
    if (encoded[i] != '%' || i + 2 >= encoded.size()) return std::nullopt;
    const int high = hex_digit(encoded[i + 1]), low = hex_digit(encoded[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const char byte = static_cast<char>(high * 16 + low);
    if (is_unreserved(byte)) return std::nullopt;
    decoded += byte;
    i += 2;
  }
  return decoded;
}

Route find_route(std::string_view method, std::string_view target) {
  constexpr std::array prefixes{
      std::pair{std::string_view{"/v3/brand/partner/card-member/user-cards/"}, Api::partner},
      std::pair{std::string_view{"/brand/card-member/user-cards/"}, Api::brand},
  };
  Route route;
  const auto question = target.find('?');
  auto path = target.substr(0, question);
  if (question != std::string_view::npos) route.query = target.substr(question + 1);
  for (const auto& [prefix, api] : prefixes) {
    if (!path.starts_with(prefix)) continue;
    auto rest = path.substr(prefix.size());
    const auto slash = rest.find('/');
    const bool invalidates = slash != std::string_view::npos;
    if (invalidates && rest.substr(slash) != "/invalidate") return route;
    route.code = rest.substr(0, slash);
    if (route.code.empty()) return route;
    route.api = api;
    route.kind = invalidates ? AttemptKind::invalidate : AttemptKind::read_back;
    route.match = method == (invalidates ? "POST" : "GET") ? Route::found : Route::wrong_method;
    return route;
  }
  return route;
}

std::optional<Refusal> check_headers(const Incoming& in, AttemptKind kind) {
  if (in.user_agent.empty() || in.accept.empty()) return invalid_request("Http头缺少Accept或User-Agent");
  if (kind == AttemptKind::read_back) return std::nullopt;
  const auto type = in.content_type.substr(0, in.content_type.find(';'));
  if (type != "application/json") return invalid_request("Http头Content-Type必须为application/json");
  return std::nullopt;
}

Checked<Call> read_call(const Route& route, std::string_view body, std::string_view signer_brand_id) {
  Call call;
  call.api = route.api;
  call.kind = route.kind;
  call.brand_id = signer_brand_id;
  if (auto refusal = read_code(route.code, call.code)) return *refusal;

  const Field brand{"brand_id", 32, true, &call.brand_id}, card{"card_id", 32, true, &call.card_id},
      openid{"openid", 128, true, &call.openid}, reason{"invalid_reason", 32, false, &call.reason};
  const bool partner = route.api == Api::partner;
  std::vector<Field> in_query, in_body;
  if (partner) in_query = {brand, card};
  if (route.kind == AttemptKind::invalidate) {
    in_body = {openid, reason};
    if (!partner) in_body.push_back(card);
  } else {
    in_query.push_back(openid);
    if (!partner) in_query.push_back(card);
  }
  if (auto refusal = read_query(route.query, in_query)) return *refusal;
  if (route.kind == AttemptKind::invalidate) {
    if (auto refusal = read_body(body, in_body)) return *refusal;
  } else if (!body.empty()) {
    return param_error("", "", "body", "GET请求不应带请求体");
  }
  return call;
}

}  // namespace cardvoid::sandbox
