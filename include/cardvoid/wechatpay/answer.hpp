#pragma once
// The table of answers (docs/answers.md): an HTTP answer → model::Outcome. Pure.

#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <optional>
#include <string_view>

namespace cardvoid::wechatpay {

// A complete HTTP answer whose signature has been checked.
struct Answer {
  unsigned status = 0;
  AnswerHeaders headers;
  std::string_view body;  // raw bytes; need not be UTF-8 or JSON
  Verdict verdict = Verdict::no_signature;
};

// How an answer is read.
struct Reading {
  bool match_openid = true;          // an answer that names another openid is about another card
  std::optional<WallTime> now = {};  // by this machine's clock, for words about clocks; nullopt: not told
};

// `card` and `kind` are of the request. No answer makes it throw; the outcome holds copies, not views. Its
// texts are safe for a terminal and capped (error_code 64 bytes, error_message 512, request_id 128), except
// card_state and invalid_time, which are the platform's verified bytes. retry_after is at most one hour.
model::Outcome classify(const Answer& answer, model::AttemptKind kind, const model::Card& card,
                        const Reading& reading = {});

}  // namespace cardvoid::wechatpay
