#include "rsa.hpp"

#include <openssl/rsa.h>

#include <cardvoid/wechatpay/keys.hpp>
#include <stdexcept>
#include <string>

namespace cardvoid::wechatpay {

void fail(std::string_view doing) { throw std::runtime_error{std::string{doing} + ": " + drain_errors()}; }

Sha256::Sha256() : algorithm_{EVP_MD_fetch(nullptr, "SHA256", nullptr)}, context_{EVP_MD_CTX_new()} {
  if (!algorithm_ || !context_) fail("cannot set up SHA-256");
  start();
}

void Sha256::start() {
  if (EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) != 1) fail("cannot start SHA-256");
}

void Sha256::add(std::string_view piece) {
  if (EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) != 1) fail("cannot compute SHA-256");
}

Digest Sha256::finish() {
  Digest digest;
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) fail("cannot compute SHA-256");
  start();
  return digest;
}

RsaContext prepare_rsa(EVP_PKEY* key, int (*begin)(EVP_PKEY_CTX*)) {
  RsaContext context{EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)};
  if (!context || begin(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1)
    fail("cannot set up RSA with SHA-256");
  return context;
}

}  // namespace cardvoid::wechatpay
