#include "outcome_of.hpp"

#include <cardvoid/wechatpay/answer.hpp>

namespace cardvoid::run {

namespace {

using wechatpay::Reading;

model::Outcome without_answer(model::OutcomeKind kind, const char* code, const std::string& message) {
  model::Outcome outcome;
  outcome.kind = kind;
  outcome.error_code = code;
  outcome.error_message = message;
  return outcome;
}

}  // namespace

wechatpay::AnswerHeaders answer_headers(const net::Exchange& exchange) {
  const auto header = [&](const char* name) { return std::string{exchange.headers.find(name)}; };
  return {header("Wechatpay-Timestamp"),
          header("Wechatpay-Nonce"),
          header("Wechatpay-Signature"),
          header("Wechatpay-Serial"),
          header("Request-ID"),
          header("Retry-After"),
          header("Date"),
          header("Content-Type"),
          header("Content-Encoding")};
}

model::Outcome outcome_of(const Reply& reply, model::AttemptKind kind, const model::Card& card,
                          const Reading& reading) {
  using model::OutcomeKind;
  const auto& exchange = reply.exchange;
  switch (exchange.reach) {
    case net::Exchange::shut_out: return without_answer(OutcomeKind::not_sent, "NOT_SENT", exchange.reason);
    case net::Exchange::not_sent:
      return without_answer(OutcomeKind::connection_closed, "CONNECTION_CLOSED", exchange.reason);
    case net::Exchange::stale:
      return without_answer(OutcomeKind::stale_connection, "STALE_CONNECTION", exchange.reason);
    case net::Exchange::lost: return without_answer(OutcomeKind::lost, "LOST", exchange.reason);
    case net::Exchange::answered: break;
  }
  return wechatpay::classify({exchange.status, answer_headers(exchange), exchange.body, reply.verdict}, kind,
                             card, reading);
}

model::Outcome outcome_of(const net::ConnectFailure& failure) {
  if (failure.kind == net::ConnectFailure::bad_certificate)
    return without_answer(model::OutcomeKind::bad_certificate, "BAD_CERTIFICATE", failure.what);
  return without_answer(model::OutcomeKind::not_sent, "NOT_SENT", failure.what);
}

}  // namespace cardvoid::run
