#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "component/net/rig.hpp"

// Which connection the next request gets.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::net_test;

  namespace {

  constexpr int k_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

  ServerSettings speaking(int version) { return {.min_version = version, .max_version = version}; }

  // Answers with the number of the connection.
  void answer_number(Peer& peer) {
    while (!peer.read_request().empty()) peer.write(answer_with(std::to_string(peer.number)));
  }

  // Answers one request with `lines` in its header, then others with the number of the connection.
  Server::Script answer_with_header(std::string lines) {
    return [lines = std::move(lines)](Peer& peer) {
      while (!peer.read_request().empty()) peer.write(answer_with(std::to_string(peer.number), lines));
    };
  }

  }  // namespace

  TEST_CASE("pool: a connection is kept and used again") {
    for (const int version : k_versions) {
      Server server{answer_number, speaking(version)};
      Rig rig{server};
      for (int i = 0; i < 5; ++i) CHECK(rig.ask().body == "0");
      CHECK(server.connection_count() == 1);
    }
  }

  TEST_CASE("pool: a fresh connection is a new one though another is kept") {
    Server server{answer_number};
    Rig rig{server};
    CHECK(rig.ask().body == "0");
    CHECK(rig.ask(rig.connect(true)).body == "1");
  }

  TEST_CASE("pool: of several kept connections the one used last is taken") {
    Server server{answer_number};
    Rig rig{server};
    auto first = rig.connect();
    auto second = rig.connect();
    CHECK(rig.ask(std::move(second)).body == "1");
    CHECK(rig.ask(std::move(first)).body == "0");
    CHECK(rig.ask().body == "0");
  }

  TEST_CASE("pool: a connection dropped without an exchange is closed") {
    Event closed;
    Server server{[&](Peer& peer) {
      peer.wait_for_end();
      closed.raise();
    }};
    Rig rig{server};
    rig.connect();
    closed.wait();
  }

  TEST_CASE("pool: a handle is empty after its exchange") {
    Server server{answer_number};
    Rig rig{server};
    auto connection = rig.connect();
    CHECK(connection);
    const auto exchange = await(rig.io, connection.exchange(k_get, in(5s)));
    CHECK(exchange.reach == Exchange::answered);
    CHECK_FALSE(connection);
    CHECK(await(rig.io, connection.exchange(k_get, in(5s))).reach == Exchange::not_sent);
  }

  TEST_CASE("pool: a connection the server closed while it was idle is replaced without an error") {
    for (const int version : k_versions) {
      for (const auto close : {&Peer::say_farewell, &Peer::hang_up, &Peer::hang_up_rudely, &Peer::reset}) {
        Event answered, closed;
        const auto close_first = [&](Peer& peer) {
          peer.read_request();
          peer.write(answer_with(std::to_string(peer.number)));
          if (peer.number > 0) return;
          answered.wait();
          (peer.*close)();
          closed.raise();
          peer.wait_for_end();
        };
        Server server{close_first, speaking(version)};
        Rig rig{server};
        CHECK(rig.ask().body == "0");
        answered.raise();
        closed.wait();
        const auto exchange = rig.ask();
        CHECK(exchange.reach == Exchange::answered);
        CHECK(exchange.body == "1");
      }
    }
  }

  TEST_CASE("pool: nothing is sent on a connection that closes while it is held") {
    for (const int version : k_versions) {
      Event held, closed;
      const auto close_at_once = [&](Peer& peer) {
        held.wait();
        peer.hang_up();
        closed.raise();
        peer.wait_for_end();
      };
      Server server{close_at_once, speaking(version)};
      Rig rig{server};
      auto connection = rig.connect();
      held.raise();
      closed.wait();
      CHECK(rig.ask(std::move(connection)).reach == Exchange::shut_out);  // a new one: the endpoint's fault
    }
  }

  TEST_CASE("pool: nothing is sent on a kept connection on which something comes while it is held") {
    const auto speak = [](Peer& peer) { peer.write("HTTP/1.1 408 Request Timeout\r\n\r\n"); };
    const auto close = [](Peer& peer) { peer.hang_up(); };
    const auto farewell = [](Peer& peer) { peer.say_farewell(); };
    const auto reset = [](Peer& peer) { peer.reset(); };
    for (const int version : k_versions) {
      for (const auto& act : std::vector<std::function<void(Peer&)>>{speak, close, farewell, reset}) {
        Event held, acted;
        Server server{[&](Peer& peer) {
                        peer.read_request();
                        peer.write(answer_with("0"));
                        held.wait();
                        act(peer);
                        acted.raise();
                        peer.wait_for_end();
                      },
                      speaking(version)};
        Rig rig{server};
        CHECK(rig.ask().body == "0");
        auto connection = rig.connect();  // looked at, and nothing was there
        held.raise();
        acted.wait();
        CHECK(rig.ask(std::move(connection)).reach == Exchange::not_sent);
        CHECK(server.connection_count() == 1);
      }
    }
  }

  TEST_CASE("pool: what TLS sends for itself while a kept connection is held is no closure") {
    Event held, sent;
    Server server{[&](Peer& peer) {
                    peer.read_request();
                    peer.write(answer_with("0"));
                    held.wait();
                    peer.send_ticket();
                    peer.ask_for_new_keys();
                    sent.raise();
                    if (!peer.read_request().empty()) peer.write(answer_with("1"));
                  },
                  speaking(TLS1_3_VERSION)};
    Rig rig{server};
    CHECK(rig.ask().body == "0");
    auto connection = rig.connect();
    held.raise();
    sent.wait();
    CHECK(rig.ask(std::move(connection)).body == "1");
  }

  TEST_CASE("pool: session tickets and new keys that arrive while idle are not a closure") {
    Event answered, sent;
    const auto speak_while_idle = [&](Peer& peer) {
      for (int i = 0; i < 3; ++i) {
        if (peer.read_request().empty()) return;
        peer.write(answer_with(std::to_string(peer.number)));
        answered.wait();
        peer.send_ticket();
        peer.send_ticket();
        peer.ask_for_new_keys();
        sent.raise();
      }
    };
    Server server{speak_while_idle, speaking(TLS1_3_VERSION)};
    Rig rig{server};
    for (int i = 0; i < 3; ++i) {
      CHECK(rig.ask().body == "0");
      answered.raise();
      sent.wait();
    }
    CHECK(server.connection_count() == 1);
  }

  TEST_CASE("pool: a connection on which something came unasked is not used again") {
    Event answered, sent;
    const auto speak_unasked = [&](Peer& peer) {
      peer.read_request();
      peer.write(answer_with(std::to_string(peer.number)));
      if (peer.number > 0) return;
      answered.wait();
      peer.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
      peer.hang_up();
      sent.raise();
    };
    Server server{speak_unasked};
    Rig rig{server};
    CHECK(rig.ask().body == "0");
    answered.raise();
    sent.wait();
    CHECK(rig.ask().body == "1");
  }

  TEST_CASE("pool: a connection with bytes behind its answer is not used again") {
    Server server{[](Peer& peer) {
      while (!peer.read_request().empty()) peer.write(answer_with(std::to_string(peer.number)) + "more");
    }};
    Rig rig{server};
    CHECK(rig.ask().body == "0");
    CHECK(rig.ask().body == "1");
  }

  TEST_CASE("pool: an announced end of the connection is honoured") {
    Server closing{answer_with_header("Connection: close\r\n")};
    Rig to_closing{closing};
    CHECK(to_closing.ask().body == "0");
    CHECK(to_closing.ask().body == "1");

    Server old{[](Peer& peer) {
      peer.read_request();
      peer.write("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n" + std::to_string(peer.number));
      peer.wait_for_end();
    }};
    Rig to_old{old};
    CHECK(to_old.ask().body == "0");
    CHECK(to_old.ask().body == "1");
  }

  TEST_CASE("pool: an announced keep-alive time shortens the idle limit and never lengthens it") {
    Server brief{answer_with_header("Keep-Alive: max=100, Timeout=2\r\n")};
    Rig to_brief{brief};
    CHECK(to_brief.ask().body == "0");
    CHECK(to_brief.ask().body == "1");

    Server patient{answer_with_header("Keep-Alive: timeout=8\r\n")};
    Rig to_patient{patient};
    CHECK(to_patient.ask().body == "0");
    CHECK(to_patient.ask().body == "0");

    Server endless{answer_with_header("Keep-Alive: timeout=99999999999999999999\r\n")};
    Rig impatient{endless, [](HttpsSettings& settings) { settings.idle_limit = 0ms; }};
    CHECK(impatient.ask().body == "0");
    CHECK(impatient.ask().body == "1");
  }

  TEST_CASE("pool: a connection idle for longer than the limit is not used again") {
    Server server{answer_number};
    Rig rig{server, [](HttpsSettings& settings) { settings.idle_limit = 40ms; }};
    CHECK(rig.ask().body == "0");
    std::this_thread::sleep_for(50ms);  // the passing of time is the subject
    CHECK(rig.ask().body == "1");
  }

  TEST_CASE("pool: the deadline of one exchange does not strike the next") {
    Server server{answer_number};
    Rig rig{server};
    CHECK(rig.ask(60ms).body == "0");
    std::this_thread::sleep_for(80ms);  // past the first deadline
    CHECK(rig.ask().body == "0");
  }

  TEST_CASE("pool: endpoints keep their connections apart") {
    Server primary{answer_number};
    Server backup{[](Peer& peer) {
      while (!peer.read_request().empty()) peer.write(answer_with("backup"));
    }};
    Rig rig{primary, [&](HttpsSettings& settings) {
              settings.endpoints.push_back({"127.0.0.1", backup.port()});
            }};
    CHECK(rig.ask().body == "0");
    auto other = await(rig.io, rig.client->connect(1, false));
    CHECK(rig.ask(std::move(other.value())).body == "backup");
    CHECK(rig.ask().body == "0");
  }
}
