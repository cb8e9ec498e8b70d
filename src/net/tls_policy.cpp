#include "tls_policy.hpp"

#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

namespace cardvoid::net {

namespace {

constexpr int k_security_level = 2;
constexpr const char* k_ciphers_of_tls_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20";
constexpr const char* k_ciphers_of_tls_1_3 =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
constexpr const char* k_groups = "X25519:P-256:X448:P-384:P-521";
constexpr const char* k_signatures =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
    "RSA+SHA256:RSA+SHA384:RSA+SHA512";

}  // namespace

bool apply_policy(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, k_security_level);
  // Some of them ask for less: old servers' renegotiation, an end without close_notify.
  SSL_CTX_clear_options(context, SSL_CTX_get_options(context));
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Every new connection checks the certificate: connections are kept, so resuming TLS sessions would save
  // little.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, 0) == 1 &&  // the latest
         SSL_CTX_set_cipher_list(context, k_ciphers_of_tls_1_2) == 1 &&
         SSL_CTX_set_ciphersuites(context, k_ciphers_of_tls_1_3) == 1 &&
         SSL_CTX_set1_groups_list(context, k_groups) == 1 &&
         SSL_CTX_set1_sigalgs_list(context, k_signatures) == 1;
}

// Checked by OpenSSL itself: asio::ssl::host_name_verification does the same but leaves "unspecified
// certificate verification error" as the reason.
bool expect_host(SSL* ssl, const std::string& host) {
  if (host.empty()) return false;  // for OpenSSL an empty name means "any name"
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace cardvoid::net
