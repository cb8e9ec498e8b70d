#include <doctest/doctest.h>

#include "component/net/rig.hpp"

// How far an exchange got, for everything a server may do.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::net_test;

  namespace {

  constexpr int k_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

  ServerSettings speaking(int version) { return {.min_version = version, .max_version = version}; }

  bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  }

  // Answers each request of a connection with these bytes and then waits.
  Server::Script answer_raw(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
      while (!peer.read_request().empty()) peer.write(bytes);
    };
  }

  // Answers with these bytes and closes without another word.
  Server::Script answer_and_close(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
      peer.read_request();
      peer.write(bytes);
      peer.hang_up();
      peer.wait_for_end();
    };
  }

  Exchange answer_of(Server::Script script, milliseconds within = 5s) {
    Server server{std::move(script)};
    return Rig{server, [](HttpsSettings& settings) { settings.body_limit_bytes = 1000; }}.ask(within);
  }

  }  // namespace

  TEST_CASE("exchange: request and answer arrive unchanged") {
    std::string seen;
    Server server{[&](Peer& peer) {
      seen = peer.read_request();
      peer.write("HTTP/1.1 404 Not Found\r\nWechatpay-Nonce: aB1 \r\ncontent-length: 3\r\nEmpty:\r\n\r\n{ }");
    }};
    Rig rig{server};
    const std::string request = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    auto connection = rig.connect();
    const auto exchange = await(rig.io, connection.exchange(request, in(5s)));
    CHECK(seen == request);
    CHECK(exchange.reach == Exchange::answered);
    CHECK(exchange.reason == "");
    CHECK(exchange.status == 404);
    CHECK(exchange.body == "{ }");
    CHECK(exchange.headers.size() == 3);
    CHECK(exchange.headers.find("WECHATPAY-nonce") == "aB1");
    CHECK(exchange.headers.find("Content-Length") == "3");
    CHECK(exchange.headers.find("Empty") == "");
    CHECK(exchange.headers.find("Absent") == "");
  }

  TEST_CASE("exchange: an answer in chunks is put together") {
    const auto exchange =
        answer_of(answer_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                             "chunked\r\n\r\n3;note=x\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"));
    CHECK(exchange.reach == Exchange::answered);
    CHECK(exchange.body == "abcde");
  }

  TEST_CASE("exchange: a status line without a reason phrase is read with and without its blank") {
    for (const std::string line : {"HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n", "HTTP/1.0 200\r\n"}) {
      CAPTURE(line);
      for (const std::string before : {"", "HTTP/1.1 100\r\n\r\n"}) {
        const auto exchange = answer_of(answer_raw(before + line + "Content-Length: 2\r\n\r\nok"));
        CHECK(exchange.reach == Exchange::answered);
        CHECK(exchange.status == 200);
        CHECK(exchange.body == "ok");
      }
    }
    const auto in_pieces = answer_of([](Peer& peer) {
      peer.read_request();
      for (const char byte : std::string_view{"HTTP/1.1 204\r\nContent-Length: 0\r\n\r\n"})
        peer.write({&byte, 1});
      peer.wait_for_end();
    });
    CHECK(in_pieces.status == 204);
    CHECK(answer_of(answer_raw("HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n")).reach == Exchange::lost);
    CHECK(answer_of(answer_raw("HTTP/1.1 20x\r\nContent-Length: 0\r\n\r\n")).reach == Exchange::lost);
  }

  TEST_CASE("exchange: an answer that comes byte by byte is put together") {
    const auto exchange = answer_of([](Peer& peer) {
      peer.read_request();
      for (const char byte : answer_with("slow but whole")) peer.write({&byte, 1});
      peer.wait_for_end();
    });
    CHECK(exchange.reach == Exchange::answered);
    CHECK(exchange.body == "slow but whole");
  }

  TEST_CASE("exchange: interim answers are skipped") {
    const auto exchange = answer_of(answer_raw(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer_with("final")));
    CHECK(exchange.reach == Exchange::answered);
    CHECK(exchange.status == 200);
    CHECK(exchange.body == "final");
    CHECK(exchange.headers.find("Link") == "");
  }

  TEST_CASE("exchange: interim answers without end are lost") {
    std::string many;
    for (int i = 0; i < 100; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK(answer_of(answer_raw(many)).reach == Exchange::lost);
    CHECK(answer_of(answer_raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")).reach ==
          Exchange::lost);
  }

  TEST_CASE("exchange: an answer without a body by its status is complete") {
    const auto exchange = answer_of(answer_raw("HTTP/1.1 204 No Content\r\n\r\n"));
    CHECK(exchange.reach == Exchange::answered);
    CHECK(exchange.status == 204);
  }

  TEST_CASE("exchange: a complete answer counts though the server closes rudely behind it") {
    for (const int version : k_versions) {
      const auto answer_and_vanish = [](Peer& peer) {
        peer.read_request();
        peer.write(answer_with("whole"));
        peer.hang_up_rudely();
        peer.wait_for_end();
      };
      Server server{answer_and_vanish, speaking(version)};
      const auto exchange = Rig{server}.ask();
      CHECK(exchange.reach == Exchange::answered);
      CHECK(exchange.body == "whole");
    }
  }

  TEST_CASE("exchange: an answer that needs the end of the connection is lost") {
    const auto exchange = answer_of(answer_and_close("HTTP/1.1 200 OK\r\n\r\n{\"state\":\"INVALID\"}"));
    CHECK(exchange.reach == Exchange::lost);
    CHECK_MESSAGE(contains(exchange.reason, "without length"), exchange.reason);
    CHECK(exchange.body == "");
  }

  TEST_CASE("exchange: an answer cut short anywhere is lost and never stale on a fresh connection") {
    const auto whole = answer_with("body", "Name: value\r\n");
    for (const auto length :
         {std::size_t{0}, std::size_t{1}, std::size_t{12}, whole.size() - 6, whole.size() - 1}) {
      const auto exchange = answer_of(answer_and_close(whole.substr(0, length)));
      CHECK(exchange.reach == Exchange::lost);
      CHECK_MESSAGE(contains(exchange.reason, "the server closed"), exchange.reason);
    }
    CHECK(answer_of(answer_and_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"))
              .reach == Exchange::lost);
  }

  TEST_CASE("exchange: a reused connection that closes without an answer is stale") {
    for (const int version : k_versions) {
      for (const auto close : {&Peer::say_farewell, &Peer::hang_up, &Peer::hang_up_rudely, &Peer::reset}) {
        const auto answer_once = [&](Peer& peer) {
          peer.read_request();
          peer.write(answer_with("first"));
          peer.read_request();
          (peer.*close)();
          peer.wait_for_end();
        };
        Server server{answer_once, speaking(version)};
        Rig rig{server};
        CHECK(rig.ask().reach == Exchange::answered);
        const auto exchange = rig.ask();
        CHECK(exchange.reach == Exchange::stale);
        CHECK(exchange.reason != "");
      }
    }
  }

  TEST_CASE("exchange: a reused connection that closes inside the answer or stays silent is lost") {
    Server server{[](Peer& peer) {
      peer.read_request();
      peer.write(answer_with("first"));
      peer.read_request();
      if (peer.number == 0) peer.write("H");
      if (peer.number == 0) return;
      peer.wait_for_end();
    }};
    Rig rig{server};
    CHECK(rig.ask().reach == Exchange::answered);
    CHECK(rig.ask().reach == Exchange::lost);
    CHECK(rig.ask().reach == Exchange::answered);
    CHECK(rig.ask(150ms).reach == Exchange::lost);
  }

  TEST_CASE("exchange: a server that never answers is lost at the deadline") {
    const auto before = std::chrono::steady_clock::now();
    const auto exchange = answer_of([](Peer& peer) { peer.wait_for_end(); }, 200ms);
    const auto took = std::chrono::steady_clock::now() - before;
    CHECK(exchange.reach == Exchange::lost);
    CHECK_MESSAGE(contains(exchange.reason, "deadline"), exchange.reason);
    CHECK(took >= 200ms);
    CHECK(took < 5s);
  }

  TEST_CASE("exchange: one deadline covers an answer that trickles") {
    const auto exchange = answer_of(
        [](Peer& peer) {
          peer.read_request();
          peer.write("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
          while (peer.is_open_for(20ms)) peer.write("x");
        },
        150ms);
    CHECK(exchange.reach == Exchange::lost);
    CHECK_MESSAGE(contains(exchange.reason, "not complete at the deadline"), exchange.reason);
  }

  TEST_CASE("exchange: past its deadline nothing is sent and the connection stays good") {
    Server server{answer_raw(answer_with("x"))};
    Rig rig{server};
    CHECK(rig.ask(-1ms).reach == Exchange::not_sent);
    CHECK(rig.ask().reach == Exchange::answered);
    CHECK(server.connection_count() == 1);
  }

  TEST_CASE("exchange: a body over the limit is lost however it is framed") {
    const auto counted = answer_of(answer_raw("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"));
    CHECK(counted.reach == Exchange::lost);
    CHECK_MESSAGE(contains(counted.reason, "over 1000 bytes"), counted.reason);
    const auto chunked = answer_of(answer_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                                              std::string(1001, 'x') + "\r\n0\r\n\r\n"));
    CHECK(chunked.reach == Exchange::lost);
    CHECK_MESSAGE(contains(chunked.reason, "over 1000 bytes"), chunked.reason);
    const auto just_fits = answer_of(answer_raw(answer_with(std::string(1000, 'x'))));
    CHECK(just_fits.reach == Exchange::answered);
    CHECK(just_fits.body.size() == 1000);
  }

  TEST_CASE("exchange: a large answer within the limit is read whole") {
    const std::string body(64 << 10, 'x');
    Server server{answer_raw(answer_with(body))};
    CHECK((Rig{server}.ask().body == body));
    Server larger{answer_raw(answer_with(body + 'x'))};
    CHECK(Rig{larger}.ask().reach == Exchange::lost);
  }

  TEST_CASE("exchange: what is not HTTP is lost with a reason") {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string answers[] = {
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        std::string(4000, '\0'),
        std::string(100'000, 'x'),
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 9999 X\r\n\r\n",
        ok + "Content-Length: -1\r\n\r\n",
        ok + "Content-Length: 99999999999999999999999\r\n\r\n",
        ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ok + "no colon\r\n\r\n",
        ok + "Name: " + std::string(100'000, 'x') + "\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n3;" + std::string(200'000, 'e'),
        ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: " + std::string(200'000, 't'),
    };
    for (const auto& answer : answers) {
      const auto exchange = answer_of(answer_raw(answer));
      CHECK_MESSAGE(exchange.reach == Exchange::lost, answer.substr(0, 80));
      CHECK_MESSAGE(!contains(exchange.reason, "deadline"), answer.substr(0, 80));
      CHECK_MESSAGE(!contains(exchange.reason, "the server closed"), answer.substr(0, 80));
      CHECK(exchange.reason != "");
    }
  }

  TEST_CASE("exchange: two connections work at the same time") {
    Event second_arrived;
    Server server{[&](Peer& peer) {
      const auto request = peer.read_request();
      if (peer.number == 0) second_arrived.wait();
      if (peer.number == 1) second_arrived.raise();
      peer.write(answer_with(std::to_string(peer.number)));
    }};
    Rig rig{server};
    auto first = rig.connect();
    auto second = rig.connect();
    std::optional<Exchange> first_answer, second_answer;
    start(rig.io, first.exchange(k_get, in(5s)), first_answer);
    start(rig.io, second.exchange(k_get, in(5s)), second_answer);
    CHECK(finish(rig.io, first_answer).body == "0");
    CHECK(finish(rig.io, second_answer).body == "1");
  }

  TEST_CASE("exchange: closing the client ends an exchange under way as lost") {
    Event arrived;
    Server server{[&](Peer& peer) {
      peer.read_request();
      if (peer.number == 0) peer.write(answer_with("first"));
      peer.read_request();
      arrived.raise();
      peer.wait_for_end();
    }};
    Rig rig{server};
    CHECK(rig.ask().reach == Exchange::answered);
    auto connection = rig.connect();
    std::optional<Exchange> exchange;
    start(rig.io, connection.exchange(k_get, in(5s)), exchange);
    run_until(rig.io, arrived);
    rig.client->close();
    const auto ended = finish(rig.io, exchange);
    CHECK(ended.reach == Exchange::lost);
    CHECK_MESSAGE(contains(ended.reason, "client was closed"), ended.reason);
  }

  TEST_CASE("exchange: client and handle may go while an exchange waits") {
    Event arrived;
    Server server{[&](Peer& peer) {
      peer.read_request();
      arrived.raise();
      peer.wait_for_end();
    }};
    std::optional<Exchange> exchange;
    Rig rig{server};
    {
      auto connection = rig.connect();
      start(rig.io, connection.exchange(k_get, in(5s)), exchange);
    }
    run_until(rig.io, arrived);
    rig.client.reset();
    SUBCASE("and it ends as lost") { CHECK(finish(rig.io, exchange).reach == Exchange::lost); }
    SUBCASE("and the context may go without running again") { CHECK_FALSE(exchange); }
  }

  TEST_CASE("exchange: the context may go with a connect and an exchange still waiting") {
    Event arrived;
    Server server{[&](Peer& peer) {
      peer.read_request();
      arrived.raise();
      peer.wait_for_end();
    }};
    Server mute{[](Peer& peer) { peer.wait_for_end(); }, {.shakes_hands = false}};
    std::optional<Exchange> exchange;
    std::optional<HttpsClient::Connected> connected;
    Rig rig{server, [&](HttpsSettings& settings) {
              settings.endpoints.push_back({"localhost", mute.port()});
            }};
    auto connection = rig.connect();
    start(rig.io, connection.exchange(k_get, in(5s)), exchange);
    start(rig.io, rig.client->connect(1, false), connected);
    run_until(rig.io, arrived);
    CHECK_FALSE(exchange);
    CHECK_FALSE(connected);
  }
}
