#include <doctest/doctest.h>
#include <openssl/err.h>

#include <cardvoid/wechatpay/signer.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <ostream>

#include "published.hpp"
#include "support/key_tools.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;
  using namespace std::chrono_literals;

  namespace {

  constexpr WallTime k_signed_at{std::chrono::seconds{published::k_timestamp}};

  // The published answer B4, and a verifier that knows its key as "A".
  struct Fixture {
    AnswerHeaders headers;
    std::string body{published::k_body_b4};
    Verifier verifier{keys()};

    Fixture() {
      headers.timestamp = std::to_string(published::k_timestamp);
      headers.nonce = published::k_nonce;
      headers.signature = published::k_signature_b4;
      headers.serial = "A";
    }
    static Verifier::Keys keys() {
      Verifier::Keys keys;
      keys.emplace("A", *read_public_key(key_tools::pem_from_der(published::k_key_a)));
      keys.emplace("D", *read_public_key(key_tools::pem_from_der(published::k_key_d)));
      return keys;
    }
    std::string_view verdict(WallTime now = k_signed_at) {
      return to_text(verifier.verify(headers, body, now));
    }
  };

  }  // namespace

  TEST_CASE_FIXTURE(Fixture, "verifier: an untouched answer verifies again and again") {
    CHECK(verdict() == "verified");
    CHECK(verdict() == "verified");
    Verifier moved{std::move(verifier)};
    verifier = std::move(moved);
    CHECK(verdict() == "verified");
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: each of the four headers is needed") {
    for (auto* header : {&headers.timestamp, &headers.nonce, &headers.signature, &headers.serial}) {
      const auto before = std::exchange(*header, "");
      CHECK(verdict() == "no_signature");
      *header = before;
    }
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: the serial must name a key exactly") {
    for (const auto* serial : {"B", "a", "A ", "AA"}) {
      headers.serial = serial;
      CHECK(verdict() == "unknown_key");
    }
    headers.serial = "D";  // a key we have, yet not the one that signed
    CHECK(verdict() == "bad_signature");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "verifier: exactly 300 seconds is stale on both sides and a millisecond less is not") {
    CHECK(verdict(k_signed_at + 299'999ms) == "verified");
    CHECK(verdict(k_signed_at - 299'999ms) == "verified");
    CHECK(verdict(k_signed_at + 300s) == "stale");
    CHECK(verdict(k_signed_at - 300s) == "stale");
    CHECK(verdict(k_signed_at + 24h) == "stale");
    CHECK(verdict(k_signed_at - 24h) == "stale");
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: a timestamp that is not a plain number of seconds is stale") {
    for (const auto* timestamp :
         {"x", "1554208460000", "1554208460 ", " 1554208460", "+1554208460", "-1554208460", "1554208460.0",
          "0x5CA35D8C", "99999999999999999999", "9223372036854775807"}) {
      headers.timestamp = timestamp;
      CAPTURE(timestamp);
      CHECK(verdict() == "stale");
    }
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: one changed bit in nonce or time or body is a forgery") {
    headers.nonce[0] ^= 1;
    CHECK(verdict() == "bad_signature");
    headers.nonce[0] ^= 1;
    headers.timestamp.back() = '1';
    CHECK(verdict() == "bad_signature");
    headers.timestamp.back() = '0';
    body[10] ^= 1;
    CHECK(verdict() == "bad_signature");
    body = "";
    CHECK(verdict() == "bad_signature");
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: a signature has exactly one right spelling") {
    const std::string right{published::k_signature_b4};
    auto stray_bits = right;
    REQUIRE(stray_bits[341] == 'A');
    stray_bits[341] = 'B';  // decodes to the same bytes for a careless reader
    for (const auto& wrong :
         {right.substr(0, 343), right.substr(0, 342), right + "=", right + "\n", " " + right, stray_bits,
          right.substr(4) + "AAAA", std::string(344, '='), std::string(344, '\0'), std::string(344, '\xFF'),
          std::string("%%%"), std::string(100'000, 'A')}) {
      headers.signature = wrong;
      CAPTURE(wrong.substr(0, 400));
      CHECK(verdict() == "bad_signature");
    }
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: a probe is told by its prefix whether or not it is base64") {
    headers.signature = "WECHATPAY/SIGNTEST/" + std::string(headers.signature).substr(19);
    CHECK(verdict() == "probe");
    headers.signature = "WECHATPAY/SIGNTEST/ not base64";
    CHECK(verdict() == "probe");
    headers.signature = "wechatpay/signtest/";
    CHECK(verdict() == "bad_signature");
  }

  TEST_CASE_FIXTURE(Fixture, "verifier: the probe's prefix excuses neither age nor an unknown key") {
    headers.signature = "WECHATPAY/SIGNTEST/x";
    CHECK(verdict(k_signed_at + 300s) == "stale");
    headers.serial = "B";
    CHECK(verdict() == "unknown_key");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "verifier: a refused signature leaves no error behind for the TLS of this thread") {
    body += " ";
    CHECK(verdict() == "bad_signature");
    CHECK(ERR_peek_error() == 0);
  }

  TEST_CASE("verifier: what our signer signs verifies and an empty body is one line feed") {
    const auto key = key_tools::make_rsa_key();
    Verifier::Keys keys;
    keys.emplace("K", *read_public_key(key_tools::public_pem(key.get())));
    Verifier verifier{std::move(keys)};
    AnswerHeaders headers;
    headers.timestamp = "1554208460";
    headers.nonce = "n";
    headers.serial = "K";
    headers.signature = Signer{key.get()}.sign("1554208460\nn\n\n");
    CHECK(verifier.verify(headers, "", k_signed_at) == Verdict::verified);
    CHECK(verifier.verify(headers, "\n", k_signed_at) == Verdict::bad_signature);
  }
}
