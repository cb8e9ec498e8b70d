#pragma once
// Certificates for test servers, signed by an authority that exists for one process.

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cardvoid/base/owned.hpp>
#include <string>

namespace cardvoid::net_test {

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;

struct Identity {
  Key key;
  Certificate certificate;
};

// `names` as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1"; empty: none. Days are relative to now.
Identity issue_certificate(const std::string& names, int valid_from_day, int valid_to_day,
                           const std::string& common_name = "cardvoid test server");

}  // namespace cardvoid::net_test
