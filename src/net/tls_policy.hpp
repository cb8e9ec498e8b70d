#pragma once
// What TLS has to be. The machine's openssl.cnf, or the one that OPENSSL_CONF names, has set every new
// context before we see it, and may have set it weaker than this.

#include <openssl/ssl.h>

#include <string>

namespace cardvoid::net {

// TLS 1.2 or later with forward secrecy and authenticated encryption, keys of 112 bits of security (RSA of
// 2,048) in the whole chain, no renegotiation, no compression, no session kept. False: this OpenSSL cannot.
bool apply_policy(SSL_CTX* context);

// SNI, and the name that the certificate must carry among its alternative names; its subject's common name
// stands in for none (RFC 9525 section 2). False: the host is neither a name nor an address.
bool expect_host(SSL* ssl, const std::string& host);

}  // namespace cardvoid::net
