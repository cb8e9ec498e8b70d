#pragma once
// A client under test, driven from straight-line code: each verb runs the context until its coroutine has
// ended.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cardvoid/net/https_client.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <ostream>

#include "support/tls_server.hpp"

namespace cardvoid::net {

inline std::ostream& operator<<(std::ostream& out, Exchange::Reach reach) {
  static constexpr const char* k_words[] = {"not_sent", "shut_out", "stale", "lost", "answered"};
  return out << k_words[reach];
}

inline std::ostream& operator<<(std::ostream& out, ConnectFailure::Kind kind) {
  static constexpr const char* k_words[] = {"resolve", "connect", "handshake", "bad_certificate"};
  return out << k_words[kind];
}

}  // namespace cardvoid::net

namespace cardvoid::net_test {

using namespace std::chrono_literals;
using cardvoid::net::ConnectFailure;
using cardvoid::net::Connection;
using cardvoid::net::Exchange;
using cardvoid::net::HttpsClient;
using cardvoid::net::HttpsSettings;

inline const std::string k_get = "GET /card HTTP/1.1\r\nHost: localhost\r\n\r\n";

inline std::string answer_with(std::string_view body, std::string_view header_lines = "") {
  std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append(header_lines).append("\r\n").append(body);
}

// Starts the coroutine; its result lands in the optional, which must live until then.
template <class T>
void start(boost::asio::io_context& io, boost::asio::awaitable<T> work, std::optional<T>& out) {
  boost::asio::co_spawn(io, std::move(work), [&out](std::exception_ptr error, T value) {
    if (error) std::rethrow_exception(error);
    out.emplace(std::move(value));
  });
}

template <class T>
T finish(boost::asio::io_context& io, std::optional<T>& out) {
  io.restart();
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!out && io.run_one_until(limit) > 0) {
  }
  return std::move(out.value());
}

template <class T>
T await(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> out;
  start(io, std::move(work), out);
  return finish(io, out);
}

// Runs the context until the event has come, on any thread.
inline void run_until(boost::asio::io_context& io, Event& event) {
  io.restart();
  for (int turns = 0; turns < 10'000 && !event.has_come(); ++turns) io.run_for(1ms);
}

inline Instant in(milliseconds span) { return std::chrono::steady_clock::now() + span; }

class Rig {
 public:
  using Tweak = std::function<void(HttpsSettings&)>;

  explicit Rig(std::uint16_t port, const Tweak& tweak = {}) {
    HttpsSettings settings;
    settings.endpoints = {{"localhost", port}};
    settings.ca_file = authority_file();
    if (tweak) tweak(settings);
    client = HttpsClient::create(io.get_executor(), std::move(settings)).value();
  }
  explicit Rig(const Server& server, const Tweak& tweak = {}) : Rig{server.port(), tweak} {}

  HttpsClient::Connected try_connect(bool fresh = false) { return await(io, client->connect(0, fresh)); }
  Connection connect(bool fresh = false) { return try_connect(fresh).value(); }
  Exchange ask(Connection connection, milliseconds within = 5s) {
    return await(io, connection.exchange(k_get, in(within)));
  }
  Exchange ask(milliseconds within = 5s) { return ask(connect(), within); }

  boost::asio::io_context io;
  std::unique_ptr<HttpsClient> client;
};

}  // namespace cardvoid::net_test
