#include "credentials.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <ctime>

namespace cardvoid::sandbox {

namespace {

using wechatpay::PrivateKey;
using OwnedBio = Owned<BIO, BIO_free>;
using OwnedX509 = Owned<X509, X509_free>;

Error failure(const std::string& doing) {
  return {Errc::internal, "cannot " + doing + ": " + wechatpay::drain_errors()};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

OwnedBio bio_over(std::string_view text) {
  return OwnedBio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

OwnedX509 read_x509(std::string_view pem) {
  const auto bio = bio_over(pem);
  return OwnedX509{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension{
      X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_name(X509* certificate, const std::string& common_name) {
  auto* name = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, const char* value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value), -1, -1, 0) == 1;
  };
  return add("O", "cardvoid sandbox") && add("CN", common_name.c_str());
}

bool set_serial(X509* certificate, const char* serial_hex) {
  BIGNUM* raw = BN_new();
  const bool made = serial_hex ? BN_hex2bn(&raw, serial_hex) > 0
                               : BN_rand(raw, 159, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1;
  const Owned<BIGNUM, BN_free> number{raw};
  return made && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_extensions(X509* certificate, X509* issuer, const CertificateWish& wish) {
  if (!add_extension(certificate, issuer, NID_subject_key_identifier, "hash")) return false;
  if (!add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) return false;
  if (wish.is_ca)
    return add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (!add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE")) return false;
  if (!add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature")) return false;
  if (wish.alternative_names.empty()) return true;
  return add_extension(certificate, issuer, NID_subject_alt_name, wish.alternative_names.c_str()) &&
         add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth");
}

}  // namespace

Result<PrivateKey> make_rsa_key() {
  PrivateKey key{EVP_RSA_gen(2048U)};
  if (!key) return failure("make an RSA key");
  return key;
}

Result<PrivateKey> make_ec_key() {
  PrivateKey key{EVP_EC_gen("P-256")};
  if (!key) return failure("make an EC key");
  return key;
}

std::string private_pem(const EVP_PKEY* key) {
  const OwnedBio bio{BIO_new(BIO_s_mem())};
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

std::string public_pem(const EVP_PKEY* key) {
  const OwnedBio bio{BIO_new(BIO_s_mem())};
  PEM_write_bio_PUBKEY(bio.get(), key);
  return text_of(bio.get());
}

Result<std::string> make_certificate(const CertificateWish& wish, EVP_PKEY* key, std::string_view issuer_pem,
                                     EVP_PKEY* issuer_key) {
  constexpr long hour = 3600, year = 365L * 24 * hour;
  const OwnedX509 certificate{X509_new()};
  OwnedX509 issuer;
  if (!issuer_pem.empty() && !(issuer = read_x509(issuer_pem)))
    return failure("read the issuer's certificate");
  auto* signer = issuer ? issuer.get() : certificate.get();
  const bool made =
      certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      set_serial(certificate.get(), wish.serial_hex) && set_name(certificate.get(), wish.common_name) &&
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer)) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -hour) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), year) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1 && set_extensions(certificate.get(), signer, wish) &&
      X509_sign(certificate.get(), issuer_key, EVP_sha256()) > 0;
  if (!made) return failure("make the certificate of " + wish.common_name);
  const OwnedBio bio{BIO_new(BIO_s_mem())};
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio.get());
}

bool is_usable(std::string_view certificate_pem, std::string_view issuer_pem) {
  const auto certificate = read_x509(certificate_pem), issuer = read_x509(issuer_pem);
  auto tomorrow = std::time(nullptr) + 24L * 3600;
  const bool usable = certificate && issuer &&
                      X509_cmp_time(X509_get0_notAfter(certificate.get()), &tomorrow) > 0 &&
                      X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  wechatpay::drain_errors();  // "no" is an answer, not an error
  return usable;
}

Result<PrivateKey> read_any_key(std::string_view pem) {
  const auto bio = bio_over(pem);
  PrivateKey key{PEM_read_bio_PrivateKey(
      bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr)};
  if (!key)
    return Error{Errc::bad_credentials, "not a private key without passphrase: " + wechatpay::drain_errors()};
  return key;
}

}  // namespace cardvoid::sandbox
