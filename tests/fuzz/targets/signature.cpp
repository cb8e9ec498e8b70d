// The signature of an answer, and the answer with it.

#include <cardvoid/wechatpay/answer.hpp>

#include "fuzz/target.hpp"
#include "support/key_tools.hpp"
#include "unit/wechatpay/published.hpp"

namespace cardvoid::fuzz::signatures {

using namespace wechatpay;

static Verifier make_verifier() {
  Verifier::Keys keys;
  keys.emplace("A", *read_public_key(key_tools::pem_from_der(published::k_key_a)));
  return Verifier{std::move(keys)};
}

FUZZ_TARGET(signature, "only the bytes that were signed verify") {
  static Verifier verifier = make_verifier();
  Input input{bytes};
  Answer answer;
  answer.status = 200;
  answer.headers.timestamp = input.line();
  answer.headers.nonce = input.line();
  answer.headers.serial = input.line();
  answer.headers.signature = input.line();
  answer.body = input.rest();
  answer.verdict =
      verifier.verify(answer.headers, answer.body, WallTime{std::chrono::seconds{published::k_timestamp}});
  if (answer.verdict == Verdict::verified) {
    require(answer.headers.timestamp == std::to_string(published::k_timestamp) &&
                answer.headers.nonce == published::k_nonce && answer.headers.serial == "A" &&
                answer.body == published::k_body_b4,
            "what verifies is what was signed");
  }
  const auto outcome = classify(answer, model::AttemptKind::invalidate, published::card());
  require(outcome.kind != model::OutcomeKind::confirmed || answer.verdict == Verdict::verified,
          "only a verified answer confirms");
}

}  // namespace cardvoid::fuzz::signatures
