#pragma once
// RSASSA-PKCS1-v1_5 with SHA-256 over the canonical message (docs/platform.md section 3.1).

#include <cardvoid/wechatpay/keys.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace cardvoid::wechatpay {

// One per thread: it owns a duplicate of the key, since threads that share one wait for its blinding lock.
// Not thread-safe. Costs the RSA operation and less than 1 % more.
class Signer {
 public:
  // Duplicates `key`; the caller keeps its own. Throws std::runtime_error when OpenSSL cannot duplicate it.
  explicit Signer(const EVP_PKEY* key);
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;
  ~Signer();

  // The signature in standard base64 on one line. Throws std::runtime_error if OpenSSL fails (a bug, no
  // memory).
  std::string sign(std::string_view message);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 32 characters of 0-9A-Za-z, all equally likely, from OpenSSL's generator, which the operating system seeds
// (docs/platform.md 3.4). Throws std::runtime_error when there is no randomness.
std::string make_nonce();

}  // namespace cardvoid::wechatpay
