#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>
#include <cardvoid/net/https_client.hpp>
#include <stdexcept>

#include "pool.hpp"
#include "tls_connection.hpp"
#include "trust.hpp"

namespace cardvoid::net {

namespace asio = boost::asio;

namespace {

bool is_loopback(const std::string& host) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

// A name is refused too: looking it up would ask a server.
Result<void> check_loopback(const HttpsSettings& settings) {
  for (const auto& endpoint : settings.endpoints)
    if (!is_loopback(endpoint.host))
      return Error{
          Errc::internal,
          fmt::format("{}: is not a loopback address, and nothing else may be reached", endpoint.host)};
  for (const auto& proxy : settings.proxies)
    if (proxy) return Error{Errc::internal, "a proxy is named, and nothing but loopback may be reached"};
  return {};
}

}  // namespace

Connection::Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;
Connection::Connection(std::shared_ptr<Pool> pool, std::unique_ptr<TlsConnection> tls)
    : pool_{std::move(pool)}, tls_{std::move(tls)} {}

Peer Connection::peer() const { return tls_ ? tls_->peer() : Peer{}; }

// Not a coroutine: it moves what it needs at the call, so the handle may be destroyed during the exchange.
asio::awaitable<Exchange> Connection::exchange(const std::string& request, Instant deadline) {
  return exchange_on(std::move(tls_), std::move(pool_), request, deadline);
}

HttpsClient::HttpsClient(std::shared_ptr<Pool> pool) : pool_{std::move(pool)} {}
HttpsClient::~HttpsClient() { close(); }
void HttpsClient::close() { pool_->close(); }

Result<std::unique_ptr<HttpsClient>> HttpsClient::create(asio::any_io_executor executor,
                                                         HttpsSettings settings) {
  if (settings.loopback_only)
    if (const auto checked = check_loopback(settings); !checked) return checked.error();
  std::shared_ptr<Pool> pool;
  try {
    pool = std::make_shared<Pool>(std::move(executor), std::move(settings));
    pool->tls.set_default_verify_paths();
  } catch (const boost::system::system_error& error) {
    return Error{Errc::internal, fmt::format("OpenSSL cannot be set up: {}", error.what())};
  }
  if (const auto& ca_file = pool->settings.ca_file; !ca_file.empty()) {
    if (const auto added = add_roots(pool->tls.native_handle(), ca_file); !added) return added.error();
  }
  return std::unique_ptr<HttpsClient>{new HttpsClient{std::move(pool)}};
}

asio::awaitable<HttpsClient::Connected> HttpsClient::connect(std::size_t endpoint, bool fresh) {
  return connect_with(pool_, endpoint,
                      fresh);  // holds the pool from now on, not only from its first resumption
}

asio::awaitable<HttpsClient::Connected> HttpsClient::connect_with(std::shared_ptr<Pool> pool,
                                                                  std::size_t endpoint, bool fresh) {
  if (!fresh && !pool->is_closed) {
    if (auto kept = pool->take(endpoint)) {
      kept->is_reused = true;
      co_return Connection{std::move(pool), std::move(kept)};
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + pool->settings.connect_timeout;
  const auto& to = pool->endpoints.at(endpoint);
  const auto found = co_await to.lookup->resolve(deadline);
  if (found.addresses.empty()) {
    ConnectFailure failure;
    failure.kind = ConnectFailure::resolve;
    failure.what = fmt::format("{}: the name{} cannot be resolved: {}", to.name,
                               to.proxy ? " of the proxy " + to.proxy->where.host : "", found.failure);
    co_return failure;
  }
  auto connection = std::make_unique<TlsConnection>(*pool, endpoint);
  auto failure = co_await connection->open(*pool, found.addresses, deadline);
  if (failure) co_return std::move(*failure);
  co_return Connection{std::move(pool), std::move(connection)};
}

asio::awaitable<Lookup> HttpsClient::look_up(std::size_t endpoint) { return look_up_with(pool_, endpoint); }

asio::awaitable<Lookup> HttpsClient::look_up_with(std::shared_ptr<Pool> pool, std::size_t endpoint) {
  const auto deadline = std::chrono::steady_clock::now() + pool->settings.connect_timeout;
  const auto& to = pool->endpoints.at(endpoint);
  const auto found = co_await to.lookup->resolve(deadline);
  Lookup lookup;
  lookup.name = to.proxy ? to.proxy->where.host : to.where.host;
  lookup.is_of_proxy = to.proxy.has_value();
  lookup.failure = found.failure;
  for (const auto& each : found.addresses) lookup.addresses.push_back(each.address().to_string());
  lookup.is_address = to.lookup->is_literal();
  co_return lookup;
}

void throw_exception_from_error(const ConnectFailure& failure, const boost::source_location&) {
  throw std::logic_error{failure.what};
}

}  // namespace cardvoid::net
