#include <doctest/doctest.h>

#include <algorithm>
#include <cardvoid/wechatpay/signer.hpp>
#include <ostream>
#include <set>

#include "support/key_tools.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid::wechatpay;

  TEST_CASE("signer: what it signs verifies with OpenSSL's own call and PKCS#1 v1.5 is deterministic") {
    const auto key = key_tools::make_rsa_key();
    Signer signer{key.get()};
    const auto first = signer.sign("GET\n/x\n1\nn\n\n");
    CHECK(first.size() == 344);
    CHECK(first.find_first_of("\r\n") == std::string::npos);
    CHECK(key_tools::verifies(key.get(), "GET\n/x\n1\nn\n\n", first));

    const auto second = signer.sign("another");  // the context is reused: nothing of the first may stick
    CHECK(key_tools::verifies(key.get(), "another", second));
    CHECK_FALSE(key_tools::verifies(key.get(), "another", first));
    CHECK(signer.sign("GET\n/x\n1\nn\n\n") == first);
  }

  TEST_CASE("signer: it keeps its own key when the caller's is gone") {
    auto key = key_tools::make_rsa_key();
    const auto public_half = *read_public_key(key_tools::public_pem(key.get()));
    Signer first{key.get()};
    key.reset();
    Signer moved{std::move(first)};
    CHECK(key_tools::verifies(public_half.get(), "m", moved.sign("m")));
  }

  TEST_CASE("signer: a longer key gives a longer signature") {
    const auto key = key_tools::make_rsa_key(3072);
    const auto signature = Signer{key.get()}.sign("m");
    CHECK(signature.size() == 512);
    CHECK(key_tools::verifies(key.get(), "m", signature));
  }

  TEST_CASE("nonce: 32 letters and digits that are all used and do not repeat") {
    std::set<std::string> seen;
    std::set<char> characters;
    for (int i = 0; i < 1'000; ++i) {
      const auto nonce = make_nonce();
      REQUIRE(nonce.size() == 32);
      characters.insert(nonce.begin(), nonce.end());
      seen.insert(nonce);
    }
    CHECK(seen.size() == 1'000);
    CHECK(characters.size() == 62);  // a missing one has a chance of 62 × (61/62)^32000: none
    CHECK(std::all_of(characters.begin(), characters.end(), [](unsigned char c) { return std::isalnum(c); }));
  }
}
