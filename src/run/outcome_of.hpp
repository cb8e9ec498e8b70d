#pragma once
// Turns what the net room reports into what the dispatcher rules on.

#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/run/ports.hpp>
#include <cardvoid/wechatpay/answer.hpp>

namespace cardvoid::run {

// The headers that verifying and reading an answer needs.
wechatpay::AnswerHeaders answer_headers(const net::Exchange& exchange);

// Masks personal data in the platform's text, which reaches logs and messages.
model::Outcome outcome_of(const Reply& reply, model::AttemptKind kind, const model::Card& card,
                          const wechatpay::Reading& reading);
model::Outcome outcome_of(const net::ConnectFailure& failure);

}  // namespace cardvoid::run
