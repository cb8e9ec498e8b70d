#pragma once
// KeyedHash: what stands in place of a code that `forget` has removed, so that a list or a person who brings
// the code again is recognised. HMAC-SHA-256 (RFC 2104) with a random key of this database, in hexadecimal
// digits.
//
// The key lives in the table `meta`: parted from the database it could be lost, and then a card that is done
// would be sent again. So the hash hides codes from who sees an export or a row, not from who has the whole
// database and tries all codes (docs/privacy.md).

#include <openssl/evp.h>

#include <cardvoid/base/owned.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

// Not thread-safe. Members throw std::runtime_error when OpenSSL fails.
class KeyedHash {
 public:
  // nullopt: nothing was ever forgotten. Throws sqlite::Failure: the key is not whole.
  static std::optional<KeyedHash> find(const sqlite::Connection& db);
  // Makes the key when there is none. Inside a transaction.
  static KeyedHash make(const sqlite::Connection& db);

  // 64 digits: longer than any code that an input may have.
  std::string of(std::string_view code);

 private:
  explicit KeyedHash(std::string_view key);
  Owned<EVP_MAC, EVP_MAC_free> algorithm_;
  Owned<EVP_MAC_CTX, EVP_MAC_CTX_free> context_;
};

// The hash of a code, for a query that looks for both; the code itself where nothing was ever forgotten.
std::string hash_or_same(const sqlite::Connection& db, const std::string& code);

}  // namespace cardvoid::ledger
