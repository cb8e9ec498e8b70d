#include <doctest/doctest.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include <cardvoid/wechatpay/keys.hpp>
#include <ostream>

#include "support/key_tools.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;

  namespace {

  // The start of what is said when a key is refused; the code is checked on the way.
  template <class T>
  std::string refusal(Result<T> result) {
    if (result.has_value()) return "accepted";
    CHECK(result.error().code == Errc::bad_credentials);
    CHECK(result.error().what.find('\n') == std::string::npos);
    return result.error().what;
  }

#define CHECK_STARTS(text, expected) CHECK((text).substr(0, std::string_view{expected}.size()) == (expected))

  }  // namespace

  TEST_CASE("private key: PKCS#8 and PKCS#1 are both read") {
    const auto key = key_tools::make_rsa_key();
    const auto modern = read_private_key(key_tools::private_pem(key.get()), "");
    const auto traditional = read_private_key(key_tools::pkcs1_pem(key.get()), "");
    REQUIRE(modern.has_value());
    REQUIRE(traditional.has_value());
    CHECK(EVP_PKEY_eq(modern->get(), key.get()) == 1);
    CHECK(EVP_PKEY_eq(traditional->get(), key.get()) == 1);
    CHECK(ERR_peek_error() == 0);
  }

  TEST_CASE("private key: it is found behind a byte order mark and beside a certificate") {
    const auto key = key_tools::make_rsa_key();
    const auto pem =
        "\xEF\xBB\xBF" + key_tools::certificate_pem(key.get(), "0A") + key_tools::private_pem(key.get());
    const auto read = read_private_key(pem, "");
    REQUIRE(read.has_value());
    CHECK(EVP_PKEY_eq(read->get(), key.get()) == 1);
  }

  TEST_CASE("private key: an encrypted one opens with its passphrase only and never asks for it") {
    const auto key = key_tools::make_rsa_key();
    for (const auto& pem :
         {key_tools::private_pem(key.get(), "open sesame"), key_tools::pkcs1_pem(key.get(), "open sesame")}) {
      const auto opened = read_private_key(pem, "open sesame");
      REQUIRE(opened.has_value());
      CHECK(EVP_PKEY_eq(opened->get(), key.get()) == 1);
      CHECK_STARTS(refusal(read_private_key(pem, "wrong")), "the passphrase does not open the private key");
      CHECK_STARTS(refusal(read_private_key(pem, "")), "the private key is encrypted; passphrase_file");
      CHECK_STARTS(refusal(read_private_key(pem, std::string(5'000, 'x'))), "the passphrase does not open");
    }
  }

  TEST_CASE(
      "private key: one in an old cipher is told from a wrong passphrase and how to convert it is said") {
    // With providers of its own: what they add must not reach the rest of the process.
    const Owned<OSSL_LIB_CTX, OSSL_LIB_CTX_free> library{OSSL_LIB_CTX_new()};
    const Owned<OSSL_PROVIDER, OSSL_PROVIDER_unload> modern{OSSL_PROVIDER_load(library.get(), "default")},
        legacy{OSSL_PROVIDER_load(library.get(), "legacy")};
    REQUIRE(modern);
    REQUIRE(legacy);
    const auto key = key_tools::make_rsa_key();
    const Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> plain{EVP_PKEY2PKCS8(key.get())};
    unsigned char salt[8] = {};
    const Owned<X509_SIG, X509_SIG_free> encrypted{PKCS8_encrypt_ex(NID_pbeWithMD5AndDES_CBC, nullptr, "x", 1,
                                                                    salt, sizeof salt, 2'048, plain.get(),
                                                                    library.get(), nullptr)};
    REQUIRE(encrypted);
    const Owned<BIO, BIO_free> bio{BIO_new(BIO_s_mem())};
    REQUIRE(PEM_write_bio_PKCS8(bio.get(), encrypted.get()) == 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &text);
    const auto said = refusal(read_private_key({text, static_cast<std::size_t>(size)}, "x"));
    CHECK_STARTS(said, "the private key is encrypted with PBKDF1, an old algorithm");
    CHECK(said.find("openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in") !=
          std::string::npos);
    CHECK(ERR_peek_error() == 0);
  }

  TEST_CASE("private key: another kind of file is named for what it is") {
    const auto key = key_tools::make_rsa_key();
    CHECK_STARTS(refusal(read_private_key(key_tools::public_pem(key.get()), "")),
                 "it holds a public key where the merchant's private key");
    CHECK_STARTS(refusal(read_private_key(key_tools::certificate_pem(key.get(), "0A"), "")),
                 "it holds a certificate where the merchant's private key");
    CHECK_STARTS(refusal(read_private_key("-----BEGIN PGP MESSAGE-----\nx", "")),
                 "it holds \"PGP MESSAGE\" where");
    CHECK_STARTS(refusal(read_private_key("", "")), "the file is empty");
    CHECK_STARTS(refusal(read_private_key("\x30\x82\x04\xBD", "")), "not PEM but binary");
    CHECK_STARTS(refusal(read_private_key("MIIEvQIBADANBg", "")), "not PEM: no \"-----BEGIN");
    CHECK_STARTS(refusal(read_private_key("-----BEGIN ", "")), "not PEM: no \"-----BEGIN");
  }

  TEST_CASE("private key: a damaged file is refused wherever the damage is") {
    const auto pem = key_tools::private_pem(key_tools::make_rsa_key().get());
    CHECK_STARTS(refusal(read_private_key(pem.substr(0, pem.size() / 2), "")),
                 "the private key cannot be read");
    for (const double where :
         {0.1, 0.3, 0.5, 0.7, 0.9}) {  // some of these still read as a key of other numbers
      auto damaged = pem;
      auto at = static_cast<std::size_t>(static_cast<double>(pem.size()) * where);
      if (damaged[at] == '\n') ++at;
      damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
      CAPTURE(at);
      CHECK_STARTS(refusal(read_private_key(damaged, "")), "the private key ");
    }
  }

  TEST_CASE("private key: other algorithms and short keys are refused") {
    const key_tools::Key curve{EVP_EC_gen("P-256")};
    CHECK_STARTS(refusal(read_private_key(key_tools::private_pem(curve.get()), "")), "not an RSA key but EC");
    const auto small = key_tools::make_rsa_key(1024);
    CHECK_STARTS(refusal(read_private_key(key_tools::private_pem(small.get()), "")),
                 "an RSA key of 1024 bits is too short");
  }

  TEST_CASE("public key: it is read and its likely mistakes are named") {
    const auto key = key_tools::make_rsa_key();
    const auto read = read_public_key(key_tools::public_pem(key.get()));
    REQUIRE(read.has_value());
    CHECK(EVP_PKEY_eq(read->get(), key.get()) == 1);
    CHECK_STARTS(refusal(read_public_key(key_tools::private_pem(key.get()))),
                 "it holds a private key where WeChat Pay's");
    CHECK_STARTS(refusal(read_public_key(key_tools::certificate_pem(key.get(), "0A"))),
                 "it holds a certificate where");
    CHECK_STARTS(
        refusal(read_public_key("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n")),
        "a \"BEGIN RSA PUBLIC KEY\" where \"BEGIN PUBLIC KEY\" is expected");
    CHECK_STARTS(refusal(read_public_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")),
                 "the public key cannot be read");
    CHECK_STARTS(refusal(read_public_key(key_tools::public_pem(key_tools::make_rsa_key(1024).get()))),
                 "an RSA key of 1024");
  }

  TEST_CASE("certificate: its serial is upper-case hex with its leading zero as openssl prints it") {
    const auto key = key_tools::make_rsa_key();
    const auto read =
        read_certificate(key_tools::certificate_pem(key.get(), "0c7de5ad98e0408b07e79b8269fec3d5d3e6ab8e"));
    REQUIRE(read.has_value());
    CHECK(read->serial == "0C7DE5AD98E0408B07E79B8269FEC3D5D3E6AB8E");
    CHECK(EVP_PKEY_eq(read->key.get(), key.get()) == 1);
    CHECK_STARTS(refusal(read_certificate(key_tools::public_pem(key.get()))),
                 "it holds a public key where a certificate");
    CHECK_STARTS(refusal(read_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
                 "the certificate cannot be read");
  }

  TEST_CASE("errors: draining says each reason once and leaves the queue empty") {
    ERR_raise(ERR_LIB_RSA, ERR_R_PASSED_NULL_PARAMETER);
    ERR_raise(ERR_LIB_RSA, ERR_R_PASSED_NULL_PARAMETER);
    const auto text = drain_errors();
    CHECK(text.find("passed a null parameter") != std::string::npos);
    CHECK(text.find(';') == std::string::npos);
    CHECK(ERR_peek_error() == 0);
    CHECK(drain_errors() == "OpenSSL gave no reason");
  }
}
