#pragma once
// SHA-256 over pieces, reusable. OpenSSL looks an algorithm up by name at every one-shot call
// (man 7 ossl-guide-libcrypto-introduction); for a short text that costs as much as the hashing.

#include <openssl/evp.h>

#include <array>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/owned.hpp>
#include <string>
#include <string_view>

namespace cardvoid {

// Error (bad_credentials): OpenSSL has no SHA-256 or RSA, because its configuration leaves out the providers
// that have them. Then every key looks damaged.
Result<void> check_openssl();

// Not thread-safe. Members throw std::runtime_error when OpenSSL fails: no memory, or no such algorithm.
class Sha256 {
 public:
  using Digest = std::array<unsigned char, 32>;
  Sha256();
  void add(std::string_view piece);
  Digest finish();           // and begins the next text
  std::string finish_hex();  // the same in hexadecimal digits

 private:
  void start();
  Owned<EVP_MD, EVP_MD_free> algorithm_;
  Owned<EVP_MD_CTX, EVP_MD_CTX_free> context_;
};

}  // namespace cardvoid
