#include <openssl/err.h>

#include <cardvoid/base/sha256.hpp>
#include <stdexcept>

namespace cardvoid {

namespace {

void require(bool done) {
  if (done) return;
  ERR_clear_error();  // else TLS on this thread would take the entry for its own
  throw std::runtime_error{"cannot compute SHA-256"};
}

}  // namespace

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

}  // namespace cardvoid
