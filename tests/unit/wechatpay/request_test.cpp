#include <doctest/doctest.h>

#include <cardvoid/wechatpay/request.hpp>
#include <ostream>

#include "published.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;
  using model::Api;
  using model::AttemptKind;

  namespace {

  model::Card card_with_code(std::string code) {
    auto card = published::card();
    card.code = std::move(code);
    return card;
  }

  Identity partner() {
    return {Api::partner, "1900000001", "1DDE55AD98E0", "PUB_KEY_ID_0119", "cardvoid/1.0"};
  }

  }  // namespace

  TEST_CASE("percent encoding: every byte that is not unreserved becomes upper-case hex") {
    CHECK(percent_encode("AZaz09-._~") == "AZaz09-._~");
    CHECK(percent_encode("/?#%&+=,;~\" ") == "%2F%3F%23%25%26%2B%3D%2C%3B~%22%20");
    CHECK(percent_encode("\\|*'()!@:$[]{}<>^`") == "%5C%7C%2A%27%28%29%21%40%3A%24%5B%5D%7B%7D%3C%3E%5E%60");
    CHECK(percent_encode("会\n\x7F") == "%E4%BC%9A%0A%7F");
    CHECK(percent_encode("") == "");
  }

  TEST_CASE("partner invalidation: brand and template in the query and the member in the body") {
    const auto request = build_request(Api::partner, AttemptKind::invalidate, published::card());
    CHECK(request.method == "POST");
    CHECK(request.target == published::k_target_b1);
    CHECK(request.body == published::k_body_b1);
  }

  TEST_CASE("partner query: all three parameters and no body") {
    const auto request = build_request(Api::partner, AttemptKind::read_back, card_with_code("a/b c%"));
    CHECK(request.method == "GET");
    CHECK(request.target == published::k_target_b2);
    CHECK(request.body.empty());
  }

  TEST_CASE("brand invalidation: the template moves into the body and there is no query and no v3") {
    const auto request = build_request(Api::brand, AttemptKind::invalidate, published::card());
    CHECK(request.method == "POST");
    CHECK(request.target == "/brand/card-member/user-cards/478515832665/invalidate");
    CHECK(request.body ==
          R"({"card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0","openid":"obLatjnx9gnqzS4myYGmLZ7LgLBA",)"
          R"("invalid_reason":"传入的自定义作废原因"})");
  }

  TEST_CASE("brand query: template and member without the brand") {
    const auto request = build_request(Api::brand, AttemptKind::read_back, published::card());
    CHECK(request.method == "GET");
    CHECK(request.target ==
          "/brand/card-member/user-cards/478515832665"
          "?card_id=pbLatjvWOibDc5-TBnbUk1pD12o0&openid=obLatjnx9gnqzS4myYGmLZ7LgLBA");
    CHECK(request.body.empty());
  }

  TEST_CASE("request: an empty reason is left out rather than sent empty") {
    auto card = published::card();
    card.reason.clear();
    CHECK(build_request(Api::partner, AttemptKind::invalidate, card).body == published::k_body_b3);
  }

  TEST_CASE("request: a hostile code cannot leave its path segment") {
    const auto request =
        build_request(Api::partner, AttemptKind::invalidate, card_with_code("../x?a=b#c%2F&d"));
    CHECK(request.target ==
          "/v3/brand/partner/card-member/user-cards/..%2Fx%3Fa%3Db%23c%252F%26d/invalidate"
          "?brand_id=1004&card_id=pbLatjvWOibDc5-TBnbUk1pD12o0");
  }

  TEST_CASE("request: quotes and control characters in a reason are escaped and Chinese is not") {
    auto card = published::card();
    card.openid = "o\"1\\";
    card.reason = "会员\n</script>/\x01";
    CHECK(build_request(Api::partner, AttemptKind::invalidate, card).body ==
          R"({"openid":"o\"1\\","invalid_reason":"会员\n</script>/\u0001"})");
  }

  TEST_CASE("authorization: the partner scheme names the merchant and the brand scheme the brand") {
    CHECK(authorization(partner(), 1554208460, "NONCE", "c2ln") ==
          R"(WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="NONCE",signature="c2ln",)"
          R"(timestamp="1554208460",serial_no="1DDE55AD98E0")");
    auto brand = partner();
    brand.api = Api::brand;
    brand.signer_id = "1004";
    CHECK(authorization(brand, 7, "N", "s") ==
          R"(WECHATPAY-BRAND-SHA256-RSA2048 brand_id="1004",nonce_str="N",signature="s",timestamp="7",)"
          R"(serial_no="1DDE55AD98E0")");
  }

  TEST_CASE("serialize: the bytes of an invalidation carry what was signed unchanged") {
    const auto request = build_request(Api::partner, AttemptKind::invalidate, published::card());
    CHECK(serialize(request, partner(), "api.mch.weixin.qq.com", "SCHEME x") ==
          "POST " + std::string{published::k_target_b1} + " HTTP/1.1\r\n" +
              "Host: api.mch.weixin.qq.com\r\n"
              "Authorization: SCHEME x\r\n"
              "Accept: application/json\r\n"
              "Accept-Language: zh-CN\r\n"
              "User-Agent: cardvoid/1.0\r\n"
              "Wechatpay-Serial: PUB_KEY_ID_0119\r\n"
              "Content-Type: application/json\r\n"
              "Content-Length: 91\r\n"
              "Connection: keep-alive\r\n"
              "\r\n" +
              std::string{published::k_body_b1});
  }

  TEST_CASE("serialize: a query has no body and says nothing about one") {
    const auto request = build_request(Api::partner, AttemptKind::read_back, published::card());
    const auto bytes = serialize(request, partner(), "127.0.0.1:8443", "SCHEME x");
    CHECK(bytes.starts_with("GET /v3/brand/partner/card-member/user-cards/478515832665?brand_id=1004&"));
    CHECK(bytes.find("\r\nHost: 127.0.0.1:8443\r\n") != std::string::npos);
    CHECK(bytes.find("Content-") == std::string::npos);
    CHECK(bytes.ends_with("\r\nConnection: keep-alive\r\n\r\n"));
  }
}
