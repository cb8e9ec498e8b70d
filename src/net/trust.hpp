#pragma once
// The trust roots, and why a certificate is not trusted, in words.

#include <openssl/types.h>

#include <cardvoid/base/error.hpp>
#include <filesystem>
#include <string>

namespace cardvoid::net {

// Adds every certificate of a PEM file to the roots. Error: no_input or bad_job.
Result<void> add_roots(SSL_CTX* context, const std::filesystem::path& ca_file);

// What X509_verify found wrong (X509_V_ERR_...), and what to do about it if known. Looks whether this machine
// has trust roots where it matters.
std::string words_for_verify_result(long result);

}  // namespace cardvoid::net
