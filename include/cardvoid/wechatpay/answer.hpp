#pragma once
// The answer table (docs/answers.md): what came back → model::Outcome. Pure.

#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <string_view>

namespace cardvoid::wechatpay {

// A complete HTTP answer, already checked for its signature.
struct Answer {
  unsigned status = 0;
  AnswerHeaders headers;
  std::string_view body;  // raw bytes; need not be UTF-8 or JSON
  Verdict verdict = Verdict::no_signature;
};

// `card` and `kind` are what was asked. No bytes make it throw; the outcome holds copies, no views. Its texts
// are safe for a terminal and capped (error_code 64 bytes, error_message 512, request_id 128), save
// card_state and invalid_time: those are the platform's, verified, byte for byte. retry_after is an hour at
// the most.
model::Outcome classify(const Answer& answer, model::AttemptKind kind, const model::Card& card);

}  // namespace cardvoid::wechatpay
