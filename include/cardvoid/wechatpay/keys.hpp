#pragma once
// Reads keys and certificates from PEM text. Does not read files.

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/owned.hpp>
#include <cardvoid/base/time.hpp>
#include <string>
#include <string_view>

namespace cardvoid::wechatpay {

using PrivateKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PublicKey = Owned<EVP_PKEY, EVP_PKEY_free>;

// Empties this thread's OpenSSL error queue into one line. Call it before any co_await.
std::string drain_errors();

// PKCS#8 or PKCS#1 PEM, RSA of at least 2048 bits; other blocks in the file are passed over. An encrypted key
// needs `passphrase`; never asks on the terminal. Checks that the key's numbers belong together (30 ms).
// Error (bad_credentials) says what is wrong: not PEM, a certificate or public key instead, a wrong
// passphrase, damaged, not RSA, too short.
Result<PrivateKey> read_private_key(std::string_view pem, std::string_view passphrase);

// "BEGIN PUBLIC KEY" (SPKI) PEM, RSA. Error (bad_credentials) as above.
Result<PublicKey> read_public_key(std::string_view pem);

struct Certificate {
  std::string serial;   // hex, upper case, as in Wechatpay-Serial
  std::string subject;  // its common name, UTF-8: the merchant's number in a merchant's certificate
  PublicKey key;
  WallTime valid_from{}, valid_until{};
};
Result<Certificate> read_certificate(std::string_view pem);

}  // namespace cardvoid::wechatpay
