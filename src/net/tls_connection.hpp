#pragma once
// One TLS connection to one endpoint. Only this file and tls_connection.cpp know Beast's and Asio's
// streams.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <cardvoid/net/https_client.hpp>
#include <memory>
#include <optional>
#include <string>

#include "name_lookup.hpp"
#include "tls_meter.hpp"

namespace cardvoid::net {

class Pool;

// Its destructor removes it from the pool's list of all connections.
class TlsConnection
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  TlsConnection(Pool& pool, std::size_t endpoint);

  // TCP to the first address that answers, a tunnel where there is a proxy, then TLS with certificate and
  // host name verified, all before `deadline`. nullopt: connected. Called once.
  boost::asio::awaitable<std::optional<ConnectFailure>> open(const Pool& pool, const Addresses& addresses,
                                                             Instant deadline);

  // True if it is open and there is nothing to read: no data, no end. Processes TLS messages that came
  // meanwhile, a few of them: a peer who sends more is not quiet. Asked again before anything else is done,
  // it only looks whether something has come. Do not call it during an operation.
  bool is_quiet();

  Peer peer() const;

  // Operations in progress end with an error.
  void close();

  const std::size_t endpoint;
  bool is_reused = false;
  Instant opened_at{};
  Instant kept_until{};

 private:
  friend boost::asio::awaitable<Exchange> exchange_on(std::unique_ptr<TlsConnection>, std::shared_ptr<Pool>,
                                                      const std::string&, Instant);
  boost::asio::awaitable<std::string> tunnel(const ProxyServer& proxy, const std::string& target);

  // Bytes of ours are still on their way: what the peer has sent so far, it sent before it had them all.
  bool has_unacknowledged();

  boost::asio::ssl::stream<boost::beast::tcp_stream> stream_;
  TlsMeter meter_;
  bool is_drained_ = false;  // all that had come was read, and nothing was done since
};

// One request and its answer; see Connection::exchange. Gives the connection back to the pool or closes it.
boost::asio::awaitable<Exchange> exchange_on(std::unique_ptr<TlsConnection> connection,
                                             std::shared_ptr<Pool> pool, const std::string& request,
                                             Instant deadline);

}  // namespace cardvoid::net
