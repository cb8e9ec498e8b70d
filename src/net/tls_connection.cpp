#include "tls_connection.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cerrno>
#include <ctime>
#include <sstream>

#include "answer_reader.hpp"
#include "pool.hpp"
#include "tls_policy.hpp"
#include "trust.hpp"

namespace cardvoid::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

namespace {

constexpr std::size_t k_proxy_head_limit_bytes = 8 << 10, k_proxy_block_bytes = 2 << 10;
constexpr std::size_t k_proxy_line_bytes = 160;  // of its status line, in a message
// Servers send a certificate chain in a handful of records, two session tickets behind the handshake, and an
// answer in one record or two. An answer may come byte by byte, though.
constexpr TlsAllowance k_for_handshake{1'024, 32}, k_for_answer{4'096, 16}, k_for_idling{64, 16};
// A connection closed later than this after its handshake may have been idle for too long.
constexpr std::chrono::seconds k_new_for{2};
constexpr std::string_view k_end_of_head = "\r\n\r\n";

// With or without TLS's close_notify. Both are harmless only after a complete answer.
bool is_end(const error_code& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

bool is_reset(const error_code& error) {
  return error == asio::error::connection_reset || error == asio::error::broken_pipe;
}

constexpr const char* k_floods = "the server sends TLS messages without end";

std::string words_for_lost(const error_code& error, bool has_bytes, bool is_closed_by_us) {
  if (is_closed_by_us) return "the client was closed";
  if (error == beast::error::timeout)
    return has_bytes ? "the answer was not complete at the deadline" : "no answer before the deadline";
  if (is_end(error))
    return has_bytes ? "the server closed inside its answer" : "the server closed without an answer";
  if (is_reset(error))
    return has_bytes ? "connection reset inside the answer" : "connection reset before an answer";
  return error.message();
}

// Empty if the endpoint's name already says it.
std::string words_for_address(const asio::ip::tcp::endpoint& address, const Pool::Endpoint& endpoint) {
  std::ostringstream text;
  text << address;
  if (text.str() == endpoint.name) return {};
  return fmt::format(" ({}{})", endpoint.proxy ? "proxy " : "", text.str());
}

std::string base64(std::string_view text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
  const auto length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

std::string connect_request(const ProxyServer& proxy, const std::string& target) {
  auto request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
  if (!proxy.login.empty()) request += "Proxy-Authorization: Basic " + base64(proxy.login) + "\r\n";
  return request + "\r\n";
}

// Why there is no tunnel; empty when there is one: "HTTP/1.1 200 Connection established".
std::string words_for_proxy(const ProxyServer& proxy, const error_code& error, std::string_view head) {
  const auto name = fmt::format("the proxy {}:{}", proxy.where.host, proxy.where.port);
  if (error == beast::error::timeout) return name + " does not answer in time";
  if (error) return fmt::format("{} ends the connection: {}", name, error.message());
  const auto line = head.substr(0, head.find('\r'));
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || !head.ends_with(k_end_of_head))
    return name + " answers CONNECT with something that is not HTTP";
  if (line[9] == '2') return {};
  const auto word = proxy.login.substr(std::min(proxy.login.find(':') + 1, proxy.login.size()));
  const auto reason = mask_in(mask_in(line.substr(9), proxy.login), word);  // it may repeat what we sent
  return fmt::format("{} refuses the tunnel: {}", name, printable(reason, k_proxy_line_bytes));
}

std::string issuer_of(const X509* certificate) {
  const auto* const name = X509_get_issuer_name(certificate);
  for (const int part : {NID_commonName, NID_organizationName}) {
    const int at = X509_NAME_get_index_by_NID(name, part, -1);
    if (at < 0) continue;
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) continue;
    std::string issuer{reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
    OPENSSL_free(text);
    return issuer;
  }
  return {};
}

ConnectFailure failure(ConnectFailure::Kind kind, const std::string& name, std::string_view why) {
  ConnectFailure made;
  made.kind = kind;
  made.what = fmt::format("{}: {}", name, why);
  return made;
}

}  // namespace

TlsConnection::TlsConnection(Pool& pool, std::size_t at) : endpoint{at}, stream_{pool.executor, pool.tls} {
  pool.all_.push_back(*this);
  // Asio has OpenSSL give its buffers back after each record: some 17 KB four times an exchange.
  SSL_clear_mode(stream_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  meter_.attach(stream_.native_handle());
  meter_.allow(k_for_handshake);
}

asio::awaitable<std::optional<ConnectFailure>> TlsConnection::open(const Pool& pool,
                                                                   const Addresses& addresses,
                                                                   Instant deadline) {
  using enum ConnectFailure::Kind;
  const auto& to = pool.endpoints[endpoint];
  const auto& where = to.where;
  const auto& name = to.name;
  if (!expect_host(stream_.native_handle(), where.host))
    co_return failure(resolve, name, "the host is neither a name nor an address");

  auto& tcp = stream_.next_layer();
  for (std::size_t left = addresses.size(); left > 0; --left) {
    const auto& address = addresses[addresses.size() - left];
    if (pool.settings.loopback_only && !address.address().is_loopback())
      co_return failure(connect, name, "is not a loopback address, and nothing else may be reached");
    const auto now = std::chrono::steady_clock::now();
    // A share of the time for each, so that one dead address does not use up the time of the next.
    tcp.expires_at(now + (deadline - now) / static_cast<int>(left));
    auto [error] = co_await tcp.async_connect(address, as_result);
    if (!error) break;
    if (pool.is_closed) co_return failure(connect, name, "the client was closed");
    if (left == 1) {
      const auto why = error == beast::error::timeout ? "no TCP connection in time" : error.message();
      co_return failure(connect, name, why + words_for_address(address, to));
    }
    tcp.close();
  }

  // Small writes are sent at once, and a synchronous read never waits (is_quiet).
  error_code ignored;
  tcp.socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
  tcp.socket().non_blocking(true, ignored);
  tcp.expires_at(deadline);
  if (to.proxy) {
    const auto refused = co_await tunnel(*to.proxy, name);
    if (pool.is_closed) co_return failure(connect, name, "the client was closed");
    if (!refused.empty()) co_return failure(connect, name, refused);
  }
  auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::client, as_result);
  opened_at = std::chrono::steady_clock::now();
  if (!error) {
    meter_.allow(k_for_idling);
    co_return std::nullopt;
  }
  if (pool.is_closed) co_return failure(handshake, name, "the client was closed");
  if (const auto verdict = SSL_get_verify_result(stream_.native_handle()); verdict != X509_V_OK)
    co_return failure(bad_certificate, name, "certificate not accepted: " + words_for_verify_result(verdict));
  auto why = error.message();
  if (error == beast::error::timeout) why = "not finished in time";
  if (is_end(error)) why = "the server closed the connection";
  if (meter_.is_exceeded()) why = k_floods;
  co_return failure(handshake, name, "TLS handshake failed: " + why);
}

// Asks the proxy for a tunnel. Empty: there is one; else why not, in words.
asio::awaitable<std::string> TlsConnection::tunnel(const ProxyServer& proxy, const std::string& target) {
  auto& tcp = stream_.next_layer();
  const auto request = connect_request(proxy, target);
  const auto wire = asio::buffer(request);
  auto [error, count] = co_await asio::async_write(tcp, wire, as_result);
  std::string head;
  // The server speaks only after our first TLS message, so nothing can follow the head yet.
  while (!error && head.find(k_end_of_head) == std::string::npos && head.size() < k_proxy_head_limit_bytes) {
    const auto end = head.size();
    head.resize(end + k_proxy_block_bytes);
    const auto into = asio::buffer(head.data() + end, k_proxy_block_bytes);
    std::tie(error, count) = co_await tcp.async_read_some(into, as_result);
    head.resize(end + count);
  }
  co_return words_for_proxy(proxy, error, head);
}

bool TlsConnection::is_quiet() {
  // A peek at the socket cannot tell close_notify from a TLS 1.3 session ticket: both look like application
  // data. So TLS reads: it consumes tickets, and only "would block" means that there is nothing else.
  auto& socket = stream_.next_layer().socket();
  if (!socket.is_open()) return false;
  char unasked = 0;
  if (is_drained_ && ::recv(socket.native_handle(), &unasked, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
      errno == EAGAIN)
    return true;  // TLS has read all that had come, so an empty socket says enough
  error_code error;
  stream_.read_some(asio::buffer(&unasked, 1), error);
  const bool is_quiet = error == asio::error::would_block;
  is_drained_ = is_quiet && SSL_want_read(stream_.native_handle());  // it may also have something to write
  return is_quiet;
}

// Every segment from the peer says how far it has our bytes, one with an answer too. OpenSSL may have sent
// new keys since, which then are on their way: the exchange is lost without need, which is the safe side.
bool TlsConnection::has_unacknowledged() {
  int bytes = 0;
  return ::ioctl(stream_.next_layer().socket().native_handle(), SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

Peer TlsConnection::peer() const {
  Peer peer;
  // Asio's native_handle() is not const.
  auto* const ssl = const_cast<TlsConnection*>(this)->stream_.native_handle();
  peer.protocol = SSL_get_version(ssl);
  const auto* const certificate = SSL_get0_peer_certificate(ssl);
  if (!certificate) return peer;
  peer.issuer = issuer_of(certificate);
  std::tm until{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) == 1)
    peer.valid_until = WallTime{std::chrono::seconds{::timegm(&until)}};
  return peer;
}

void TlsConnection::close() { stream_.next_layer().close(); }

asio::awaitable<Exchange> exchange_on(std::unique_ptr<TlsConnection> connection, std::shared_ptr<Pool> pool,
                                      const std::string& request, Instant deadline) {
  Exchange exchange;
  exchange.reach = Exchange::not_sent;
  const auto now = std::chrono::steady_clock::now();
  if (!connection || !connection->is_quiet()) {
    const bool is_new = connection && !connection->is_reused && now - connection->opened_at < k_new_for;
    if (is_new) exchange.reach = Exchange::shut_out;
    exchange.reason = is_new ? "the server closed a new connection at once or spoke before it was asked"
                             : "the connection was closed while it waited, or something came on it unasked";
    co_return exchange;
  }
  if (now >= deadline) {
    exchange.reason = "the deadline passed before anything was sent";
    pool->keep(std::move(connection), pool->settings.idle_limit);
    co_return exchange;
  }

  auto& stream = connection->stream_;
  stream.next_layer().expires_at(deadline);
  connection->meter_.allow(k_for_answer);
  connection->is_drained_ = false;
  AnswerReader answer{pool->settings.body_limit_bytes, pool->large_answers_left};
  exchange.reach = Exchange::lost;
  // Its first bytes leave here and now, so that hardly anything can come between the look above and them.
  auto [error, count] = co_await asio::async_write(stream, asio::buffer(request), as_result);
  auto step = AnswerReader::more;
  while (!error && step == AnswerReader::more) {
    std::tie(error, count) = co_await stream.async_read_some(answer.space(), as_result);
    if (error) break;
    if (!answer.has_bytes() && connection->has_unacknowledged()) {
      exchange.reason = "the server spoke before it had the whole request";
      co_return exchange;
    }
    step = answer.take(count);
  }

  if (error) {
    exchange.reason = words_for_lost(error, answer.has_bytes(), pool->is_closed);
    const bool is_flooded = connection->meter_.is_exceeded();
    if (is_flooded) exchange.reason = k_floods;
    const bool was_closed = (is_end(error) || is_reset(error)) && !pool->is_closed && !is_flooded;
    if (connection->is_reused && was_closed && !answer.has_bytes()) exchange.reach = Exchange::stale;
    co_return exchange;
  }
  if (step == AnswerReader::failed) {
    exchange.reason = answer.reason();
    co_return exchange;
  }
  exchange.reach = Exchange::answered;
  if (const auto span = answer.keeps_for(pool->settings.idle_limit)) {
    stream.next_layer().expires_never();  // or this deadline could end the next exchange
    connection->meter_.allow(k_for_idling);
    pool->keep(std::move(connection), *span);
  }
  answer.move_into(exchange);
  co_return exchange;
}

}  // namespace cardvoid::net
