#pragma once
// The real transport: signs on a pool of threads, speaks TLS on the loop's thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cardvoid/base/clock.hpp>
#include <cardvoid/base/workers.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cardvoid/run/ports.hpp>
#include <cardvoid/run/runner.hpp>
#include <cardvoid/wechatpay/request.hpp>
#include <memory>
#include <string>
#include <unordered_map>

namespace cardvoid::run {

class HttpsTransport : public Transport {
 public:
  // Job, keys and context must outlive it, and the context must have stopped before it is destroyed. Error:
  // the trust roots cannot be loaded.
  static Result<std::unique_ptr<HttpsTransport>> create(boost::asio::io_context& io, const model::Job& job,
                                                        const Credentials& keys, const std::string& version);
  // For a rehearsal: by its clock, and to loopback only.
  static Result<std::unique_ptr<HttpsTransport>> create_for_rehearsal(boost::asio::io_context& io,
                                                                      const model::Job& job,
                                                                      const Credentials& keys,
                                                                      const std::string& version,
                                                                      const Clock& clock);
  ~HttpsTransport() override;

  void connect(model::RowId row, model::Endpoint endpoint, bool fresh, Connected connected) override;
  void send(model::RowId row, model::AttemptKind kind, const model::Card& card, Written written,
            Answered answered) override;
  void release(model::RowId row) override;
  void close() override;

 private:
  // One row's request. Its address is stable: coroutines and signing threads refer to it.
  struct Call {
    model::Endpoint endpoint = model::Endpoint::primary;
    std::uint64_t number = 0;  // of connects_
    net::Connection connection;
    model::AttemptKind kind = model::AttemptKind::invalidate;
    const model::Card* card = nullptr;
    Written written;
    Answered answered;
    std::string request;  // the bytes that are signed and sent
  };

  HttpsTransport(boost::asio::io_context& io, const model::Job& job, const Credentials& keys,
                 const std::string& version, const Clock& clock);
  static Result<std::unique_ptr<HttpsTransport>> create(std::unique_ptr<HttpsTransport> transport,
                                                        net::HttpsSettings settings);
  boost::asio::awaitable<void> open(model::RowId row, std::uint64_t number, model::Endpoint endpoint,
                                    bool fresh, Connected connected);
  void sign(Call& call);
  boost::asio::awaitable<void> exchange(model::RowId row, Call& call);

  boost::asio::io_context& io_;
  const model::Job& job_;
  const Credentials& keys_;
  const Clock clock_;
  milliseconds request_timeout_;  // in real time
  wechatpay::Identity identity_;
  wechatpay::Verifier verifier_;
  std::unordered_map<model::RowId, Call> calls_;
  std::uint64_t connects_ = 0;
  bool closed_ = false;
  std::unique_ptr<net::HttpsClient> client_;
  Workers signers_;
};

}  // namespace cardvoid::run
