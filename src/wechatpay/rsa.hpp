#pragma once
// What signing and verifying share: an RSA context prepared once (see base/sha256.hpp for why).

#include <openssl/evp.h>

#include <cardvoid/base/owned.hpp>
#include <string_view>

namespace cardvoid::wechatpay {

using RsaContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

// A context for any number of PKCS#1 v1.5 operations over SHA-256 digests; `begin` is EVP_PKEY_sign_init or
// EVP_PKEY_verify_init. Keeps a reference to `key`. Throws std::runtime_error when the key is not RSA.
RsaContext prepare_rsa(EVP_PKEY* key, int (*begin)(EVP_PKEY_CTX*));

// Throws std::runtime_error with what OpenSSL says.
[[noreturn]] void fail(std::string_view doing);

}  // namespace cardvoid::wechatpay
