#include "answer_text.hpp"

#include <cardvoid/wechatpay/answer.hpp>

namespace cardvoid::run {

namespace {

model::Outcome without_answer(model::OutcomeKind kind, const char* code, const std::string& message) {
  model::Outcome outcome;
  outcome.kind = kind;
  outcome.error_code = code;
  outcome.error_message = message;
  return outcome;
}

}  // namespace

model::Outcome outcome_of(const net::Exchange& exchange, model::AttemptKind kind, const model::Card& card,
                          wechatpay::Verifier& verifier, WallTime now) {
  using model::OutcomeKind;
  switch (exchange.reach) {
    case net::Exchange::shut_out: return without_answer(OutcomeKind::not_sent, "NOT_SENT", exchange.reason);
    case net::Exchange::not_sent:
      return without_answer(OutcomeKind::connection_closed, "CONNECTION_CLOSED", exchange.reason);
    case net::Exchange::stale:
      return without_answer(OutcomeKind::stale_connection, "STALE_CONNECTION", exchange.reason);
    case net::Exchange::lost: return without_answer(OutcomeKind::lost, "LOST", exchange.reason);
    case net::Exchange::answered: break;
  }
  wechatpay::Answer answer;
  answer.status = exchange.status;
  const auto header = [&](const char* name) { return std::string{exchange.header(name)}; };
  answer.headers = {header("Wechatpay-Timestamp"),
                    header("Wechatpay-Nonce"),
                    header("Wechatpay-Signature"),
                    header("Wechatpay-Serial"),
                    header("Request-ID"),
                    header("Retry-After"),
                    header("Date"),
                    header("Content-Type")};
  answer.body = exchange.body;
  answer.verdict = verifier.verify(answer.headers, exchange.body, now);
  return wechatpay::classify(answer, kind, card);
}

model::Outcome outcome_of(const net::ConnectFailure& failure) {
  if (failure.kind == net::ConnectFailure::bad_certificate)
    return without_answer(model::OutcomeKind::bad_certificate, "BAD_CERTIFICATE", failure.what);
  return without_answer(model::OutcomeKind::not_sent, "NOT_SENT", failure.what);
}

}  // namespace cardvoid::run
