#include <doctest/doctest.h>

#include <fstream>

#include "component/net/rig.hpp"
#include "pool.hpp"
#include "tls_connection.hpp"
#include "tls_policy.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::net_test;

  namespace {

  void answer_each(Peer& peer) {
    while (!peer.read_request().empty()) peer.write(answer_with("hello"));
  }

  void wait_for_end(Peer& peer) { peer.wait_for_end(); }

  // A file of this content, gone with the object.
  class TemporaryFile {
   public:
    explicit TemporaryFile(std::string_view content) : path{authority_file().string() + ".test"} {
      std::ofstream{path} << content;
    }
    ~TemporaryFile() { std::filesystem::remove(path); }
    const std::filesystem::path path;
  };

  Result<std::unique_ptr<HttpsClient>> create_with(const std::filesystem::path& ca_file) {
    boost::asio::io_context io;
    HttpsSettings settings;
    settings.ca_file = ca_file;
    return HttpsClient::create(io.get_executor(), settings);
  }

  bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  }

  }  // namespace

  TEST_CASE("connect: a server known by name or by address is accepted over TLS 1.2 and 1.3") {
    for (const auto* host : {"localhost", "127.0.0.1"}) {
      for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Server server{answer_each, {.min_version = version, .max_version = version}};
        Rig rig{server, [&](HttpsSettings& settings) { settings.endpoints[0].host = host; }};
        const auto exchange = rig.ask();
        CHECK(exchange.reach == Exchange::answered);
        CHECK(exchange.body == "hello");
      }
    }
  }

  TEST_CASE("connect: what the server has shown of itself can be asked") {
    Server server{answer_each, {.max_version = TLS1_2_VERSION}};
    Rig rig{server};
    const auto peer = rig.connect().peer();
    CHECK(peer.protocol == "TLSv1.2");
    CHECK_FALSE(peer.issuer.empty());
    REQUIRE(peer.valid_until.has_value());
    CHECK(*peer.valid_until > read_clocks().wall);
    CHECK(Connection{}.peer().protocol.empty());
  }

  TEST_CASE("connect: a name is looked up by itself and an address needs no look-up") {
    Server server{answer_each};
    Rig named{server};
    const auto by_name = await(named.io, named.client->look_up(0));
    CHECK(by_name.name == "localhost");
    CHECK_FALSE(by_name.is_address);
    CHECK_FALSE(by_name.addresses.empty());
    CHECK(by_name.failure.empty());
    Rig literal{server, [](HttpsSettings& settings) { settings.endpoints[0].host = "127.0.0.1"; }};
    const auto by_address = await(literal.io, literal.client->look_up(0));
    CHECK(by_address.is_address);
    CHECK(by_address.addresses == std::vector<std::string>{"127.0.0.1"});
    Rig unknown{server, [](HttpsSettings& settings) { settings.endpoints[0].host = "nonexistent.invalid"; }};
    const auto none = await(unknown.io, unknown.client->look_up(0));
    CHECK(none.addresses.empty());
    CHECK_FALSE(none.failure.empty());
    Rig proxied{server, [](HttpsSettings& settings) {
                  settings.proxies = {net::ProxyServer{{"127.0.0.1", 1}, {}}};
                }};
    const auto of_proxy = await(proxied.io, proxied.client->look_up(0));
    CHECK(of_proxy.is_of_proxy);
    CHECK(of_proxy.name == "127.0.0.1");
  }

  TEST_CASE("connect: SNI carries the name and is left out for an address") {
    const auto tell_name = [](Peer& peer) {
      peer.read_request();
      peer.write(answer_with(peer.server_name()));
    };
    Server server{tell_name};
    CHECK(Rig{server}.ask().body == "localhost");
    CHECK(Rig{server, [](HttpsSettings& settings) { settings.endpoints[0].host = "127.0.0.1"; }}.ask().body ==
          "");
  }

  TEST_CASE("connect: a certificate for another host is refused") {
    Server server{wait_for_end, {.names = "DNS:evil.example,IP:127.0.0.2"}};
    for (const auto* host : {"localhost", "127.0.0.1"}) {
      Rig rig{server, [&](HttpsSettings& settings) { settings.endpoints[0].host = host; }};
      const auto failure = rig.try_connect().error();
      CHECK(failure.kind == ConnectFailure::bad_certificate);
      CHECK_MESSAGE(contains(failure.what, "issued for another host"), failure.what);
      CHECK_MESSAGE(contains(failure.what, host), failure.what);
    }
  }

  TEST_CASE("connect: a certificate without alternative names is refused though its subject has the name") {
    Server server{wait_for_end, {.names = "", .common_name = "localhost"}};
    CHECK(Rig{server}.try_connect().error().kind == ConnectFailure::bad_certificate);
    Server with_mail{wait_for_end, {.names = "email:a@localhost", .common_name = "localhost"}};
    CHECK(Rig{with_mail}.try_connect().error().kind == ConnectFailure::bad_certificate);
  }

  TEST_CASE("connect: TLS is as strict as the code says under any configuration") {
    const Owned<SSL_CTX, SSL_CTX_free> context{SSL_CTX_new(TLS_client_method())};
    auto* const tls = context.get();
    SSL_CTX_set_security_level(tls, 0);
    SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(tls, "ALL:COMPLEMENTOFALL");
    SSL_CTX_set_options(tls, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TLSv1_3);
    REQUIRE(net::apply_policy(tls));
    CHECK(SSL_CTX_get_security_level(tls) == 2);
    CHECK(SSL_CTX_get_min_proto_version(tls) == TLS1_2_VERSION);
    CHECK(SSL_CTX_get_max_proto_version(tls) == 0);
    CHECK(
        (SSL_CTX_get_options(tls) & (SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TLSv1_3)) == 0);
    const auto* const ciphers = SSL_CTX_get_ciphers(tls);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
      const auto* const cipher = sk_SSL_CIPHER_value(ciphers, i);
      CHECK_MESSAGE(SSL_CIPHER_is_aead(cipher) == 1, SSL_CIPHER_get_name(cipher));
      CHECK_MESSAGE(SSL_CIPHER_get_kx_nid(cipher) != NID_kx_rsa, SSL_CIPHER_get_name(cipher));
    }
  }

  TEST_CASE("connect: a server with weak ciphers alone is refused") {
    for (const char* ciphers : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"}) {
      Server server{wait_for_end, {.max_version = TLS1_2_VERSION, .ciphers = ciphers}};
      CHECK(Rig{server}.try_connect().error().kind == ConnectFailure::handshake);
    }
    Server sound{answer_each, {.max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"}};
    CHECK(Rig{sound}.ask().reach == Exchange::answered);
  }

  TEST_CASE("connect: a certificate of an unknown authority is refused with a hint") {
    Server server{wait_for_end};
    Rig rig{server, [](HttpsSettings& settings) { settings.ca_file.clear(); }};
    const auto failure = rig.try_connect().error();
    CHECK(failure.kind == ConnectFailure::bad_certificate);
    CHECK_MESSAGE(contains(failure.what, "endpoints.ca_file"), failure.what);
  }

  TEST_CASE("connect: a certificate outside its time is refused") {
    Server expired{wait_for_end, {.valid_from_day = -9, .valid_to_day = -1}};
    const auto too_late = Rig{expired}.try_connect().error();
    CHECK(too_late.kind == ConnectFailure::bad_certificate);
    CHECK_MESSAGE(contains(too_late.what, "expired"), too_late.what);

    Server early{wait_for_end, {.valid_from_day = 1, .valid_to_day = 9}};
    const auto too_early = Rig{early}.try_connect().error();
    CHECK(too_early.kind == ConnectFailure::bad_certificate);
    CHECK_MESSAGE(contains(too_early.what, "not yet valid"), too_early.what);
  }

  TEST_CASE("connect: a server that speaks no more than TLS 1.1 fails the handshake") {
    Server server{wait_for_end, {.min_version = TLS1_VERSION, .max_version = TLS1_1_VERSION}};
    const auto failure = Rig{server}.try_connect().error();
    CHECK(failure.kind == ConnectFailure::handshake);
    CHECK_MESSAGE(contains(failure.what, "version"), failure.what);
  }

  TEST_CASE("connect: a server that closes instead of a handshake fails the handshake") {
    Server server{[](Peer&) {}, {.shakes_hands = false}};
    CHECK(Rig{server}.try_connect().error().kind == ConnectFailure::handshake);
  }

  TEST_CASE("connect: a server that never speaks fails the handshake when the time is up") {
    Server server{wait_for_end, {.shakes_hands = false}};
    Rig rig{server, [](HttpsSettings& settings) { settings.connect_timeout = 150ms; }};
    const auto before = std::chrono::steady_clock::now();
    const auto failure = rig.try_connect().error();
    const auto took = std::chrono::steady_clock::now() - before;
    CHECK(failure.kind == ConnectFailure::handshake);
    CHECK_MESSAGE(contains(failure.what, "not finished in time"), failure.what);
    CHECK(took >= 150ms);
    CHECK(took < 5s);
  }

  TEST_CASE("connect: a refused port is a connect failure that names endpoint and address") {
    Rig rig{closed_port()};
    const auto failure = rig.try_connect().error();
    CHECK(failure.kind == ConnectFailure::connect);
    CHECK_MESSAGE(contains(failure.what, "localhost:"), failure.what);
    CHECK_MESSAGE(contains(failure.what, "refused (127.0.0.1:"), failure.what);
  }

  TEST_CASE("connect: a name that does not exist is a resolve failure") {
    Rig rig{443, [](HttpsSettings& settings) {
              settings.endpoints[0].host = "name.invalid";
              settings.connect_timeout = 2s;
            }};
    const auto failure = rig.try_connect().error();
    CHECK(failure.kind == ConnectFailure::resolve);
    CHECK_MESSAGE(contains(failure.what, "name.invalid:443"), failure.what);
  }

  TEST_CASE("connect: what cannot be a host name is a failure and nothing worse") {
    for (const auto& host : {std::string{}, std::string(300, 'a'), std::string{"a b"}}) {
      Rig rig{443, [&](HttpsSettings& settings) {
                settings.endpoints[0].host = host;
                settings.connect_timeout = 2s;
              }};
      CHECK(rig.try_connect().has_error());
    }
  }

  TEST_CASE("connect: a ca_file that is missing is told apart from one without certificates") {
    CHECK(create_with("/nonexistent/roots.pem").error().code == Errc::no_input);
    const TemporaryFile no_certificate{"just words\n"};
    CHECK(create_with(no_certificate.path).error().code == Errc::bad_job);
    const TemporaryFile damaged{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    const auto error = create_with(damaged.path).error();
    CHECK(error.code == Errc::bad_job);
    CHECK_MESSAGE(contains(error.what, damaged.path.string()), error.what);
  }

  TEST_CASE("connect: closing the client ends a connect under way") {
    Event accepted;
    const auto accept_and_wait = [&](Peer& peer) {
      accepted.raise();
      peer.wait_for_end();
    };
    Server server{accept_and_wait, {.shakes_hands = false}};
    Rig rig{server};
    std::optional<HttpsClient::Connected> connected;
    start(rig.io, rig.client->connect(0, false), connected);
    run_until(rig.io, accepted);
    rig.client->close();
    CHECK(contains(finish(rig.io, connected).error().what, "closed"));
    CHECK(rig.try_connect().has_error());
  }

  TEST_CASE("connect: a client for loopback only refuses names and other addresses and proxies") {
    const auto create = [](const std::string& host, std::optional<net::ProxyServer> proxy) {
      boost::asio::io_context io;
      HttpsSettings settings;
      settings.endpoints = {{"127.0.0.1", 1}, {host, 443}};
      settings.proxies = {std::nullopt, std::move(proxy)};
      settings.loopback_only = true;
      return HttpsClient::create(io.get_executor(), settings);
    };
    CHECK(create("127.1.2.3", std::nullopt).has_value());
    CHECK(create("::1", std::nullopt).has_value());
    for (const auto* host :
         {"localhost", "api.mch.weixin.qq.com", "192.0.2.1", "0.0.0.0", "::ffff:192.0.2.1", "::", ""}) {
      CAPTURE(host);
      const auto refused = create(host, std::nullopt);
      REQUIRE_FALSE(refused.has_value());
      CHECK(refused.error().code == Errc::internal);
      CHECK(contains(refused.error().what, "is not a loopback address"));
    }
    CHECK_FALSE(create("127.0.0.1", net::ProxyServer{{"127.0.0.1", 3128}, ""}).has_value());
  }

  TEST_CASE("connect: for loopback only a connection to another address ends before its first packet") {
    boost::asio::io_context io;
    HttpsSettings settings;
    settings.endpoints = {{"127.0.0.1", 443}};
    settings.loopback_only = true;
    net::Pool pool{io.get_executor(), settings};
    net::TlsConnection connection{pool, 0};
    const net::Addresses elsewhere{{boost::asio::ip::make_address("192.0.2.1"), 443}};
    const auto failure = await(io, connection.open(pool, elsewhere, in(10s)));
    REQUIRE(failure.has_value());
    CHECK(failure->kind == ConnectFailure::connect);
    CHECK(contains(failure->what, "is not a loopback address"));
  }
}
