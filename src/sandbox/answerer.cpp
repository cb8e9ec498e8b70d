#include "answerer.hpp"

#include <fmt/format.h>

#include <optional>

#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    default: return "Unknown";
  }
}

}  // namespace

Answerer::Answerer(std::shared_ptr<EVP_PKEY> platform_key, milliseconds idle_limit)
    : key_{std::move(platform_key)},
      keep_alive_{
          fmt::format("Connection: keep-alive\r\nKeep-Alive: timeout={}\r\n", idle_limit.count() / 1000)} {}

std::string Answerer::render(const Reaction& reaction, WallTime now, bool keep_alive) {
  std::string bytes =
      fmt::format("HTTP/1.1 {} {}\r\nServer: nginx\r\nDate: {}\r\nContent-Length: {}\r\n", reaction.status,
                  reason_phrase(reaction.status), format_http_date(now), reaction.body.size());
  if (!reaction.body.empty())
    bytes +=
        reaction.json ? "Content-Type: application/json; charset=utf-8\r\n" : "Content-Type: text/html\r\n";
  bytes += keep_alive ? keep_alive_ : "Connection: close\r\n";
  if (!reaction.from_gateway) {
    const auto id = mix(++answers_);
    bytes += fmt::format(
        "Cache-Control: no-cache, must-revalidate\r\nX-Content-Type-Options: nosniff\r\nContent-Language: "
        "zh-CN\r\n"
        "Request-ID: 08{:016X}{:012X}-{}{}\r\n",
        id, mix(id) >> 16, reaction.internal, reaction.repeated);
  }
  if (reaction.retry_after)
    bytes += fmt::format("Retry-After: {}\r\n",
                         std::chrono::ceil<std::chrono::seconds>(*reaction.retry_after).count());
  if (reaction.signing != Signing::none) bytes += signature_headers(reaction, now);
  bytes += "\r\n";
  bytes += reaction.body;
  return bytes;
}

std::string Answerer::signature_headers(const Reaction& reaction, WallTime now) {
  using namespace std::chrono;
  const auto signed_at = reaction.signing == Signing::stale ? now - minutes{10} : now;
  const auto timestamp = floor<seconds>(signed_at).time_since_epoch().count();
  const auto nonce = wechatpay::make_nonce();
  auto message = fmt::format("{}\n{}\n{}\n", timestamp, nonce, reaction.body);
  // Both are signatures of something else; the probe is told apart by its prefix (docs/platform.md
  // section 4.3).
  if (reaction.signing == Signing::wrong || reaction.signing == Signing::probe) message += "altered";
  const auto signature = sign(message);
  return fmt::format(
      "Wechatpay-Nonce: {}\r\nWechatpay-Signature: {}{}\r\nWechatpay-Timestamp: {}\r\nWechatpay-Serial: "
      "{}\r\n"
      "Wechatpay-Signature-Type: {}\r\n",
      nonce, reaction.signing == Signing::probe ? "WECHATPAY/SIGNTEST/" : "", signature, timestamp,
      k_public_key_id, reaction.api == model::Api::partner ? k_partner_scheme : k_brand_scheme);
}

std::string Answerer::sign(const std::string& message) {
  std::optional<wechatpay::Signer> signer;
  {
    const std::lock_guard lock{mutex_};
    if (!idle_signers_.empty()) {
      signer = std::move(idle_signers_.back());
      idle_signers_.pop_back();
    }
  }
  if (!signer) signer.emplace(key_.get());
  auto signature = signer->sign(message);
  const std::lock_guard lock{mutex_};
  idle_signers_.push_back(std::move(*signer));
  return signature;
}

}  // namespace cardvoid::sandbox
