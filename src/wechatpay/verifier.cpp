#include <openssl/err.h>

#include <cardvoid/base/sha256.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "rsa.hpp"
#include "timestamp.hpp"

namespace cardvoid::wechatpay {

namespace {

constexpr std::chrono::seconds k_window{300};  // docs/platform.md section 4.1: exactly 300 s is too old
constexpr std::string_view k_probe_prefix = "WECHATPAY/SIGNTEST/";

bool is_fresh(std::string_view timestamp, WallTime now) {
  const auto seconds = parse_timestamp(timestamp);
  if (!seconds) return false;
  const auto apart = now - *seconds;
  return apart < k_window && apart > -k_window;
}

}  // namespace

std::optional<WallTime> parse_timestamp(std::string_view text) {
  constexpr std::int64_t k_year_9999 = 253'402'300'799;  // 13 digits, milliseconds, are a known mistake
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0 || seconds > k_year_9999)
    return std::nullopt;
  return WallTime{std::chrono::seconds{seconds}};
}

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::verified: return "verified";
    case Verdict::no_signature: return "no_signature";
    case Verdict::unknown_key: return "unknown_key";
    case Verdict::stale: return "stale";
    case Verdict::probe: return "probe";
    case Verdict::bad_signature: return "bad_signature";
  }
  return "";
}

struct Verifier::State {
  struct Key {
    RsaContext context;
    std::size_t size = 0;  // of a signature, bytes
  };
  Keys owned;
  std::map<std::string, Key, std::less<>> keys;
  Sha256 sha256;
  std::string decoded, encoded;  // scratch

  bool decode(std::string_view base64, std::size_t expected_size);
};

// Fills `decoded`. Strict: a signature has exactly one spelling. EVP_DecodeBlock alone skips white space and
// ignores stray bits, so the result is encoded again and compared.
bool Verifier::State::decode(std::string_view base64, std::size_t expected_size) {
  const auto length = (expected_size + 2) / 3 * 4;
  if (base64.size() != length) return false;
  decoded.resize(length / 4 * 3);
  encoded.resize(length + 1);
  auto* const bytes = reinterpret_cast<unsigned char*>(decoded.data());
  auto* const again = reinterpret_cast<unsigned char*>(encoded.data());
  const auto* const text = reinterpret_cast<const unsigned char*>(base64.data());
  if (EVP_DecodeBlock(bytes, text, static_cast<int>(length)) < 0) return false;
  decoded.resize(expected_size);
  EVP_EncodeBlock(again, bytes, static_cast<int>(expected_size));
  return std::string_view{encoded}.substr(0, length) == base64;
}

Verifier::Verifier(Keys keys) : state_{std::make_unique<State>()} {
  state_->owned = std::move(keys);
  for (const auto& [serial, key] : state_->owned) {
    if (!key) throw std::logic_error{"no key for " + serial};
    auto context = prepare_rsa(key.get(), EVP_PKEY_verify_init);
    const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
    state_->keys.emplace(serial, State::Key{std::move(context), size});
  }
}

Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;
Verifier::~Verifier() = default;

Verdict Verifier::verify(const AnswerHeaders& headers, std::string_view raw_body, WallTime now) {
  auto& s = *state_;
  if (headers.timestamp.empty() || headers.nonce.empty() || headers.signature.empty() ||
      headers.serial.empty())
    return Verdict::no_signature;
  const auto key = s.keys.find(headers.serial);
  if (key == s.keys.end()) return Verdict::unknown_key;
  if (!is_fresh(headers.timestamp, now)) return Verdict::stale;

  s.sha256.add(headers.timestamp);
  s.sha256.add("\n");
  s.sha256.add(headers.nonce);
  s.sha256.add("\n");
  s.sha256.add(raw_body);
  s.sha256.add("\n");
  const auto digest = s.sha256.finish();
  if (s.decode(headers.signature, key->second.size)) {
    const auto* const signature = reinterpret_cast<const unsigned char*>(s.decoded.data());
    if (EVP_PKEY_verify(key->second.context.get(), signature, s.decoded.size(), digest.data(),
                        digest.size()) == 1)
      return Verdict::verified;
    ERR_clear_error();  // a failed check leaves errors that TLS on this thread would take for its own
  }
  // Only now: a probe is verified like any other, and only its failure has another name.
  return headers.signature.starts_with(k_probe_prefix) ? Verdict::probe : Verdict::bad_signature;
}

}  // namespace cardvoid::wechatpay
