#pragma once
// What connections of one client share: trust, names, and the kept connections of each endpoint.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/intrusive/list.hpp>
#include <cardvoid/net/https_client.hpp>
#include <memory>
#include <string>
#include <vector>

#include "name_lookup.hpp"
#include "tls_connection.hpp"

namespace cardvoid::net {

// Outlives the HttpsClient while coroutines still hold it; kept connections do not hold it.
class Pool {
 public:
  struct Endpoint {
    HostPort where;
    std::string name;  // "host:port", for messages and CONNECT
    std::optional<ProxyServer> proxy;
    std::shared_ptr<NameLookup> lookup;                // of the proxy where there is one
    std::vector<std::unique_ptr<TlsConnection>> kept;  // the one used last at the back
  };

  Pool(boost::asio::any_io_executor executor, HttpsSettings settings);

  // The kept connection used last that is still good, or null. Closes bad ones it finds.
  std::unique_ptr<TlsConnection> take(std::size_t endpoint);

  // Keeps it for `span` from now; after close() closes it at once.
  void keep(std::unique_ptr<TlsConnection> connection, milliseconds span);

  void close();

  const boost::asio::any_io_executor executor;
  const HttpsSettings settings;
  boost::asio::ssl::context tls;
  std::vector<Endpoint> endpoints;
  int large_answers_left = 64;  // AnswerReader's: 4 MiB where each has 64 KiB
  bool is_closed = false;

 private:
  friend class TlsConnection;
  boost::intrusive::list<TlsConnection, boost::intrusive::constant_time_size<false>>
      all_;  // kept or handed out
};

}  // namespace cardvoid::net
