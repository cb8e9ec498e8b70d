#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/wechatpay/signer.hpp>
#include <vector>

#include "rsa.hpp"

namespace cardvoid::wechatpay {

struct Signer::State {
  PrivateKey key;
  RsaContext context;
  Sha256 sha256;
  std::vector<unsigned char> signature, base64;  // sized once for the key
};

Signer::Signer(const EVP_PKEY* key) : state_{std::make_unique<State>()} {
  state_->key.reset(EVP_PKEY_dup(const_cast<EVP_PKEY*>(key)));  // OpenSSL 3.0 lacks the const
  if (!state_->key) fail("cannot duplicate the private key");
  state_->context = prepare_rsa(state_->key.get(), EVP_PKEY_sign_init);
  const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(state_->key.get()));
  state_->signature.resize(size);
  state_->base64.resize((size + 2) / 3 * 4 + 1);  // EVP_EncodeBlock ends it with a NUL
}

Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;
Signer::~Signer() = default;

std::string Signer::sign(std::string_view message) {
  auto& s = *state_;
  s.sha256.add(message);
  const auto digest = s.sha256.finish();
  auto size = s.signature.size();
  if (EVP_PKEY_sign(s.context.get(), s.signature.data(), &size, digest.data(), digest.size()) != 1)
    fail("cannot sign");
  const auto length = EVP_EncodeBlock(s.base64.data(), s.signature.data(), static_cast<int>(size));
  return {s.base64.begin(), s.base64.begin() + length};
}

std::string make_nonce() {
  constexpr std::string_view k_alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t k_length = 32;
  std::string nonce;
  nonce.reserve(k_length);
  while (nonce.size() < k_length) {
    std::array<unsigned char, 40> random;  // 31 of 32 are used: one round nearly always does
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
      fail("no randomness from the system");
    for (const auto byte : random) {
      const std::size_t index = byte & 63u;
      // draws again for 62 and 63: a remainder would favour some letters
      if (index < k_alphabet.size() && nonce.size() < k_length) nonce += k_alphabet[index];
    }
  }
  return nonce;
}

}  // namespace cardvoid::wechatpay
