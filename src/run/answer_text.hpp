#pragma once
// From what the net reports to what the dispatcher rules on.

#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cardvoid/wechatpay/verifier.hpp>

namespace cardvoid::run {

// Personal data in the platform's words is masked: the text reaches logs and messages.
model::Outcome outcome_of(const net::Exchange& exchange, model::AttemptKind kind, const model::Card& card,
                          wechatpay::Verifier& verifier, WallTime now);
model::Outcome outcome_of(const net::ConnectFailure& failure);

}  // namespace cardvoid::run
