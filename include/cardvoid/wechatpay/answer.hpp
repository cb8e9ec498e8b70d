#pragma once
// The answer table (design.md section 3, docs/answers.md): what came back → model::Outcome. One function. Pure.

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

// `card` and `kind` are what was asked. Never throws on any bytes; keeps copies, no views.
model::Outcome classify(const Answer& answer, model::AttemptKind kind, const model::Card& card);

}  // namespace cardvoid::wechatpay
