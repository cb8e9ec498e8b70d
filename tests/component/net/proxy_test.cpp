// Through an HTTP proxy: TLS with the endpoint inside a tunnel.

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "component/net/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::net_test;

  namespace {

  sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  // Takes one connection, notes what was asked, gives `answer` and, when that is a 200, carries bytes to
  // `port`.
  class Proxy {
   public:
    Proxy(std::string answer, std::uint16_t port)
        : answer_{std::move(answer)},
          port_{port},
          listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
      auto address = loopback(0);
      socklen_t size = sizeof address;
      REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
      REQUIRE(::listen(listener_.get(), 8) == 0);
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
      where = {"127.0.0.1", ntohs(address.sin_port)};
      thread_ = std::thread{[this] { serve(); }};
    }
    ~Proxy() {
      ::shutdown(listener_.get(), SHUT_RDWR);
      thread_.join();
    }
    net::HostPort where;
    std::string asked;  // after the exchange

   private:
    void serve() {
      const FileDescriptor client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      if (!client) return;
      char block[4096];
      while (!asked.ends_with("\r\n\r\n")) {
        const auto got = ::recv(client.get(), block, sizeof block, 0);
        if (got <= 0) return;
        asked.append(block, static_cast<std::size_t>(got));
      }
      if (::send(client.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) return;
      if (!answer_.starts_with("HTTP/1.1 200")) return;
      const FileDescriptor server{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      const auto address = loopback(port_);
      if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
      for (;;) {
        pollfd both[] = {{client.get(), POLLIN, 0}, {server.get(), POLLIN, 0}};
        if (::poll(both, 2, 10'000) <= 0) return;
        for (int i = 0; i < 2; ++i) {
          if (!both[i].revents) continue;
          const auto got = ::recv(both[i].fd, block, sizeof block, 0);
          if (got <= 0 || ::send(both[1 - i].fd, block, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got)
            return;
        }
      }
    }
    std::string answer_;
    std::uint16_t port_;
    FileDescriptor listener_;
    std::thread thread_;
  };

  constexpr const char* k_established = "HTTP/1.1 200 Connection established\r\n\r\n";

  Server::Script answer_hello() {
    return [](Peer& peer) {
      while (!peer.read_request().empty()) peer.write(answer_with("hello"));
    };
  }

  std::string refusal(const std::string& answer, const std::string& login = {}) {
    Proxy proxy{answer, closed_port()};
    Rig rig{closed_port(), [&](HttpsSettings& s) { s.proxies = {net::ProxyServer{proxy.where, login}}; }};
    const auto connected = rig.try_connect();
    REQUIRE(connected.has_error());
    CHECK(connected.error().kind == ConnectFailure::connect);
    return connected.error().what;
  }

  }  // namespace

  TEST_CASE("proxy: the tunnel leads to the endpoint and the endpoint's certificate is what is checked") {
    Server server{answer_hello()};
    Proxy proxy{k_established, server.port()};
    {
      Rig rig{server, [&](HttpsSettings& s) { s.proxies = {net::ProxyServer{proxy.where, "user:p@ss"}}; }};
      CHECK(rig.ask().body == "hello");
      CHECK(rig.ask().body == "hello");  // the same tunnel again
    }
    const auto target = "localhost:" + std::to_string(server.port());
    CHECK(proxy.asked == "CONNECT " + target + " HTTP/1.1\r\nHost: " + target +
                             "\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n");
  }

  TEST_CASE("proxy: one that leads to the wrong server is found out") {
    ServerSettings stranger;
    stranger.names = "DNS:elsewhere.example";
    Server server{answer_hello(), stranger};
    Proxy proxy{k_established, server.port()};
    Rig rig{server, [&](HttpsSettings& s) { s.proxies = {net::ProxyServer{proxy.where, {}}}; }};
    const auto connected = rig.try_connect();
    REQUIRE(connected.has_error());
    CHECK(connected.error().kind == ConnectFailure::bad_certificate);
  }

  TEST_CASE("proxy: its refusal is told in its own words") {
    CHECK(refusal("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
              .find("refuses the tunnel: 407 Proxy Authentication Required") != std::string::npos);
    CHECK(refusal("HTTP/1.1 403 Forbidden\r\n\r\n").find("403 Forbidden") != std::string::npos);
    CHECK(refusal("SSH-2.0-OpenSSH\r\n\r\n").find("that is not HTTP") != std::string::npos);
    CHECK(refusal("HTTP/1.1 200 OK\r\n").find("ends the connection") != std::string::npos);
    CHECK(refusal("").find("ends the connection") != std::string::npos);
  }

  TEST_CASE("proxy: its words do not repeat the login that it was sent") {
    const auto told =
        refusal("HTTP/1.1 403 bWU6VmVyeVNlY3JldFdvcmQ= me:VerySecretWord VerySecretWord\r\n\r\n",
                "me:VerySecretWord");
    CHECK(told.find("refuses the tunnel: 403 ") != std::string::npos);
    for (const char* secret : {"VerySecret", "bWU6VmVyeVNl", "cretWord"})
      CHECK(told.find(secret) == std::string::npos);
  }

  TEST_CASE("proxy: its words are short and cannot steer a terminal") {
    const auto told = refusal("HTTP/1.1 403 \x1B[31m\x1B]0;x\x07\xC2\x9B\u202E\u2028" +
                              std::string(4000, 'x') + "\r\n\r\n");
    CHECK(told.size() < 300);
    CHECK(told.find("403 \\x1B[31m\\x1B]0;x\\x07\\xC2\\x9B\\xE2\\x80\\xAE\\xE2\\x80\\xA8") !=
          std::string::npos);
    CHECK(refusal("HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'x')).find("not HTTP") !=
          std::string::npos);
  }

  TEST_CASE("proxy: one that is not there is named") {
    Rig rig{closed_port(), [&](HttpsSettings& s) {
              s.proxies = {net::ProxyServer{{"127.0.0.1", closed_port()}, {}}};
            }};
    const auto connected = rig.try_connect();
    REQUIRE(connected.has_error());
    CHECK(connected.error().what.find("(proxy 127.0.0.1:") != std::string::npos);
  }
}
