// Hostile answers: known bodies and headers are mutated at random, always the same way for the same seed.
// CARDVOID_FUZZ_SEED and CARDVOID_FUZZ_ROUNDS replay a failure or dig deeper.

#include <doctest/doctest.h>

#include <array>
#include <cardvoid/base/text.hpp>
#include <cardvoid/wechatpay/answer.hpp>
#include <cstdlib>
#include <ostream>
#include <random>
#include <tuple>

#include "support/key_tools.hpp"
#include "unit/wechatpay/published.hpp"

TEST_SUITE("fuzz") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;
  using model::OutcomeKind;

  namespace {

  constexpr WallTime k_now{std::chrono::seconds{published::k_timestamp}};

  unsigned from_environment(const char* name, unsigned fallback) {
    const char* const text = std::getenv(name);
    return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : fallback;
  }

  class Mutator {
   public:
    explicit Mutator(unsigned seed) : random_{seed} {}

    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    // One to four changes, mostly few; the text may come out as it went in.
    void mutate(std::string& text) {
      for (auto changes = 1 + below(1 + below(4)); changes > 0; --changes) change(text);
    }

   private:
    void change(std::string& text) {
      static constexpr std::array<std::string_view, 18> k_bits{"{",
                                                               "}",
                                                               "[[[[[[[[",
                                                               "\"",
                                                               "\\",
                                                               "\\u0000",
                                                               "\\ud800",
                                                               ":",
                                                               ",",
                                                               "null",
                                                               "1e999",
                                                               "\xFF",
                                                               "\xE4\xBC",
                                                               "\n",
                                                               R"("code":"SYSTEM_ERROR",)",
                                                               R"("user_card_state":"INVALID",)",
                                                               "WECHATPAY/SIGNTEST/",
                                                               "会员卡"};
      const auto at = below(text.size() + 1), length = below(std::min<std::size_t>(text.size() - at, 16) + 1);
      switch (below(6)) {
        case 0: text.erase(at, length); break;
        case 1: text.insert(at, k_bits[below(k_bits.size())]); break;
        case 2: text.insert(at, text.substr(below(text.size() + 1), 1 + below(40))); break;
        case 3: text.replace(at, length, std::string(length, static_cast<char>(below(256)))); break;
        case 4: text.resize(at); break;
        case 5:
          if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
          break;
      }
    }

    std::mt19937 random_;
  };

  std::string good_card() {
    return R"({"user_card_code":"478515832665","card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0","openid":"obLatjnx9gnqzS4myYGmLZ7LgLBA","card_type":"NORMAL",)"
           R"("user_information":{"common_field_list":[{"name":"USER_FORM_FLAG_SEX","value":"x"}]},)"
           R"("user_card_state":"INVALID","invalid_reason":"会员","invalid_time":"2020-05-20T13:29:35.120+08:00"})";
  }

  AnswerHeaders good_headers() {
    AnswerHeaders headers;
    headers.timestamp = std::to_string(published::k_timestamp);
    headers.nonce = published::k_nonce;
    headers.signature = published::k_signature_b4;
    headers.serial = "A";
    headers.request_id = "08F5B8C2B506102C18FDDFEEA30620BE-0";
    headers.retry_after = "120";
    headers.date = "Tue, 02 Apr 2019 12:34:20 GMT";
    return headers;
  }

  }  // namespace

  TEST_CASE("fuzz: no mutated answer is confirmed unless its bytes name this card as INVALID") {
    const auto seed = from_environment("CARDVOID_FUZZ_SEED", 20261102);
    const auto rounds = from_environment("CARDVOID_FUZZ_ROUNDS", 20'000);
    CAPTURE(seed);
    Mutator mutator{seed};
    const std::array bodies{
        good_card(),
        good_card(),
        std::string{published::k_body_b4},
        std::string{},
        std::string{R"({"code":"PARAM_ERROR","message":"参数错误","detail":{"field":"openid"}})"},
        std::string{R"({"code":"SIGN_ERROR","message":"timestamp"})"},
        std::string{"<html><head><title>502 Bad Gateway</title></head></html>"}};
    const std::array statuses{200u, 200u, 200u, 202u, 204u, 302u, 400u, 401u, 403u, 404u, 429u, 500u, 503u};
    const std::array verdicts{Verdict::verified,     Verdict::verified, Verdict::no_signature,
                              Verdict::unknown_key,  Verdict::stale,    Verdict::probe,
                              Verdict::bad_signature};
    const auto card = published::card();
    unsigned confirmed = 0;
    for (unsigned round = 0; round < rounds; ++round) {
      auto body = bodies[mutator.below(bodies.size())];
      mutator.mutate(body);
      Answer answer{statuses[mutator.below(statuses.size())], good_headers(), body,
                    verdicts[mutator.below(verdicts.size())]};
      mutator.mutate(answer.headers.request_id);
      mutator.mutate(answer.headers.retry_after);
      mutator.mutate(answer.headers.date);
      const auto outcome = classify(answer, model::AttemptKind::invalidate, card);

      INFO("round ", round, " status ", answer.status, " verdict ", to_text(answer.verdict), " body ", body);
      const bool success = answer.status >= 200 && answer.status < 300;
      if (outcome.kind == OutcomeKind::confirmed) {
        ++confirmed;
        REQUIRE(success);
        REQUIRE(answer.verdict == Verdict::verified);
        REQUIRE(body.find("478515832665") != std::string::npos);
        REQUIRE(body.find("obLatjnx9gnqzS4myYGmLZ7LgLBA") != std::string::npos);
        REQUIRE(body.find("INVALID") != std::string::npos);
      }
      REQUIRE((outcome.kind == OutcomeKind::distrusted) ==
              (!success && answer.verdict != Verdict::verified && answer.verdict != Verdict::no_signature));
      for (const auto& [text, limit] :
           {std::tuple{&outcome.error_code, 64u}, std::tuple{&outcome.error_message, 512u},
            std::tuple{&outcome.request_id, 128u}}) {
        REQUIRE(text->size() <= limit);
        REQUIRE_FALSE(find_invalid_utf8(*text).has_value());
        REQUIRE(text->find_first_of("\n\r\x1B") == std::string::npos);
      }
      if (outcome.retry_after)
        REQUIRE((*outcome.retry_after >= milliseconds{0} && *outcome.retry_after <= std::chrono::hours{1}));
    }
    CHECK(confirmed > rounds / 1'000);  // else the mutations destroy everything and the test shows nothing
  }

  TEST_CASE("fuzz: no mutation of a signed answer verifies") {
    const auto seed = from_environment("CARDVOID_FUZZ_SEED", 20261102);
    const auto rounds = from_environment("CARDVOID_FUZZ_ROUNDS", 20'000);
    CAPTURE(seed);
    Mutator mutator{seed};
    Verifier::Keys keys;
    keys.emplace("A", *read_public_key(key_tools::pem_from_der(published::k_key_a)));
    Verifier verifier{std::move(keys)};
    const auto good = good_headers();
    unsigned untouched = 0;
    for (unsigned round = 0; round < rounds; ++round) {
      auto headers = good;
      std::string body{published::k_body_b4};
      std::string* const fields[] = {&headers.timestamp, &headers.nonce, &headers.signature, &headers.serial,
                                     &body};
      mutator.mutate(*fields[mutator.below(std::size(fields))]);
      const bool same = headers.timestamp == good.timestamp && headers.nonce == good.nonce &&
                        headers.signature == good.signature && headers.serial == good.serial &&
                        body == published::k_body_b4;
      INFO("round ", round, " signature ", headers.signature, " body ", body);
      REQUIRE((verifier.verify(headers, body, k_now) == Verdict::verified) == same);
      untouched += same ? 1 : 0;
    }
    CHECK(untouched > 0);  // the unmutated answer still verifies after all that
  }

  TEST_CASE("fuzz: no mutated key file crashes or is taken for the key") {
    const auto seed = from_environment("CARDVOID_FUZZ_SEED", 20261102);
    const auto rounds = from_environment("CARDVOID_FUZZ_ROUNDS", 3'000);
    CAPTURE(seed);
    Mutator mutator{seed};
    const auto pem = key_tools::pem_from_der(published::k_key_a);
    const auto right = *read_public_key(pem);
    for (unsigned round = 0; round < rounds; ++round) {
      auto mutated = pem;
      mutator.mutate(mutated);
      INFO("round ", round, " file ", mutated);
      if (const auto key = read_public_key(mutated)) {
        REQUIRE(EVP_PKEY_is_a(key->get(), "RSA"));
        REQUIRE(EVP_PKEY_get_bits(key->get()) >= 2048);
      } else {
        REQUIRE(key.error().code == Errc::bad_credentials);
        REQUIRE_FALSE(key.error().what.empty());
      }
    }
  }
}
