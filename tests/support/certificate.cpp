#include "support/certificate.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdexcept>

#include "support/temp_folder.hpp"
#include "support/tls_server.hpp"

namespace cardvoid::net_test {

namespace {

constexpr long k_day_seconds = 86'400;

void add_extension(X509* certificate, int kind, const std::string& value) {
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension{
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str())};
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1)
    throw std::runtime_error{"extension"};
}

Identity make(const char* common_name, int from_day, int to_day) {
  Identity made{Key{EVP_EC_gen("P-256")}, Certificate{X509_new()}};
  auto* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), static_cast<long>(serial >> 1) + 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), from_day * k_day_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), to_day * k_day_seconds);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  return made;
}

struct Authority {
  Authority() : identity{make("cardvoid test authority", -30, 30)} {
    auto* const certificate = identity.certificate.get();
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_key_usage, "critical,keyCertSign");
    X509_sign(certificate, identity.key.get(), EVP_sha256());

    const Owned<BIO, BIO_free> out{BIO_new_file(file.c_str(), "w")};
    if (!out || PEM_write_bio_X509(out.get(), certificate) != 1) throw std::runtime_error{"authority file"};
  }

  Identity identity;
  support::TempFolder folder;
  const std::filesystem::path file = folder.path / "authority.pem";
};

const Authority& authority() {
  static const Authority made;
  return made;
}

}  // namespace

const std::filesystem::path& authority_file() { return authority().file; }

Identity issue_certificate(const std::string& names, int valid_from_day, int valid_to_day,
                           const std::string& common_name) {
  auto identity = make(common_name.c_str(), valid_from_day, valid_to_day);
  auto* const certificate = identity.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(authority().identity.certificate.get()));
  add_extension(certificate, NID_basic_constraints, "CA:FALSE");
  if (!names.empty()) add_extension(certificate, NID_subject_alt_name, names);
  X509_sign(certificate, authority().identity.key.get(), EVP_sha256());
  return identity;
}

}  // namespace cardvoid::net_test
