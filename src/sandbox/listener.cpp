#include "listener.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace cardvoid::sandbox {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

}  // namespace

Listener::Listener(asio::io_context& io, const Service& service)
    : io_{io}, service_{service}, reservation_{io} {}

Result<void> Listener::open(std::uint16_t port) {
  address_ = {asio::ip::address_v4::loopback(), port};
  error_code error;
  reservation_.open(address_.protocol(), error);
  if (!error) reservation_.set_option(asio::socket_base::reuse_address{true}, error);
  if (!error) reservation_.bind(address_, error);
  if (!error) address_ = reservation_.local_endpoint(error);
  if (!error) error = listen();
  if (error)
    return Error{Errc::unavailable, fmt::format("cannot listen on 127.0.0.1:{}: {}", port, error.message())};
  return {};
}

error_code Listener::listen() {
  auto acceptor = std::make_shared<Acceptor>(io_);
  error_code error;
  acceptor->open(address_.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address{true}, error);
  if (!error) acceptor->bind(address_, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return error;
  acceptor_ = acceptor;
  asio::co_spawn(io_, accept_all(std::move(acceptor)), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  return {};
}

asio::awaitable<void> Listener::accept_all(std::shared_ptr<Acceptor> acceptor) {
  asio::steady_timer pause{io_};
  while (acceptor->is_open()) {
    auto [error, socket] = co_await acceptor->async_accept(asio::as_tuple(asio::use_awaitable));
    if (!acceptor->is_open()) co_return;  // a connection accepted at the last moment closes with `socket`
    if (!error) {
      add_session(std::move(socket));
      continue;
    }
    // Out of file descriptors or memory: the peer waits in the backlog meanwhile.
    pause.expires_after(milliseconds{20});
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Listener::add_session(tcp::socket socket) {
  const auto number = next_session_++;
  const bool frozen = outage_ == Outage::black_hole;
  sessions_[number] =
      start_session(std::move(socket), service_, frozen, [this, number] { sessions_.erase(number); });
}

void Listener::set_outage(std::optional<Outage::Kind> outage) {
  if (outage == outage_) return;
  const auto before = outage_;
  outage_ = outage;
  if (before == Outage::black_hole || outage == Outage::refuse) cut_all();
  if (outage == Outage::refuse) {
    stop_listening();
  } else if (before == Outage::refuse) {
    // Cannot fail: the port is ours and nothing listens on it.
    if (const auto error = listen()) throw boost::system::system_error{error, "sandbox: listen again"};
  }
  if (outage == Outage::black_hole)
    for (const auto& [number, session] : sessions_) session->freeze();
}

void Listener::close() {
  stop_listening();
  cut_all();
  error_code ignored;
  reservation_.close(ignored);
}

void Listener::stop_listening() {
  error_code ignored;
  if (acceptor_) acceptor_->close(ignored);
  acceptor_.reset();
}

void Listener::cut_all() {
  for (const auto& [number, session] : sessions_) session->cut();
}

}  // namespace cardvoid::sandbox
