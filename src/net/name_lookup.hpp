#pragma once
// Names to addresses without ever blocking the I/O thread or the end of the process.
//
// getaddrinfo can block for half a minute on a bad network, and Asio runs it on one hidden thread that
// closing a context waits for. So each lookup runs on its own detached thread. At most one per name is in
// progress; other callers wait for its answer.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cardvoid/net/https_client.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cardvoid::net {

using Addresses = std::vector<boost::asio::ip::tcp::endpoint>;

struct Resolved {
  Addresses addresses;
  std::string failure;  // in words; empty when there are addresses
};

// getaddrinfo. Blocks.
Resolved look_up_by_system(const HostPort& where);

class NameLookup : public std::enable_shared_from_this<NameLookup> {
 public:
  using Function = std::function<Resolved(const HostPort&)>;  // called on a thread of its own

  NameLookup(boost::asio::any_io_executor executor, HostPort where, Function look_up = look_up_by_system);
  ~NameLookup();

  // The addresses of the name, looked up now or within the last second. An address literal needs no lookup.
  // Failure if there are none, at the deadline, and after close().
  boost::asio::awaitable<Resolved> resolve(Instant deadline);

  bool is_literal() const { return !literal_.empty(); }  // an address: there is no name to look up

  // Waiting callers fail at once. A lookup in progress ends by itself, and its answer is dropped.
  void close();

 private:
  struct Desk;
  class Waiter;
  std::string start();  // empty on success, else why it failed
  void arrived(Resolved found);

  boost::asio::any_io_executor executor_;
  HostPort where_;
  Function look_up_;
  Addresses literal_;           // not empty when the host is an address
  std::shared_ptr<Desk> desk_;  // where the thread puts its answer
  std::vector<Waiter*> waiters_;
  bool is_looking_ = false;
  bool is_closed_ = false;
  Resolved latest_;
  Instant latest_at_{};
};

}  // namespace cardvoid::net
