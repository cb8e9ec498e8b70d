#pragma once
// From what the net reports to what the dispatcher rules on.

#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/run/ports.hpp>

namespace cardvoid::run {

// The headers of an answer that verifying and reading it need.
wechatpay::AnswerHeaders answer_headers(const net::Exchange& exchange);

// Personal data in the platform's words is masked: the text reaches logs and messages.
model::Outcome outcome_of(const Reply& reply, model::AttemptKind kind, const model::Card& card);
model::Outcome outcome_of(const net::ConnectFailure& failure);

}  // namespace cardvoid::run
