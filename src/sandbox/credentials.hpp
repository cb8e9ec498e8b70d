#pragma once
// Throw-away keys and certificates for the sandbox.

#include <cardvoid/base/error.hpp>
#include <cardvoid/wechatpay/keys.hpp>
#include <string>
#include <string_view>

namespace cardvoid::sandbox {

Result<wechatpay::PrivateKey> make_rsa_key();  // 2048 bits, as the platform and merchants use
Result<wechatpay::PrivateKey> make_ec_key();   // P-256: handshakes cost little

std::string private_pem(const EVP_PKEY* key);  // PKCS#8, not encrypted
std::string public_pem(const EVP_PKEY* key);   // SPKI

struct CertificateWish {
  std::string common_name;
  std::string alternative_names;  // as in "DNS:localhost,IP:127.0.0.1"; empty: none
  bool is_ca = false;
  const char* serial_hex = nullptr;  // null: random
};
// A certificate (PEM) for `key`, valid from an hour ago for a year, signed with `issuer_key`; empty
// `issuer_pem`: self-signed. Its serial has 40 hex digits, like the platform's.
Result<std::string> make_certificate(const CertificateWish& wish, EVP_PKEY* key, std::string_view issuer_pem,
                                     EVP_PKEY* issuer_key);

// True if the issuer signed it and it is valid for at least one more day.
bool is_usable(std::string_view certificate_pem, std::string_view issuer_pem);

// Any kind of private key, not encrypted (wechatpay::read_private_key takes RSA only).
Result<wechatpay::PrivateKey> read_any_key(std::string_view pem);

}  // namespace cardvoid::sandbox
