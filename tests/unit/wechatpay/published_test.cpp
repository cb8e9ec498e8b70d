#include "published.hpp"

#include <doctest/doctest.h>

#include <cardvoid/wechatpay/verifier.hpp>
#include <ostream>

#include "support/key_tools.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;
  using model::Api;
  using model::AttemptKind;

  namespace {

  PublicKey published_key(std::string_view der) { return *read_public_key(key_tools::pem_from_der(der)); }

  bool key_a_signed(std::string_view message, std::string_view signature) {
    return key_tools::verifies(published_key(published::k_key_a).get(), message, signature);
  }

  std::string signed_text(const RequestText& request) {
    return canonical_message(request, published::k_timestamp, published::k_nonce);
  }

  Verdict verify_d(const AnswerHeaders& headers, std::string_view body) {
    Verifier::Keys keys;
    keys.emplace(published::k_serial_d, published_key(published::k_key_d));
    return Verifier{std::move(keys)}.verify(headers, body,
                                            WallTime{std::chrono::seconds{published::k_timestamp_d}});
  }

  AnswerHeaders headers_d() {
    AnswerHeaders headers;
    headers.timestamp = std::to_string(published::k_timestamp_d);
    headers.nonce = published::k_nonce_d;
    headers.signature = published::k_signature_d;
    headers.serial = published::k_serial_d;
    return headers;
  }

  }  // namespace

  TEST_CASE("published A1: the canonical message of a GET is what the platform signed") {
    const RequestText request{"GET", "/v3/refund/domestic/refunds/123123123123", ""};
    CHECK(key_a_signed(signed_text(request), published::k_signature_a1));
  }

  TEST_CASE("published A2: the canonical message of a POST with Chinese text is what the platform signed") {
    const RequestText request{"POST", "/v3/pay/transactions/jsapi", std::string{published::k_body_a2}};
    CHECK(key_a_signed(signed_text(request), published::k_signature_a2));
    CHECK_FALSE(key_a_signed(signed_text(request), published::k_signature_a1));
  }

  TEST_CASE("published B1: an invalidation with a Chinese reason") {
    const auto message = signed_text(build_request(Api::partner, AttemptKind::invalidate, published::card()));
    CHECK(message.size() == 257);
    CHECK(key_tools::sha256_hex(message) == published::k_sha256_b1);
    CHECK(key_a_signed(message, published::k_signature_b1));
  }

  TEST_CASE("published B2: a query for a code with a slash and a blank and a percent sign") {
    auto card = published::card();
    card.code = "a/b c%";
    const auto message = signed_text(build_request(Api::partner, AttemptKind::read_back, card));
    CHECK(message.size() == 190);
    CHECK(key_tools::sha256_hex(message) == published::k_sha256_b2);
    CHECK(key_a_signed(message, published::k_signature_b2));
  }

  TEST_CASE("published B3: an invalidation without a reason") {
    auto card = published::card();
    card.reason.clear();
    const auto message = signed_text(build_request(Api::partner, AttemptKind::invalidate, card));
    CHECK(message.size() == 207);
    CHECK(key_tools::sha256_hex(message) == published::k_sha256_b3);
    CHECK(key_a_signed(message, published::k_signature_b3));
  }

  TEST_CASE("published B4: the verifier accepts an answer of this API") {
    Verifier::Keys keys;
    keys.emplace("A", published_key(published::k_key_a));
    AnswerHeaders headers;
    headers.timestamp = std::to_string(published::k_timestamp);
    headers.nonce = published::k_nonce;
    headers.signature = published::k_signature_b4;
    headers.serial = "A";

    const auto message =
        headers.timestamp + "\n" + headers.nonce + "\n" + std::string{published::k_body_b4} + "\n";
    CHECK(message.size() == 106);
    CHECK(key_tools::sha256_hex(message) == published::k_sha256_b4);
    CHECK(Verifier{std::move(keys)}.verify(headers, published::k_body_b4,
                                           WallTime{std::chrono::seconds{published::k_timestamp}}) ==
          Verdict::verified);
  }

  TEST_CASE("published D: the verifier accepts the answer on the platform's own page") {
    CHECK(verify_d(headers_d(), published::k_body_d) == Verdict::verified);
  }

  TEST_CASE("published D: one blank more in the body is a forgery") {
    CHECK(verify_d(headers_d(), std::string{published::k_body_d} + " ") == Verdict::bad_signature);
  }
}
