#pragma once
// One endpoint: accepts connections on its port, or is down on command. Runs on the thread of its
// io_context.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "session.hpp"

namespace cardvoid::sandbox {

class Listener {
 public:
  Listener(boost::asio::io_context& io, const Service& service);

  // Takes the port for as long as the listener lives, and serves. 0: the kernel chooses.
  Result<void> open(std::uint16_t port);
  std::uint16_t port() const { return address_.port(); }

  // Down in this way, or (nullopt) up again. Connections of an outage do not survive its end.
  void set_outage(std::optional<Outage::Kind> outage);

  // For good: accepts no new connections and cuts the present ones.
  void close();

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;

  boost::system::error_code listen();
  boost::asio::awaitable<void> accept_all(std::shared_ptr<Acceptor> acceptor);
  void add_session(boost::asio::ip::tcp::socket socket);
  void stop_listening();
  void cut_all();

  boost::asio::io_context& io_;
  const Service service_;
  boost::asio::ip::tcp::endpoint address_;
  // Bound but never listening: keeps the port while the acceptor is closed, and refuses connections.
  boost::asio::ip::tcp::socket reservation_;
  std::shared_ptr<Acceptor> acceptor_;
  std::optional<Outage::Kind> outage_;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  std::uint64_t next_session_ = 0;
};

}  // namespace cardvoid::sandbox
