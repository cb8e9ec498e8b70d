#pragma once
// Keys and certificates made on the spot, and OpenSSL's one-shot calls as an independent check of ours.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cardvoid/wechatpay/keys.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace key_tools {

using cardvoid::Owned;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;

inline Key make_rsa_key(unsigned bits = 2048) { return Key{EVP_RSA_gen(bits)}; }

inline void require(bool fine, const char* what) {
  if (!fine) throw std::runtime_error{what};
}

template <class Write>
std::string write_pem(Write write) {
  const Owned<BIO, BIO_free> bio{BIO_new(BIO_s_mem())};
  require(write(bio.get()) == 1, "cannot write PEM");
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

inline std::string public_pem(const EVP_PKEY* key) {
  return write_pem([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key); });
}

// PKCS#8; encrypted when there is a passphrase.
inline std::string private_pem(const EVP_PKEY* key, std::string passphrase = {}) {
  return write_pem([&](BIO* bio) {
    if (passphrase.empty())
      return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    return PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), passphrase.data(),
                                         static_cast<int>(passphrase.size()), nullptr, nullptr);
  });
}

// "BEGIN RSA PRIVATE KEY"; encrypted in the old way when there is a passphrase.
inline std::string pkcs1_pem(const EVP_PKEY* key, std::string passphrase = {}) {
  return write_pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey_traditional(
        bio, key, passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
        reinterpret_cast<const unsigned char*>(passphrase.empty() ? nullptr : passphrase.data()),
        static_cast<int>(passphrase.size()), nullptr, nullptr);
  });
}

inline std::string certificate_pem(EVP_PKEY* key, const char* serial_hex, int days_old = 0) {
  const Owned<X509, X509_free> certificate{X509_new()};
  BIGNUM* number = nullptr;
  require(BN_hex2bn(&number, serial_hex) > 0, "not a serial");
  const Owned<BIGNUM, BN_free> owned{number};
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86'400L * days_old);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
  require(X509_set_pubkey(certificate.get(), key) == 1, "no key");
  require(X509_sign(certificate.get(), key, EVP_sha256()) > 0, "cannot sign");
  return write_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
}

// A SubjectPublicKeyInfo in base64, as a PEM file has it.
inline std::string pem_from_der(std::string_view base64) {
  std::string pem = "-----BEGIN PUBLIC KEY-----\n";
  for (; !base64.empty(); base64.remove_prefix(std::min<std::size_t>(64, base64.size())))
    pem += std::string{base64.substr(0, 64)} + "\n";
  return pem + "-----END PUBLIC KEY-----\n";
}

inline bool verifies(EVP_PKEY* key, std::string_view message, std::string_view base64) {
  std::vector<unsigned char> signature(base64.size() / 4 * 3);
  const auto length = EVP_DecodeBlock(signature.data(), reinterpret_cast<const unsigned char*>(base64.data()),
                                      static_cast<int>(base64.size()));
  if (length < EVP_PKEY_get_size(key)) return false;
  signature.resize(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
}

inline std::string sha256_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    hex += k_digits[digest[i] >> 4];
    hex += k_digits[digest[i] & 15u];
  }
  return hex;
}

}  // namespace key_tools
