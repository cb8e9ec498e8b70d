#include "rsa.hpp"

#include <openssl/rsa.h>

#include <cardvoid/wechatpay/keys.hpp>
#include <stdexcept>
#include <string>

namespace cardvoid::wechatpay {

void fail(std::string_view doing) { throw std::runtime_error{std::string{doing} + ": " + drain_errors()}; }

RsaContext prepare_rsa(EVP_PKEY* key, int (*begin)(EVP_PKEY_CTX*)) {
  RsaContext context{EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)};
  if (!context || begin(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1)
    fail("cannot set up RSA with SHA-256");
  return context;
}

}  // namespace cardvoid::wechatpay
