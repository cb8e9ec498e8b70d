#include "keyed_hash.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr std::size_t k_key_bytes = 32;
constexpr const char* k_read_key = "SELECT value FROM main.meta WHERE key = 'forget_key'";

void require(bool done) {
  if (done) return;
  ERR_clear_error();  // else TLS on this thread would take the entry for its own
  throw std::runtime_error{"cannot compute HMAC-SHA-256"};
}

std::string hex(const unsigned char* bytes, std::size_t count) {
  return fmt::format("{:02x}", fmt::join(bytes, bytes + count, ""));
}

}  // namespace

std::optional<KeyedHash> KeyedHash::find(const sqlite::Connection& db) {
  sqlite::Statement key{db, k_read_key};
  key.bind();
  if (!key.step()) return std::nullopt;
  const auto text = key.text(0);
  const bool is_whole = text.size() == 2 * k_key_bytes && std::all_of(text.begin(), text.end(), [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                        });
  if (!is_whole) refuse_value("a key of forgotten codes that is not whole");
  return KeyedHash{text};
}

KeyedHash KeyedHash::make(const sqlite::Connection& db) {
  if (auto there = find(db)) return std::move(*there);
  std::array<unsigned char, k_key_bytes> bytes;
  require(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  sqlite::Statement{db, "INSERT INTO main.meta VALUES ('forget_key', ?1)"}
      .bind(hex(bytes.data(), bytes.size()))
      .run();
  return std::move(*find(db));
}

KeyedHash::KeyedHash(std::string_view key) : algorithm_{EVP_MAC_fetch(nullptr, "HMAC", nullptr)} {
  require(algorithm_ != nullptr);
  context_.reset(EVP_MAC_CTX_new(algorithm_.get()));
  require(context_ != nullptr);
  std::string digest{"SHA256"};
  const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                              OSSL_PARAM_construct_end()};
  require(EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       parameters.data()) == 1);
}

std::string KeyedHash::of(std::string_view code) {
  std::array<unsigned char, 32> digest;
  std::size_t length = 0;
  require(EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(code.data()), code.size()) ==
              1 &&
          EVP_MAC_final(context_.get(), digest.data(), &length, digest.size()) == 1 &&
          EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);  // the same key again
  return hex(digest.data(), length);
}

std::string hash_or_same(const sqlite::Connection& db, const std::string& code) {
  if (code.empty()) return code;
  auto hash = KeyedHash::find(db);
  return hash ? hash->of(code) : code;
}

}  // namespace cardvoid::ledger
