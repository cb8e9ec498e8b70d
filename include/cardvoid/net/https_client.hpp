#pragma once
// HTTPS to a fixed set of endpoints: names, TLS, a pool of kept connections, deadlines; one exchange of bytes at a time.
// Knows no cards. Single-threaded: everything happens on the thread that runs the executor given at construction;
// name resolution has threads of its own, since getaddrinfo blocks.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace cardvoid::net {

struct HostPort {
  std::string host;  // name or address literal; IPv6 without brackets
  std::uint16_t port = 443;
};

struct HttpsSettings {
  std::vector<HostPort> endpoints;                     // named by their index from here on
  std::filesystem::path ca_file;                       // added to the system's roots; empty: none
  milliseconds connect_timeout{5'000};                 // resolving, TCP and TLS together
  milliseconds idle_limit{6'000};                      // the platform closes idle connections after 8 s (platform.md 7)
  std::size_t body_limit_bytes = 1 << 20;
};

// Why no connection came to be. Nothing was sent.
struct ConnectFailure {
  enum Kind { resolve, connect, handshake, bad_certificate } kind = connect;
  std::string what;  // one line, names the endpoint
};

struct Header {
  std::string name, value;
};

// How far an exchange got.
struct Exchange {
  enum Reach {
    not_sent,  // not one byte was handed to the connection: it was found closed before
    stale,     // written on a reused connection that ended before any byte of an answer
    lost,      // written, at least in part, and no complete answer came
    answered,
  } reach = lost;
  std::string reason;  // why it is not `answered`
  unsigned status = 0;
  std::vector<Header> headers;
  std::string body;    // after transfer decoding
  // The value of the first header with that name, matched without regard to case; empty when absent.
  std::string_view header(std::string_view name) const;
};

// A connection held for one exchange. Movable; dropping it without a complete exchange closes it.
class Connection {
 public:
  Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();
  explicit operator bool() const { return state_ != nullptr; }

  // False when the peer has closed it (or sent something unasked) while it waited: get another one.
  bool is_usable() const;

  // Writes `request` and reads the answer, all of it before `deadline`. Afterwards the connection goes back to the
  // pool when it can be kept, and this handle is empty. `request` must live until the call returns.
  boost::asio::awaitable<Exchange> exchange(const std::string& request, Instant deadline);

 private:
  friend class HttpsClient;
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class HttpsClient {
 public:
  // Loads the trust roots. Error: no_input or bad_job when ca_file cannot be read or holds no certificate.
  static Result<std::unique_ptr<HttpsClient>> create(boost::asio::any_io_executor executor, HttpsSettings settings);
  ~HttpsClient();

  // A kept connection, or a new one: resolves the name again each time, TLS 1.2 or later, certificate and host name
  // verified, SNI (not for address literals). Takes at most connect_timeout. `fresh`: never a kept one.
  boost::asio::awaitable<boost::system::result<Connection, ConnectFailure>> connect(std::size_t endpoint, bool fresh);

  // Closes kept connections, cancels what waits; exchanges under way end as lost. For the end of a run.
  void close();

 private:
  struct State;
  explicit HttpsClient(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Found by result::value() on a failure: a bug.
[[noreturn]] void throw_exception_from_error(const ConnectFailure& failure, const boost::source_location& where);

}  // namespace cardvoid::net
