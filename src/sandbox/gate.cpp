#include "gate.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

using namespace std::chrono_literals;

// Decodes standard base64 on one line; nullopt for any other spelling.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const auto padding = std::min<std::size_t>(text.size() - text.find_last_not_of('=') - 1, 3);
  if (padding > 2) return std::nullopt;
  const auto is_base64 = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  if (!std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), is_base64))
    return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(bytes.size() - padding);
  return bytes;
}

Refusal sign_error(std::string message, std::string field, std::string issue) {
  Refusal refusal;
  refusal.status = 401;
  refusal.code = "SIGN_ERROR";
  refusal.message = std::move(message);
  refusal.field = std::move(field);
  refusal.issue = std::move(issue);
  refusal.location = "authorization";
  refusal.internal = k_unspecified;
  return refusal;
}

bool is_nonce(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

std::optional<std::int64_t> read_seconds(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return seconds;
}

}  // namespace

std::optional<Authorization> parse_authorization(std::string_view header) {
  Authorization found;
  const auto space = header.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  found.scheme = header.substr(0, space);
  const bool brand = found.scheme == k_brand_scheme;
  if (!brand && found.scheme != k_partner_scheme) return std::nullopt;
  const std::array attributes{
      std::pair{brand ? std::string_view{"brand_id"} : std::string_view{"mchid"}, &found.signer_id},
      std::pair{std::string_view{"nonce_str"}, &found.nonce},
      std::pair{std::string_view{"signature"}, &found.signature},
      std::pair{std::string_view{"timestamp"}, &found.timestamp},
      std::pair{std::string_view{"serial_no"}, &found.serial_no},
  };
  auto rest = header.substr(space + 1);
  for (std::size_t n = 0; n < attributes.size(); ++n) {
    const auto open = rest.find("=\"");
    if (open == std::string_view::npos) return std::nullopt;
    const auto close = rest.find('"', open + 2);
    if (close == std::string_view::npos) return std::nullopt;
    const auto name = rest.substr(0, open), value = rest.substr(open + 2, close - open - 2);
    const auto attribute =
        std::find_if(attributes.begin(), attributes.end(), [&](const auto& a) { return a.first == name; });
    if (attribute == attributes.end() || value.empty() || !attribute->second->empty()) return std::nullopt;
    *attribute->second = value;
    rest.remove_prefix(close + 1);
    if (n + 1 == attributes.size()) break;
    if (!rest.starts_with(',')) return std::nullopt;
    rest.remove_prefix(1);
  }
  return rest.empty() ? std::optional{found} : std::nullopt;
}

Gate::Gate(std::shared_ptr<EVP_PKEY> merchant_key, std::string serial_no, std::string brand_id)
    : key_{std::move(merchant_key)},
      serial_no_{std::move(serial_no)},
      brand_id_{std::move(brand_id)},
      context_{EVP_MD_CTX_new()} {}

Gate::Admission Gate::admit(const Incoming& in, model::Api api, const Now& now) {
  if (in.authorization.empty())
    return {sign_error("Http头缺少Authorization", "authorization", "missing"), false};
  const auto header = parse_authorization(in.authorization);
  if (!header)
    return {sign_error("Http头Authorization值格式错误，请参考签名认证", "authorization", "malformed"), false};
  const bool partner = api == model::Api::partner;
  if (header->scheme != (partner ? k_partner_scheme : k_brand_scheme))
    return {sign_error("Http头Authorization认证类型不正确", "authorization", "wrong scheme for this path"),
            false};

  // The time comes before the signature (docs/platform.md section 3.4).
  const auto timestamp = read_seconds(header->timestamp);
  if (!timestamp)
    return {sign_error("Http头Authorization中的timestamp格式错误", "timestamp", "not a number"), false};
  const auto here = std::chrono::floor<std::chrono::seconds>(now.wall).time_since_epoch().count();
  if (*timestamp > here + 300 || *timestamp < here - 300)
    return {sign_error("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟", "timestamp",
                       "out of range"),
            false};

  if (header->signer_id != (partner ? k_mchid : std::string_view{brand_id_}))
    return {sign_error("商户不存在", partner ? "mchid" : "brand_id", "unknown"), false};
  if (header->serial_no != serial_no_)
    return {sign_error("商户证书序列号有误，请使用签名私钥匹配的证书序列号", "serial_no", "unknown"), false};
  if (!is_nonce(header->nonce))
    return {
        sign_error("Http头Authorization中的nonce_str格式错误", "nonce_str", "not 1 to 32 letters and digits"),
        false};

  const auto message =
      fmt::format("{}\n{}\n{}\n{}\n{}\n", in.method, in.target, header->timestamp, header->nonce, in.body);
  if (!is_signed(message, header->signature)) {
    auto refusal = sign_error("错误的签名，验签失败", "signature", "sign not match");
    refusal.method = in.method;
    refusal.url = in.target;
    refusal.sign_message = message;
    return {std::move(refusal), false};
  }
  if (!is_fresh(header->signer_id, header->nonce, now.steady))
    return {sign_error("Http头Authorization中的nonce_str在5分钟内重复使用", "nonce_str", "replayed"), true};
  return {};
}

bool Gate::is_signed(std::string_view message, std::string_view signature_base64) {
  const auto signature = decode_base64(signature_base64);
  if (!signature) return false;
  EVP_MD_CTX_reset(context_.get());
  const bool verified =
      EVP_DigestVerifyInit(context_.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context_.get(), reinterpret_cast<const unsigned char*>(signature->data()),
                       signature->size(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) == 1;
  ERR_clear_error();  // or this thread's next TLS step would take it for its own error
  return verified;
}

bool Gate::is_fresh(std::string_view signer_id, std::string_view nonce, Instant now) {
  while (!nonces_by_age_.empty() && now - nonces_by_age_.front().first >= 5min) {
    nonces_.erase(nonces_by_age_.front().second);
    nonces_by_age_.pop_front();
  }
  const auto hash = mix(stable_hash(signer_id) ^ stable_hash(nonce));
  if (!nonces_.insert(hash).second) return false;
  nonces_by_age_.emplace_back(now, hash);
  return true;
}

}  // namespace cardvoid::sandbox
