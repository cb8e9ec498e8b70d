#include <fmt/format.h>
#include <openssl/conf.h>
#include <openssl/err.h>

#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/translate.hpp>
#include <cstdlib>
#include <stdexcept>

namespace cardvoid {

namespace {

void require(bool done) {
  if (done) return;
  ERR_clear_error();  // else TLS on this thread would take the entry for its own
  const auto checked = check_openssl();
  throw std::runtime_error{checked ? "cannot compute SHA-256" : checked.error().what};
}

// Which file configures OpenSSL, for a person who mends it.
std::string words_for_configuration() {
  if (const char* const file = std::getenv("OPENSSL_CONF"); file && *file)
    return fmt::format("OPENSSL_CONF={}", file);
  char* const found = CONF_get1_default_config_file();
  std::string file{found ? found : "openssl.cnf"};
  OPENSSL_free(found);
  return file;
}

}  // namespace

Result<void> check_openssl() {
  const Owned<EVP_MD, EVP_MD_free> digest{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  const Owned<EVP_SIGNATURE, EVP_SIGNATURE_free> signature{EVP_SIGNATURE_fetch(nullptr, "RSA", nullptr)};
  if (digest && signature) return {};
  ERR_clear_error();
  return Error{Errc::bad_credentials,
               tr("OpenSSL has no SHA-256 or RSA, so no key can be used: {} does not activate its default "
                  "provider; add it there, or run with another OPENSSL_CONF",
                  words_for_configuration())};
}

Sha256::Sha256() : algorithm_{EVP_MD_fetch(nullptr, "SHA256", nullptr)}, context_{EVP_MD_CTX_new()} {
  require(algorithm_ && context_);
  start();
}

void Sha256::start() { require(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1); }

void Sha256::add(std::string_view piece) {
  require(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1);
}

Sha256::Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  start();
  return digest;
}

std::string Sha256::finish_hex() {
  std::string text;
  for (const auto byte : finish()) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace cardvoid
