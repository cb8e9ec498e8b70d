#include "session.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cardvoid/base/http_feed.hpp>
#include <exception>

#include "answerer.hpp"
#include "simulator.hpp"

namespace cardvoid::sandbox {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using boost::system::error_code;
using Request = http::request<http::string_body>;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);  // errors as values, never thrown
constexpr auto k_handshake_limit = 10s, k_write_limit = 30s;
constexpr std::size_t k_read_bytes = 4 << 10, k_request_limit_bytes = 64 << 10;

Now read_platform_clocks(const Service& service) {
  auto now = service.clock.now();
  now.wall += service.clock_offset;
  return now;
}

std::string_view header(const Request& request, beast::string_view name) {
  const auto found = request.find(name);
  if (found == request.end()) return {};
  return {found->value().data(), found->value().size()};
}

// Views into `request`.
Incoming view_of(const Request& request) {
  Incoming in;
  in.method = {request.method_string().data(), request.method_string().size()};
  in.target = {request.target().data(), request.target().size()};
  in.body = request.body();
  in.user_agent = header(request, "User-Agent");
  in.accept = header(request, "Accept");
  in.content_type = header(request, "Content-Type");
  in.authorization = header(request, "Authorization");
  in.wechatpay_serial = header(request, "Wechatpay-Serial");
  return in;
}

// The answer's bytes, made on the pool; the awaiting coroutine goes on where it was. A plain function: g++ 12
// destroys closures twice in a statement that also awaits.
asio::awaitable<std::string> render_on(const Service& service, const Reaction& reaction, bool keep_alive) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::string)>(
      [&service, &reaction, keep_alive](auto handler) {
        asio::post(
            service.signing, [handler = std::move(handler), &service, &reaction, keep_alive]() mutable {
              auto bytes = service.answerer.render(reaction, read_platform_clocks(service).wall, keep_alive);
              const auto home = asio::get_associated_executor(handler);
              asio::post(home, [handler = std::move(handler), bytes = std::move(bytes)]() mutable {
                std::move(handler)(std::move(bytes));
              });
            });
      },
      asio::use_awaitable);
}

class TlsSession final : public Session, public std::enable_shared_from_this<TlsSession> {
 public:
  TlsSession(asio::ip::tcp::socket socket, const Service& service, bool frozen)
      : service_{service},
        stream_{std::move(socket), service.tls},
        delay_{stream_.get_executor()},
        frozen_{frozen} {}

  void cut() override {
    ended_ = true;
    delay_.cancel();
    reset();
  }

  void freeze() override {
    frozen_ = true;
    tcp().expires_never();
  }

  asio::awaitable<void> run(std::shared_ptr<Session> /*alive until the end*/) {
    if (frozen_) co_return co_await swallow();
    error_code ignored;
    tcp().socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
    tcp().expires_after(k_handshake_limit);
    auto [failed] = co_await stream_.async_handshake(asio::ssl::stream_base::server, as_result);
    if (failed && !frozen_) co_return;
    while (!ended_ && !frozen_)
      if (!co_await serve_one()) co_return;
    if (!ended_) co_await swallow();
  }

 private:
  // One request and its answer; false if the connection must end.
  asio::awaitable<bool> serve_one() {
    http::request_parser<http::string_body> parser;
    parser.header_limit(k_request_limit_bytes);
    parser.body_limit(k_request_limit_bytes);
    parser.eager(true);
    if (!frozen_) tcp().expires_after(service_.idle_limit);
    auto read_error = feed_http(parser, buffer_);  // the bytes behind the last request
    while (read_error == http::error::need_more) {
      const auto space = buffer_.prepare(k_read_bytes);
      auto [failed, size] = co_await stream_.async_read_some(space, as_result);
      buffer_.commit(size);
      read_error = failed ? failed : feed_http(parser, buffer_);
      if (read_error == http::error::need_more && buffer_.size() > k_request_limit_bytes)
        read_error = http::error::header_limit;
    }
    const auto now = read_platform_clocks(service_);
    if (ended_) co_return false;
    if (frozen_) co_return true;
    if (read_error) {
      // Beast's own errors are about the request's syntax; all others mean that the connection has ended.
      if (read_error.category() != http::make_error_code(http::error::bad_method).category()) co_return false;
      Reaction malformed;
      malformed.status = 400;
      malformed.json = false;
      co_await answer(malformed, now, false);
      co_return false;
    }

    const auto in = view_of(parser.get());
    const auto reaction = service_.simulator.react(in, now);
    const bool answered = co_await answer(reaction, now, parser.get().keep_alive());
    co_return answered&& parser.get().keep_alive();
  }

  // True if the connection may continue.
  asio::awaitable<bool> answer(const Reaction& reaction, Now arrival, bool keep_alive) {
    if (reaction.kind == Reaction::swallow) {
      co_await swallow();
      co_return false;
    }
    std::string bytes;
    if (reaction.kind == Reaction::reset || reaction.signing == Signing::none)
      bytes = service_.answerer.render(reaction, arrival.wall, keep_alive);
    else
      bytes = co_await render_on(service_, reaction, keep_alive);
    const auto due = service_.clock.real(arrival.steady) + reaction.delay;
    if (!ended_ && due > std::chrono::steady_clock::now()) {
      delay_.expires_at(due);
      co_await delay_.async_wait(as_result);
    }
    if (ended_) co_return false;
    if (frozen_) co_return true;  // too late: run() swallows from here

    if (reaction.kind == Reaction::reset) {
      reset();
      co_return false;
    }
    const bool truncated = reaction.kind == Reaction::truncate;
    const auto size = truncated ? bytes.size() - (reaction.body.size() + 1) / 2 : bytes.size();
    const auto wire = asio::buffer(bytes.data(), size);
    tcp().expires_after(k_write_limit);
    auto [write_error, written] = co_await asio::async_write(stream_, wire, as_result);
    co_return !write_error && !truncated;
  }

  // Reads and discards until the peer gives up or the session is cut. Below TLS: nothing is answered.
  asio::awaitable<void> swallow() {
    const auto into = asio::buffer(forgotten_);
    tcp().expires_never();
    for (;;) {
      auto [failed, size] = co_await tcp().async_read_some(into, as_result);
      if (failed) co_return;
    }
  }

  void reset() {
    error_code ignored;
    tcp().socket().set_option(asio::socket_base::linger{true, 0}, ignored);
    tcp().close();
  }

  beast::tcp_stream& tcp() { return stream_.next_layer(); }

  const Service service_;
  asio::ssl::stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  std::array<char, 4096> forgotten_;  // what swallow() read
  asio::steady_timer delay_;
  bool frozen_, ended_ = false;
};

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const std::string& certificate_pem,
                                                             const std::string& key_pem) {
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code error;
  tls->use_certificate_chain(asio::buffer(certificate_pem), error);
  if (!error) tls->use_private_key(asio::buffer(key_pem), asio::ssl::context::pem, error);
  if (error) return Error{Errc::bad_credentials, "server.pem and server_key.pem: " + error.message()};
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  return tls;
}

std::shared_ptr<Session> start_session(asio::ip::tcp::socket socket, const Service& service, bool frozen,
                                       std::function<void()> on_end) {
  const auto executor = socket.get_executor();
  auto session = std::make_shared<TlsSession>(std::move(socket), service, frozen);
  asio::co_spawn(executor, session->run(session),
                 [on_end = std::move(on_end)](const std::exception_ptr& failure) {
                   on_end();
                   if (failure) std::rethrow_exception(failure);
                 });
  return session;
}

}  // namespace cardvoid::sandbox
