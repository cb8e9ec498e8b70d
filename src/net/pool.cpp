#include "pool.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/system_error.hpp>

#include "tls_policy.hpp"

namespace cardvoid::net {

// Each takes some 100 KiB. Who answers much in one moment and nothing in the next has us open new ones.
constexpr std::size_t k_most_kept = 32;

Pool::Pool(boost::asio::any_io_executor on, HttpsSettings with)
    : executor{std::move(on)}, settings{std::move(with)}, tls{boost::asio::ssl::context::tls_client} {
  if (!apply_policy(tls.native_handle()))
    throw boost::system::system_error{static_cast<int>(ERR_get_error()),
                                      boost::asio::error::get_ssl_category(), "its TLS"};
  tls.set_verify_mode(boost::asio::ssl::verify_peer);
  for (std::size_t i = 0; i < settings.endpoints.size(); ++i) {
    const auto& where = settings.endpoints[i];
    auto& endpoint = endpoints.emplace_back();
    endpoint.where = where;
    if (i < settings.proxies.size()) endpoint.proxy = settings.proxies[i];
    const bool is_ipv6 = where.host.find(':') != std::string::npos;
    endpoint.name = is_ipv6 ? fmt::format("[{}]:{}", where.host, where.port)
                            : fmt::format("{}:{}", where.host, where.port);
    endpoint.lookup = std::make_shared<NameLookup>(executor, endpoint.proxy ? endpoint.proxy->where : where);
  }
}

std::unique_ptr<TlsConnection> Pool::take(std::size_t endpoint) {
  auto& kept = endpoints.at(endpoint).kept;
  const auto now = std::chrono::steady_clock::now();
  while (!kept.empty()) {
    auto connection = std::move(kept.back());
    kept.pop_back();
    if (now < connection->kept_until && connection->is_quiet()) return connection;
  }
  return nullptr;
}

void Pool::keep(std::unique_ptr<TlsConnection> connection, milliseconds span) {
  if (is_closed) return;
  const auto now = std::chrono::steady_clock::now();
  std::size_t count = 0;
  // Those at the front have waited longest. Without this the surplus of a busy minute would stay for hours.
  for (auto& endpoint : endpoints) {
    const auto fresh = std::find_if(endpoint.kept.begin(), endpoint.kept.end(),
                                    [&](const auto& each) { return now < each->kept_until; });
    endpoint.kept.erase(endpoint.kept.begin(), fresh);
    count += endpoint.kept.size();
  }
  if (count >= k_most_kept) {
    auto& most = std::max_element(endpoints.begin(), endpoints.end(), [](const auto& a, const auto& b) {
                   return a.kept.size() < b.kept.size();
                 })->kept;
    most.erase(most.begin());
  }
  connection->kept_until = now + span;
  endpoints.at(connection->endpoint).kept.push_back(std::move(connection));
}

void Pool::close() {
  is_closed = true;
  for (auto& endpoint : endpoints) {
    endpoint.kept.clear();
    endpoint.lookup->close();
  }
  for (auto& connection : all_) connection.close();
}

}  // namespace cardvoid::net
