// Key files and certificates.

#include <cardvoid/base/text.hpp>
#include <cardvoid/wechatpay/keys.hpp>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::key_files {

using namespace wechatpay;

template <class Found>
static void check(const Result<Found>& found) {
  if (found) return;
  require(found.error().code == Errc::bad_credentials, "an unusable key is a bad credential");
  require(!found.error().what.empty(), "a refused key has a reason");
  require(escape_for_terminal(found.error().what) == found.error().what, "a reason is safe for a terminal");
}

static void check_key(const EVP_PKEY* key) {
  require(EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= 2048, "a key is RSA and long enough");
}

FUZZ_TARGET(keys, "a key file of any bytes gives a good key or a reason") {
  Input input{bytes};
  const std::string_view passphrase = input.flag() ? "secret" : "";
  input.line();
  const auto private_key = read_private_key(input.rest(), passphrase);
  check(private_key);
  if (private_key) check_key(private_key->get());
  const auto public_key = read_public_key(input.rest());
  check(public_key);
  if (public_key) check_key(public_key->get());
  const auto certificate = read_certificate(input.rest());
  check(certificate);
  if (certificate) check_key(certificate->key.get());
}

}  // namespace cardvoid::fuzz::key_files
