// Every fault as a client sees it, and what the platform really did.

#include <doctest/doctest.h>

#include <ostream>

#include "support/scene.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sandbox;
  using namespace std::chrono_literals;

  namespace {

  // Asks once under a fault that is certain to strike.
  struct Struck {
    explicit Struck(Fault fault, milliseconds patience = 5s) {
      scene.sandbox->set_faults({{fault, 1.0}});
      answer = scene.ask(scene.merchant->invalidate(scene.card(0)), patience);
      CHECK(scene.sandbox->counters().faults == 1);
      scene.sandbox->set_faults({});
    }
    bool was_applied() { return scene.sandbox->applied().size() == 1; }
    std::string code() const { return json_text(answer.body, "code"); }
    Scene scene;
    HttpAnswer answer;
  };

  }  // namespace

  TEST_CASE("sandbox fault: system_error applies nothing") {
    Struck struck{Fault::system_error};
    CHECK(struck.answer.status == 500);
    CHECK(struck.code() == "SYSTEM_ERROR");
    CHECK_FALSE(struck.was_applied());
    CHECK(struck.scene.ask(struck.scene.merchant->invalidate(struck.scene.card(0))).status == 200);
  }

  TEST_CASE("sandbox fault: system_error_applied has changed the card") {
    Struck struck{Fault::system_error_applied};
    CHECK(struck.answer.status == 500);
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: throttle is a 429 below the limit") {
    Struck struck{Fault::throttle};
    CHECK(struck.answer.status == 429);
    CHECK(struck.scene.sandbox->counters().throttled == 0);
    CHECK_FALSE(struck.was_applied());
  }

  TEST_CASE("sandbox fault: gateway is a 502 in HTML") {
    Struck struck{Fault::gateway};
    CHECK(struck.answer.status == 502);
    CHECK(struck.answer.headers.at("content-type") == "text/html");
    CHECK_FALSE(struck.answer.headers.contains("request-id"));
    CHECK_FALSE(struck.was_applied());
  }

  TEST_CASE("sandbox fault: reset ends the connection before applying") {
    Struck struck{Fault::reset};
    CHECK(struck.answer.end == HttpAnswer::reset);
    CHECK_FALSE(struck.was_applied());
  }

  TEST_CASE("sandbox fault: reset_applied ends the connection after applying") {
    Struck struck{Fault::reset_applied};
    CHECK(struck.answer.end == HttpAnswer::reset);
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: no_answer swallows the request") {
    Struck struck{Fault::no_answer, 200ms};
    CHECK(struck.answer.end == HttpAnswer::nothing);
    CHECK_FALSE(struck.was_applied());
  }

  TEST_CASE("sandbox fault: no_answer_applied swallows the answer") {
    Struck struck{Fault::no_answer_applied, 200ms};
    CHECK(struck.answer.end == HttpAnswer::nothing);
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: bad_signature does not verify") {
    Struck struck{Fault::bad_signature};
    CHECK(struck.answer.status == 200);
    CHECK(struck.scene.verdict(struck.answer) == "bad_signature");
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: probe_signature carries the platform's mark") {
    Struck struck{Fault::probe_signature};
    CHECK(struck.answer.headers.at("wechatpay-signature").starts_with("WECHATPAY/SIGNTEST/"));
    CHECK(struck.scene.verdict(struck.answer) == "probe");
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: stale_timestamp is signed well but long ago") {
    Struck struck{Fault::stale_timestamp};
    CHECK(struck.scene.verdict(struck.answer) == "stale");
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: wrong_card echoes another code under a good signature") {
    Struck struck{Fault::wrong_card};
    CHECK(struck.scene.verdict(struck.answer) == "verified");
    CHECK(json_text(struck.answer.body, "user_card_code") != struck.scene.card(0).code);
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: wrong_openid and other_brand echo the card with another member or brand") {
    Struck member{Fault::wrong_openid};
    CHECK(member.scene.verdict(member.answer) == "verified");
    CHECK(json_text(member.answer.body, "user_card_code") == member.scene.card(0).code);
    CHECK(json_text(member.answer.body, "openid") != member.scene.card(0).openid);
    CHECK(member.was_applied());
    Struck brand{Fault::other_brand};
    CHECK(brand.scene.verdict(brand.answer) == "verified");
    CHECK(json_text(brand.answer.body, "openid") == brand.scene.card(0).openid);
    CHECK(json_text(brand.answer.body, "brand_id") != brand.scene.card(0).brand_id);
    CHECK(brand.was_applied());
  }

  TEST_CASE("sandbox fault: not_invalid says EFFECTIVE with an invalid_time") {
    Struck struck{Fault::not_invalid};
    CHECK(json_text(struck.answer.body, "user_card_state") == "EFFECTIVE");
    CHECK(json_text(struck.answer.body, "invalid_time") ==
          struck.scene.sandbox->applied().at(0).invalid_time);
    const auto query = struck.scene.ask(struck.scene.merchant->query(struck.scene.card(0)));
    CHECK(json_text(query.body, "user_card_state") == "INVALID");
  }

  TEST_CASE("sandbox fault: truncated ends inside the body") {
    Struck struck{Fault::truncated};
    CHECK(struck.answer.end == HttpAnswer::closed);
    CHECK(struck.answer.status == 200);
    CHECK_FALSE(struck.answer.body.empty());
    CHECK(struck.answer.body.size() < std::stoul(struck.answer.headers.at("content-length")));
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: slow answers a second later") {
    const auto start = std::chrono::steady_clock::now();
    Struck struck{Fault::slow};
    CHECK(std::chrono::steady_clock::now() - start >= 1s);
    CHECK(struck.answer.status == 200);
    CHECK(struck.was_applied());
  }

  TEST_CASE("sandbox fault: read-backs are spared unless they are named") {
    auto settings = plain_settings();
    settings.faults = {{Fault::system_error, 1.0}};
    {
      Scene scene{settings};
      CHECK(scene.ask(scene.merchant->query(scene.card(0))).status == 200);
    }
    settings.fault_read_backs = true;
    Scene scene{settings};
    CHECK(scene.ask(scene.merchant->query(scene.card(0))).status == 500);
  }

  TEST_CASE("sandbox fault: a refusal is not spoilt by a fault of signed answers") {
    Scene scene;
    scene.sandbox->set_faults({{Fault::bad_signature, 1.0}});
    auto card = scene.card(0);
    card.code = "unknown";
    CHECK(scene.ask(scene.merchant->invalidate(card)).status == 404);
    CHECK(scene.sandbox->counters().faults == 0);
  }

  TEST_CASE("sandbox read-back lag: for so long a read-back finds the card as it was") {
    Settings settings;
    settings.requests_per_second = 0;
    settings.read_back_lag = 300ms;
    Desk desk{settings};
    const auto card = desk.card("1");
    CHECK(json_text(desk.send(desk.merchant->invalidate(card)).body, "user_card_state") == "INVALID");
    desk.now.wall += 299ms;
    const auto early = desk.send(desk.merchant->query(card)).body;
    CHECK(json_text(early, "user_card_state") == "EFFECTIVE");
    CHECK(json_text(early, "invalid_time") == "<absent>");
    desk.now.wall += 1ms;
    CHECK(json_text(desk.send(desk.merchant->query(card)).body, "user_card_state") == "INVALID");
  }

  TEST_CASE("sandbox: an observer sees every request that verified and whether its card was INVALID") {
    std::vector<VerifiedRequest> seen;
    Settings settings;
    settings.requests_per_second = 0;
    settings.on_request = [&](const VerifiedRequest& request) { seen.push_back(request); };
    Desk desk{settings};
    desk.send(desk.merchant->invalidate(desk.card("1")));
    desk.send(desk.merchant->invalidate(desk.card("1")));
    desk.send(desk.merchant->query(desk.card("2")));
    auto forged = desk.merchant->invalidate(desk.card("3"));
    forged.body += ' ';
    desk.send(forged);
    REQUIRE(seen.size() == 3);
    CHECK_FALSE(seen[0].was_invalid);
    CHECK(seen[1].was_invalid);
    CHECK(seen[1].kind == model::AttemptKind::invalidate);
    CHECK(seen[2].kind == model::AttemptKind::read_back);
    CHECK(seen[2].code == "2");
  }
}
