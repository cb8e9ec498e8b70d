#pragma once
// What signing and verifying share: a reusable SHA-256 and an RSA context prepared once. OpenSSL looks
// algorithms up by name at every one-shot call; for a verification that look-up costs as much as the hashing.

#include <openssl/evp.h>

#include <array>
#include <cardvoid/base/owned.hpp>
#include <string_view>

namespace cardvoid::wechatpay {

using Digest = std::array<unsigned char, 32>;
using RsaContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

// SHA-256 over pieces. Not thread-safe. Members throw std::runtime_error when OpenSSL fails (no memory).
class Sha256 {
 public:
  Sha256();
  void add(std::string_view piece);
  Digest finish();  // and starts anew

 private:
  void start();
  Owned<EVP_MD, EVP_MD_free> algorithm_;
  Owned<EVP_MD_CTX, EVP_MD_CTX_free> context_;
};

// A context for any number of PKCS#1 v1.5 operations over SHA-256 digests; `begin` is EVP_PKEY_sign_init or
// EVP_PKEY_verify_init. Keeps a reference to `key`. Throws std::runtime_error when the key is not RSA.
RsaContext prepare_rsa(EVP_PKEY* key, int (*begin)(EVP_PKEY_CTX*));

// Throws std::runtime_error with what OpenSSL says.
[[noreturn]] void fail(std::string_view doing);

}  // namespace cardvoid::wechatpay
