#pragma once
// HTTPS to a fixed set of endpoints: names, TLS, a pool of kept connections, deadlines; one exchange of bytes
// at a time. Knows nothing of cards. Single-threaded, on the thread that runs the executor given at
// construction; name resolution has its own threads, since getaddrinfo blocks.
//
// Lifetime: close or destroy the client before the context of its executor. Coroutines still pending then end
// with a failure, or with the context, whichever comes first.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/net/exchange.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::net {

class Pool;
class TlsConnection;

struct HostPort {
  std::string host;  // name or address literal; IPv6 without brackets
  std::uint16_t port = 443;
};

// An HTTP proxy that tunnels by CONNECT (RFC 9110 section 9.3.6). TLS goes to the endpoint, not to the
// proxy.
struct ProxyServer {
  HostPort where;
  std::string login;  // "user:password" for Basic authentication (RFC 7617); empty: none
};

struct HttpsSettings {
  std::vector<HostPort> endpoints;                  // named by their index from here on
  std::vector<std::optional<ProxyServer>> proxies;  // of each endpoint; missing at the end: none
  std::filesystem::path ca_file;                    // added to the system's roots; empty: none
  milliseconds connect_timeout{5'000};              // resolving, TCP, the proxy's answer and TLS together
  milliseconds idle_limit{6'000};  // the platform closes idle connections after 8 s (docs/platform.md 7)
  std::size_t body_limit_bytes = 64 << 10;  // the platform's answers have less than 2 KiB
  // For a rehearsal: no proxy, no name is looked up, and a connection to any address but a loopback one is
  // refused before its first packet.
  bool loopback_only = false;
};

// What the other end of a connection has shown. For `check`.
struct Peer {
  std::string protocol;                 // "TLSv1.3"
  std::string issuer;                   // of its certificate: common name, else organisation; UTF-8
  std::optional<WallTime> valid_until;  // its certificate
};

// The result of resolving a name. For `check`.
struct Lookup {
  std::string name;                    // of the endpoint, or of its proxy
  bool is_address = false;             // nothing to look up
  bool is_of_proxy = false;            // then the proxy resolves the endpoint's name
  std::vector<std::string> addresses;  // without ports
  std::string failure;                 // in words; empty if there are addresses
};

// A connection for one exchange. Movable; destroying it without a complete exchange closes it.
class Connection {
 public:
  Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();
  explicit operator bool() const { return tls_ != nullptr; }

  // Empty when there is no connection.
  Peer peer() const;

  // Writes `request` (whole and ready, not a HEAD) and reads the answer, all of it before `deadline`. Accepts
  // only an answer whose framing shows its end and that began after the peer had the whole request: bytes
  // that were there before the request leave it `not_sent` or `shut_out`, bytes sent before it had arrived
  // `lost`. The handle is empty from the call on; the connection then goes back to the pool if it can be
  // kept, else it is closed. `request` must live until the awaited call is done.
  boost::asio::awaitable<Exchange> exchange(const std::string& request, Instant deadline);

 private:
  friend class HttpsClient;
  Connection(std::shared_ptr<Pool> pool, std::unique_ptr<TlsConnection> tls);
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<TlsConnection> tls_;
};

class HttpsClient {
 public:
  using Connected = boost::system::result<Connection, ConnectFailure>;

  // Loads the trust roots: the system's and ca_file's. Error: no_input when ca_file cannot be read, bad_job
  // when it holds no certificate; internal when an endpoint is not a loopback address and has to be.
  static Result<std::unique_ptr<HttpsClient>> create(boost::asio::any_io_executor executor,
                                                     HttpsSettings settings);
  ~HttpsClient();

  // The kept connection used last, or a new one. A new one resolves the name again (or uses a lookup of the
  // last second), needs TLS 1.2 or later, verifies certificate and host name, and sends SNI (not for address
  // literals). Addresses are tried in order, each with its share of the time left. Takes at most
  // connect_timeout. `fresh`: always a new one.
  boost::asio::awaitable<Connected> connect(std::size_t endpoint, bool fresh);

  // Resolves the name that connect() would resolve; a connect() within a second uses the result. Takes at
  // most connect_timeout.
  boost::asio::awaitable<Lookup> look_up(std::size_t endpoint);

  // Closes kept connections and cancels waits; exchanges in flight end as lost. For the end of a run.
  void close();

 private:
  explicit HttpsClient(std::shared_ptr<Pool> pool);
  static boost::asio::awaitable<Connected> connect_with(std::shared_ptr<Pool> pool, std::size_t endpoint,
                                                        bool fresh);
  static boost::asio::awaitable<Lookup> look_up_with(std::shared_ptr<Pool> pool, std::size_t endpoint);
  std::shared_ptr<Pool> pool_;
};

// Called by result::value() when there is a failure instead: a bug.
[[noreturn]] void throw_exception_from_error(const ConnectFailure& failure,
                                             const boost::source_location& where);

}  // namespace cardvoid::net
