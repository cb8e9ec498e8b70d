#include "trust.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/owned.hpp>
#include <cstdlib>
#include <system_error>

namespace cardvoid::net {

namespace {

constexpr std::size_t k_roots_limit_bytes = 16 << 20;  // the whole Mozilla bundle is a quarter of a megabyte

// PEM readers end with "no start line" when nothing more follows; anything else is a damaged block.
bool was_end_of_file(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// A path that OpenSSL reads by default, or the one that the environment names in its place.
std::filesystem::path default_path(const char* variable, const char* built_in) {
  const char* const named = std::getenv(variable);
  return named ? named : built_in;
}

// Where OpenSSL looks for this machine's trust roots; empty when it finds any there. SSL_CERT_DIR may name
// several folders; a machine that sets it so is not a bare one.
std::string places_without_roots() {
  const auto file = default_path(X509_get_default_cert_file_env(), X509_get_default_cert_file());
  const auto folder = default_path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  std::error_code error;
  if (std::filesystem::file_size(file, error) > 0 && !error) return "";
  if (folder.string().find(':') != std::string::npos) return "";
  const std::filesystem::directory_iterator first{folder, error};
  if (!error && first != std::filesystem::directory_iterator{}) return "";
  return fmt::format("neither in {} nor in {}", file.string(), folder.string());
}

std::string words_for_unknown_issuer(const char* text) {
  const auto places = places_without_roots();
  if (places.empty())
    return fmt::format("unknown issuer: {} (a root of your own goes into endpoints.ca_file)", text);
  return fmt::format(
      "unknown issuer: this machine has no trust roots, {}: install the package ca-certificates "
      "(a root of your own goes into endpoints.ca_file)",
      places);
}

}  // namespace

Result<void> add_roots(SSL_CTX* context, const std::filesystem::path& ca_file) {
  const auto pem = read_guarded_file(ca_file, k_roots_limit_bytes, Errc::no_input);
  if (!pem) return with_context(pem.error(), "endpoints.ca_file");
  const auto refuse = [&](std::string_view why) {
    return Error{Errc::bad_job, fmt::format("endpoints.ca_file: {}: {}", ca_file.string(), why)};
  };
  ERR_clear_error();
  const Owned<BIO, BIO_free> bio{BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size()))};
  std::size_t count = 0;
  for (;; ++count) {
    const Owned<X509, X509_free> certificate{PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)};
    if (!certificate) break;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) != 1)
      return refuse("a certificate in it cannot be used");
  }
  const auto ended_by = ERR_peek_last_error();
  ERR_clear_error();
  if (!was_end_of_file(ended_by))
    return refuse(fmt::format("certificate number {} in it is damaged", count + 1));
  if (count == 0) return refuse("holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\")");
  return {};
}

std::string words_for_verify_result(long result) {
  const auto* const text = X509_verify_cert_error_string(result);
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return fmt::format("{} (is this machine's clock right?)", text);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return words_for_unknown_issuer(text);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return fmt::format("{}: it was issued for another host", text);
    default: return text;
  }
}

}  // namespace cardvoid::net
