// The sandbox over real TLS: answers, keep-alive, outages.

#include <doctest/doctest.h>

#include <future>
#include <ostream>
#include <thread>

#include "support/scene.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sandbox;
  using namespace std::chrono_literals;
  using model::Endpoint;

  TEST_CASE("sandbox endpoint: an invalidation is answered with a signature that verifies") {
    Scene scene;
    const auto card = scene.card(7);  // a code full of punctuation
    const auto answer = scene.ask(scene.merchant->invalidate(card));
    REQUIRE(answer.end == HttpAnswer::complete);
    CHECK(answer.status == 200);
    CHECK(scene.verdict(answer) == "verified");
    CHECK(json_text(answer.body, "user_card_code") == card.code);
    CHECK(answer.headers.at("content-type") == "application/json; charset=utf-8");
    CHECK(answer.headers.at("request-id").ends_with("-0"));
    CHECK(answer.headers.at("keep-alive") == "timeout=8");
    CHECK(parse_http_date(answer.headers.at("date")).has_value());
    const auto applied = scene.sandbox->applied();
    REQUIRE(applied.size() == 1);
    CHECK(applied[0].code == card.code);
    CHECK(applied[0].invalid_time == json_text(answer.body, "invalid_time"));
    CHECK(scene.sandbox->applied_as_csv().find(applied[0].invalid_time) != std::string::npos);
  }

  TEST_CASE("sandbox endpoint: both endpoints serve the same cards and count together") {
    Scene scene;
    const auto card = scene.card(0);
    CHECK(scene.ask(scene.merchant->invalidate(card)).status == 200);
    auto backup = scene.connect(Endpoint::backup);
    const auto answer = backup.exchange(scene.merchant->query(card).bytes());
    CHECK(json_text(answer.body, "user_card_state") == "INVALID");
    CHECK(scene.sandbox->counters().most_in_any_second == 2);
  }

  TEST_CASE("sandbox endpoint: a connection serves many requests") {
    Scene scene;
    auto connection = scene.connect();
    for (std::size_t row = 0; row < 20; ++row)
      CHECK(connection.exchange(scene.merchant->invalidate(scene.card(row)).bytes()).status == 200);
    CHECK(scene.sandbox->applied().size() == 20);
  }

  TEST_CASE("sandbox endpoint: errors are unsigned and say what is wrong") {
    Scene scene;
    auto connection = scene.connect();
    auto letter = scene.merchant->invalidate(scene.card(0));
    letter.body += " ";
    auto answer = connection.exchange(letter.bytes());
    CHECK(answer.status == 401);
    CHECK(scene.verdict(answer) == "no_signature");
    CHECK_FALSE(answer.headers.at("request-id").ends_with("-0"));
    scene.merchant->sign(letter, read_clocks().wall.time_since_epoch() / 1s - 600);
    answer = connection.exchange(letter.bytes());
    CHECK(json_text(answer.body, "message").find("timestamp") != std::string::npos);
    letter.target = std::string{"/"};  // g++ 12 warns of the plain literal at -O2
    answer = connection.exchange(letter.bytes());
    CHECK(answer.status == 404);
    CHECK(answer.body.empty());
    CHECK(scene.sandbox->counters().bad_signatures == 2);
  }

  TEST_CASE("sandbox endpoint: requests above the rate get 429 until the rate is raised") {
    auto settings = plain_settings();
    settings.requests_per_second = 3;
    Scene scene{settings};
    auto connection = scene.connect();
    const auto ask = [&](std::size_t row) {
      return connection.exchange(scene.merchant->invalidate(scene.card(row)).bytes()).status;
    };
    for (std::size_t row = 0; row < 3; ++row) CHECK(ask(row) == 200);
    CHECK(ask(3) == 429);
    scene.sandbox->set_rate(0);
    CHECK(ask(3) == 200);
    CHECK(scene.sandbox->counters().throttled == 1);
  }

  TEST_CASE("sandbox endpoint: an idle connection is closed by the server") {
    auto settings = plain_settings();
    settings.idle_limit = 50ms;
    Scene scene{settings};
    auto connection = scene.connect();
    CHECK(connection.exchange(scene.merchant->query(scene.card(0)).bytes()).status == 200);
    CHECK(connection.is_closed_by_peer());
  }

  TEST_CASE("sandbox endpoint: bytes that are not HTTP are refused") {
    Scene scene;
    auto connection = scene.connect();
    CHECK(connection.exchange("hello\r\n\r\n").status == 400);
    CHECK(connection.is_closed_by_peer());
  }

  TEST_CASE("sandbox outage: a refusing endpoint cuts and refuses and serves again on its port") {
    Scene scene;
    auto present = scene.connect();
    REQUIRE(present.is_open());
    scene.sandbox->set_outage(Endpoint::primary, Outage::refuse);
    CHECK(present.is_closed_by_peer());
    CHECK_FALSE(scene.connect().is_connected());
    CHECK(scene.connect(Endpoint::backup).is_open());
    scene.sandbox->set_outage(Endpoint::primary, std::nullopt);
    CHECK(scene.ask(scene.merchant->invalidate(scene.card(0))).status == 200);
  }

  TEST_CASE("sandbox outage: a black hole accepts and says nothing and applies nothing") {
    Scene scene;
    auto present = scene.connect(Endpoint::primary, 200ms);
    REQUIRE(present.is_open());
    scene.sandbox->set_outage(Endpoint::primary, Outage::black_hole);
    const auto answer = present.exchange(scene.merchant->invalidate(scene.card(0)).bytes());
    CHECK(answer.end == HttpAnswer::nothing);
    const auto late = scene.connect(Endpoint::primary, 200ms);
    CHECK(late.is_connected());
    CHECK_FALSE(late.is_open());
    CHECK(scene.sandbox->counters().invalidate_requests == 0);
    scene.sandbox->set_outage(Endpoint::primary, std::nullopt);
    CHECK(present.is_closed_by_peer());
    CHECK(scene.ask(scene.merchant->invalidate(scene.card(0))).status == 200);
    CHECK(scene.sandbox->applied().size() == 1);
  }

  TEST_CASE("sandbox outage: a scheduled one begins and ends by itself") {
    auto settings = plain_settings();
    settings.outages = {{Endpoint::backup, 0ms, 400ms, Outage::refuse}};
    Scene scene{settings};
    // The schedule began with the start; wait for both of its events.
    const auto becomes = [&](bool connected) {
      for (int i = 0; i < 1000; ++i) {
        if (scene.connect(Endpoint::backup).is_connected() == connected) return true;
        std::this_thread::sleep_for(5ms);  // a client learns of neither, it can only try
      }
      return false;
    };
    CHECK(becomes(false));
    CHECK(becomes(true));
    CHECK(scene.connect(Endpoint::primary).is_open());
  }

  TEST_CASE("sandbox: it ends promptly with connections open and a request under way") {
    auto settings = plain_settings();
    settings.latency_min = settings.latency_max = 60s;
    std::promise<void> seen;
    settings.on_request = [&](const VerifiedRequest&) { seen.set_value(); };
    Scene scene{settings};
    auto idle = scene.connect();
    auto connection = scene.connect();
    HttpAnswer answer;
    std::thread asking{[&] { answer = connection.exchange(scene.merchant->query(scene.card(0)).bytes()); }};
    seen.get_future().wait();
    scene.sandbox.reset();
    asking.join();
    CHECK(answer.end == HttpAnswer::reset);
    CHECK(idle.is_closed_by_peer());
  }
}
