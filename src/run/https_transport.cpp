#include "https_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <cardvoid/wechatpay/signer.hpp>
#include <utility>

#include "endpoints.hpp"
#include "outcome_of.hpp"

namespace cardvoid::run {

namespace asio = boost::asio;

namespace {

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

// However fast the clock is, this machine takes its time to sign, to answer and to verify.
constexpr std::chrono::seconds k_least_timeout{1};
milliseconds rehearsed(milliseconds timeout, const Clock& clock) {
  return std::min(timeout, std::max<milliseconds>(clock.real(timeout), k_least_timeout));
}

}  // namespace

Result<std::unique_ptr<HttpsTransport>> HttpsTransport::create(asio::io_context& io, const model::Job& job,
                                                               const Credentials& keys,
                                                               const std::string& version) {
  auto settings = https_settings(job);
  if (!settings) return settings.error();
  return create(std::unique_ptr<HttpsTransport>{new HttpsTransport{io, job, keys, version, {}}},
                std::move(*settings));
}

Result<std::unique_ptr<HttpsTransport>> HttpsTransport::create_for_rehearsal(asio::io_context& io,
                                                                             const model::Job& job,
                                                                             const Credentials& keys,
                                                                             const std::string& version,
                                                                             const Clock& clock) {
  auto settings = https_settings(job);
  if (!settings) return settings.error();
  settings->loopback_only = true;
  settings->connect_timeout = rehearsed(job.limits.connect_timeout, clock);
  std::unique_ptr<HttpsTransport> platform{new HttpsTransport{io, job, keys, version, clock}};
  platform->request_timeout_ = rehearsed(job.limits.request_timeout, clock);
  return create(std::move(platform), std::move(*settings));
}

Result<std::unique_ptr<HttpsTransport>> HttpsTransport::create(std::unique_ptr<HttpsTransport> transport,
                                                               net::HttpsSettings settings) {
  auto client = net::HttpsClient::create(transport->io_.get_executor(), std::move(settings));
  if (!client) return client.error();
  transport->client_ = std::move(*client);
  return transport;
}

HttpsTransport::HttpsTransport(asio::io_context& io, const model::Job& job, const Credentials& keys,
                               const std::string& version, const Clock& clock)
    : io_{io},
      job_{job},
      keys_{keys},
      clock_{clock},
      request_timeout_{job.limits.request_timeout},
      verifier_{keys.platform.keys} {
  identity_.api = job.merchant.api;
  identity_.signer_id = job.merchant.signer_id();
  identity_.serial_no = job.merchant.serial_no;
  identity_.wechatpay_serial = keys.platform.request_serial;
  identity_.user_agent = "cardvoid/" + version + " (Linux) Boost.Beast";
}

// The signing threads first, since they use the calls; then the calls, whose sockets must not outlive the
// context.
HttpsTransport::~HttpsTransport() {
  signers_.stop();
  calls_.clear();
}

void HttpsTransport::connect(model::RowId row, model::Endpoint endpoint, bool fresh, Connected connected) {
  auto& call = calls_[row];
  call.endpoint = endpoint;
  call.number = ++connects_;
  asio::co_spawn(io_, open(row, call.number, endpoint, fresh, std::move(connected)), rethrow);
}

asio::awaitable<void> HttpsTransport::open(model::RowId row, std::uint64_t number, model::Endpoint endpoint,
                                           bool fresh, Connected connected) {
  auto opened = co_await client_->connect(endpoint == model::Endpoint::primary ? 0 : 1, fresh);
  if (closed_) co_return;
  const auto call = calls_.find(row);
  if (call == calls_.end() || call->second.number != number) co_return;  // released meanwhile
  std::optional<net::ConnectFailure> failure;
  if (opened) {
    call->second.connection = std::move(*opened);
  } else {
    failure = opened.error();
    calls_.erase(call);
  }
  connected(failure);
}

void HttpsTransport::send(model::RowId row, model::AttemptKind kind, const model::Card& card, Written written,
                          Answered answered) {
  auto& call = calls_.at(row);
  call.kind = kind;
  call.card = &card;
  call.written = std::move(written);
  call.answered = std::move(answered);
  asio::post(signers_.pool(), [this, row, &call] {
    try {
      sign(call);
    } catch (const std::exception& failure) {  // out of memory, no randomness
      Error error{Errc::internal, fmt::format("cannot sign: {}", failure.what())};
      asio::post(io_, [this, &call, error = std::move(error)] {
        if (!closed_) call.answered(error);
      });
      return;
    }
    asio::post(io_, [this, row, &call] { asio::co_spawn(io_, exchange(row, call), rethrow); });
  });
}

// On a thread of the pool, right before sending: a signature is valid for five minutes (docs/platform.md
// section 3.4).
void HttpsTransport::sign(Call& call) {
  thread_local std::unique_ptr<wechatpay::Signer> signer;
  if (!signer) signer = std::make_unique<wechatpay::Signer>(keys_.merchant.get());
  const auto request = wechatpay::build_request(job_.merchant.api, call.kind, *call.card);
  const auto timestamp = clock_.now().wall.time_since_epoch().count() / 1000;
  const auto nonce = wechatpay::make_nonce();
  const auto signature = signer->sign(wechatpay::canonical_message(request, timestamp, nonce));
  const auto& address =
      call.endpoint == model::Endpoint::primary ? job_.endpoints.primary : job_.endpoints.backup;
  call.request = wechatpay::serialize(request, identity_, address.text(),
                                      wechatpay::authorization(identity_, timestamp, nonce, signature));
}

asio::awaitable<void> HttpsTransport::exchange(model::RowId row, Call& call) {
  if (closed_) co_return;
  call.written();
  const auto deadline = read_clocks().steady + request_timeout_;
  Reply reply;
  reply.exchange = co_await call.connection.exchange(call.request, deadline);
  if (closed_) co_return;
  if (reply.exchange.reach == net::Exchange::answered)
    reply.verdict = verifier_.verify(answer_headers(reply.exchange), reply.exchange.body, clock_.now().wall);
  const auto answered = std::move(call.answered);
  calls_.erase(row);
  answered(std::move(reply));
}

void HttpsTransport::release(model::RowId row) { calls_.erase(row); }

void HttpsTransport::close() {
  closed_ = true;
  signers_.stop();  // they read the cards, which may go from here on
  client_->close();
}

}  // namespace cardvoid::run
