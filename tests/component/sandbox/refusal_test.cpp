// What the simulator answers to requests that are wrong and to cards in every state. No sockets.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <ostream>

#include "parties.hpp"
#include "support/merchant.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sandbox;
  using namespace std::chrono_literals;
  using model::Api;

  namespace {

  // "400 PARAM_ERROR", or "200" and the card's state.
  std::string say(const Reaction& reaction) {
    if (reaction.kind != Reaction::answer) return "no answer";
    if (reaction.body.empty()) return std::to_string(reaction.status) + " empty";
    return std::to_string(reaction.status) + " " +
           json_text(reaction.body, reaction.status == 200 ? "user_card_state" : "code");
  }

  struct Spoiler {
    const char* what;
    void (*spoil)(Letter& letter, Merchant& merchant);
    const char* answer;
  };

  std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  }

  void with_body(Letter& letter, Merchant& merchant, std::string body) {
    letter.body = std::move(body);
    merchant.sign(letter);
  }

  void with_target(Letter& letter, Merchant& merchant, std::string target) {
    letter.target = std::move(target);
    merchant.sign(letter);
  }

  }  // namespace

  TEST_CASE("sandbox: a correct invalidation answers 200 with the INVALID card and is recorded") {
    Desk desk{plain_settings()};
    const auto reaction = desk.send(desk.merchant->invalidate(desk.card("1")));
    CHECK(say(reaction) == "200 INVALID");
    CHECK(reaction.signing == Signing::good);
    CHECK(json_text(reaction.body, "user_card_code") == "1");
    CHECK(json_text(reaction.body, "card_id") == k_card_id);
    CHECK(json_text(reaction.body, "invalid_reason") == "会员计划已结束");
    const auto applied = desk.simulator->applied();
    REQUIRE(applied.size() == 1);
    CHECK(applied[0].code == "1");
    CHECK(applied[0].reason == "会员计划已结束");
    CHECK(applied[0].invalid_time == json_text(reaction.body, "invalid_time"));
    CHECK(desk.counters().invalidate_requests == 1);
  }

  TEST_CASE("sandbox: the brand API takes the brand from the Authorization header") {
    Desk desk{plain_settings()};
    CHECK(say(desk.send(desk.merchant->invalidate(desk.card("1"), Api::brand))) == "200 INVALID");
    CHECK(say(desk.send(desk.merchant->query(desk.card("1"), Api::brand))) == "200 INVALID");
    CHECK(desk.simulator->applied().at(0).brand_id == k_brand_id);
  }

  TEST_CASE("sandbox: a query reads the card and changes nothing") {
    Desk desk{plain_settings()};
    CHECK(say(desk.send(desk.merchant->query(desk.card("1")))) == "200 EFFECTIVE");
    CHECK(say(desk.send(desk.merchant->query(desk.card("2")))) == "200 INVALID");
    CHECK(desk.simulator->applied().empty());
    CHECK(desk.counters().read_back_requests == 2);
  }

  TEST_CASE("sandbox: a code with punctuation arrives as it was meant") {
    Desk desk{plain_settings()};
    CHECK(say(desk.send(desk.merchant->invalidate(desk.card("a/b c%")))) == "200 INVALID");
    CHECK(desk.simulator->applied().at(0).code == "a/b c%");
  }

  TEST_CASE("sandbox: cards that cannot be invalidated are refused as the documents say") {
    Desk desk{plain_settings()};
    const auto ask = [&](const model::Card& card) { return say(desk.send(desk.merchant->invalidate(card))); };
    CHECK(ask(desk.card("unknown")) == "404 RESOURCE_NOT_EXISTS");
    CHECK(ask(desk.card("3")) == "400 INVALID_REQUEST");
    CHECK(ask(desk.card("4")) == "400 INVALID_REQUEST");
    auto card = desk.card("1");
    card.openid = "oSomebodyElse";
    CHECK(ask(card) == "400 INVALID_REQUEST");
    card = desk.card("1");
    card.brand_id = "1005";
    CHECK(ask(card) == "400 INVALID_REQUEST");
    card = desk.card("1");
    card.card_id = "anotherTemplate";
    CHECK(ask(card) == "400 INVALID_REQUEST");
    CHECK(desk.simulator->applied().empty());
    CHECK(desk.send(desk.merchant->invalidate(desk.card("unknown"))).signing == Signing::none);
  }

  TEST_CASE("sandbox: a card that is INVALID already answers in the way that was chosen") {
    auto settings = plain_settings();
    SUBCASE("with the original time") {
      Desk desk{settings};
      const auto first = desk.send(desk.merchant->query(desk.card("2")));
      const auto again = desk.send(desk.merchant->invalidate(desk.card("2")));
      CHECK(say(again) == "200 INVALID");
      CHECK(json_text(again.body, "invalid_time") == json_text(first.body, "invalid_time"));
      CHECK(desk.counters().after_invalid == 1);
      CHECK(desk.simulator->applied().empty());
    }
    SUBCASE("with an error") {
      settings.already_invalid = AlreadyInvalid::error_400;
      Desk desk{settings};
      CHECK(say(desk.send(desk.merchant->invalidate(desk.card("2")))) == "400 INVALID_REQUEST");
    }
    SUBCASE("with a new time") {
      settings.already_invalid = AlreadyInvalid::ok_new_time;
      Desk desk{settings};
      const auto first = desk.send(desk.merchant->query(desk.card("2")));
      const auto again = desk.send(desk.merchant->invalidate(desk.card("2")));
      CHECK(json_text(again.body, "invalid_time") != json_text(first.body, "invalid_time"));
      CHECK(desk.simulator->applied().empty());
    }
  }

  TEST_CASE("sandbox: a request that breaks a rule is refused and changes nothing") {
    const Spoiler spoilers[] = {
        {"unknown path", [](Letter& l, Merchant&) { l.target = "/v3/certificates"; }, "404 empty"},
        {"a slash too many",
         [](Letter& l, Merchant&) { l.target = replaced(l.target, "/invalidate", "/invalidate/"); },
         "404 empty"},
        {"wrong method", [](Letter& l, Merchant&) { l.method = "PUT"; }, "405 empty"},
        {"no User-Agent", [](Letter& l, Merchant&) { l.headers.erase("User-Agent"); }, "400 INVALID_REQUEST"},
        {"no Accept", [](Letter& l, Merchant&) { l.headers.erase("Accept"); }, "400 INVALID_REQUEST"},
        {"form body", [](Letter& l, Merchant&) { l.headers["Content-Type"] = "text/plain"; },
         "400 INVALID_REQUEST"},
        {"no Authorization", [](Letter& l, Merchant&) { l.headers.erase("Authorization"); },
         "401 SIGN_ERROR"},
        {"body changed", [](Letter& l, Merchant&) { l.body += " "; }, "401 SIGN_ERROR"},
        {"query changed", [](Letter& l, Merchant&) { l.target += "&x=1"; }, "401 SIGN_ERROR"},
        {"blank between attributes",
         [](Letter& l, Merchant&) {
           l.headers["Authorization"] = replaced(l.headers["Authorization"], ",nonce", ", nonce");
         },
         "401 SIGN_ERROR"},
        {"attribute twice",
         [](Letter& l, Merchant&) { l.headers["Authorization"] += ",mchid=\"1900000001\""; },
         "401 SIGN_ERROR"},
        {"broken base64",
         [](Letter& l, Merchant&) {
           l.headers["Authorization"] = replaced(l.headers["Authorization"], "==\"", "=\"");
         },
         "401 SIGN_ERROR"},
        {"brand scheme on a partner path",
         [](Letter& l, Merchant& m) {
           m.scheme = k_brand_scheme, m.id_name = "brand_id", m.id = k_brand_id;
           m.sign(l);
         },
         "401 SIGN_ERROR"},
        {"another merchant", [](Letter& l, Merchant& m) { m.id = "1900000002", m.sign(l); },
         "401 SIGN_ERROR"},
        {"another certificate", [](Letter& l, Merchant& m) { m.serial_no = "00", m.sign(l); },
         "401 SIGN_ERROR"},
        {"nonce too long",
         [](Letter& l, Merchant& m) { m.sign(l, m.now.time_since_epoch() / 1s, std::string(33, 'a')); },
         "401 SIGN_ERROR"},
        {"wrong Wechatpay-Serial",
         [](Letter& l, Merchant&) { l.headers["Wechatpay-Serial"] = "PUB_KEY_ID_2"; }, "400 PARAM_ERROR"},
        {"no Wechatpay-Serial", [](Letter& l, Merchant&) { l.headers.erase("Wechatpay-Serial"); },
         "400 PARAM_ERROR"},
        {"lower-case escapes",
         [](Letter& l, Merchant& m) { with_target(l, m, replaced(l.target, "/1/", "/%2f/")); },
         "400 PARAM_ERROR"},
        {"needless escapes",
         [](Letter& l, Merchant& m) { with_target(l, m, replaced(l.target, "/1/", "/%31/")); },
         "400 PARAM_ERROR"},
        {"form-style blank",
         [](Letter& l, Merchant& m) { with_target(l, m, replaced(l.target, "/1/", "/a+b/")); },
         "400 PARAM_ERROR"},
        {"code too long",
         [](Letter& l, Merchant& m) {
           with_target(l, m, replaced(l.target, "/1/", "/" + std::string(33, '1') + "/"));
         },
         "400 PARAM_ERROR"},
        {"code not ASCII",
         [](Letter& l, Merchant& m) { with_target(l, m, replaced(l.target, "/1/", "/%E5%8D%A1/")); },
         "400 PARAM_ERROR"},
        {"query without card_id",
         [](Letter& l, Merchant& m) { with_target(l, m, l.target.substr(0, l.target.find("&card_id"))); },
         "400 PARAM_ERROR"},
        {"query with a stranger", [](Letter& l, Merchant& m) { with_target(l, m, l.target + "&x=1"); },
         "400 PARAM_ERROR"},
        {"query twice", [](Letter& l, Merchant& m) { with_target(l, m, l.target + "&brand_id=1004"); },
         "400 PARAM_ERROR"},
        {"not JSON", [](Letter& l, Merchant& m) { with_body(l, m, "openid=o"); }, "400 PARAM_ERROR"},
        {"no openid", [](Letter& l, Merchant& m) { with_body(l, m, "{}"); }, "400 PARAM_ERROR"},
        {"empty openid", [](Letter& l, Merchant& m) { with_body(l, m, R"({"openid":""})"); },
         "400 PARAM_ERROR"},
        {"reason null",
         [](Letter& l, Merchant& m) { with_body(l, m, R"({"openid":"o","invalid_reason":null})"); },
         "400 PARAM_ERROR"},
        {"reason empty",
         [](Letter& l, Merchant& m) { with_body(l, m, R"({"openid":"o","invalid_reason":""})"); },
         "400 PARAM_ERROR"},
        {"reason of 33 characters",
         [](Letter& l, Merchant& m) {
           with_body(l, m, R"({"openid":"o","invalid_reason":")" + std::string(33, 'x') + R"("})");
         },
         "400 PARAM_ERROR"},
        {"reason with an emoji",
         [](Letter& l, Merchant& m) { with_body(l, m, R"({"openid":"o","invalid_reason":"😀"})"); },
         "400 PARAM_ERROR"},
        {"field unknown here",
         [](Letter& l, Merchant& m) { with_body(l, m, R"({"openid":"o","card_id":"x"})"); },
         "400 PARAM_ERROR"},
        {"field twice", [](Letter& l, Merchant& m) { with_body(l, m, R"({"openid":"o","openid":"p"})"); },
         "400 PARAM_ERROR"},
    };
    Desk desk{plain_settings()};
    for (const auto& spoiler : spoilers) {
      CAPTURE(spoiler.what);
      auto& merchant = *desk.merchant;
      const auto serial = merchant.serial_no;
      auto letter = merchant.invalidate(desk.card("1"));
      spoiler.spoil(letter, merchant);
      merchant.serial_no = serial;
      const auto reaction = desk.send(letter);
      CHECK(say(reaction) == spoiler.answer);
      CHECK(reaction.signing == Signing::none);
    }
    CHECK(desk.simulator->applied().empty());
    CHECK(say(desk.send(desk.merchant->invalidate(desk.card("1")))) == "200 INVALID");
  }

  TEST_CASE("sandbox: a reason of 32 Chinese characters passes") {
    Desk desk{plain_settings()};
    auto card = desk.card("1");
    card.reason.clear();
    for (int i = 0; i < 32; ++i) card.reason += "废";
    CHECK(say(desk.send(desk.merchant->invalidate(card))) == "200 INVALID");
  }

  TEST_CASE("sandbox: the timestamp may be five minutes off and is judged before the signature") {
    Desk desk{plain_settings()};
    const auto here = desk.now.wall.time_since_epoch() / 1s;
    const auto at = [&](std::int64_t timestamp) {
      auto letter = desk.merchant->query(desk.card("1"));
      desk.merchant->sign(letter, timestamp);
      return desk.send(letter);
    };
    CHECK(say(at(here - 300)) == "200 EFFECTIVE");
    CHECK(say(at(here + 300)) == "200 EFFECTIVE");
    CHECK(say(at(here - 301)) == "401 SIGN_ERROR");
    CHECK(json_text(at(here + 301).body, "message").find("timestamp") != std::string::npos);
    CHECK(json_text(at(here * 1000).body, "message").find("timestamp") != std::string::npos);  // milliseconds
  }

  TEST_CASE("sandbox: a refused signature shows what the platform would have signed") {
    Desk desk{plain_settings()};
    auto letter = desk.merchant->invalidate(desk.card("1"));
    letter.body += " ";
    const auto body = boost::json::parse(desk.send(letter).body);
    const auto& seen = body.at("detail").at("sign_information");
    CHECK(seen.at("method").as_string() == "POST");
    CHECK(seen.at("url").as_string() == letter.target);
    CHECK(seen.at("truncated_sign_message").as_string().starts_with("POST\n/v3/brand/partner/"));
  }

  TEST_CASE("sandbox: a nonce is taken once in five minutes") {
    Desk desk{plain_settings()};
    const auto letter = desk.merchant->query(desk.card("1"));
    CHECK(say(desk.send(letter)) == "200 EFFECTIVE");
    CHECK(say(desk.send(letter)) == "401 SIGN_ERROR");
    CHECK(desk.counters().replayed_nonces == 1);
    desk.now.steady += 5min;
    CHECK(say(desk.send(letter)) == "200 EFFECTIVE");
  }

  TEST_CASE("sandbox: a query must name the openid and carry no body") {
    Desk desk{plain_settings()};
    auto letter = desk.merchant->query(desk.card("1"));
    with_target(letter, *desk.merchant, letter.target.substr(0, letter.target.find("&openid")));
    CHECK(say(desk.send(letter)) == "400 PARAM_ERROR");
    letter = desk.merchant->query(desk.card("1"));
    with_body(letter, *desk.merchant, "{}");
    CHECK(say(desk.send(letter)) == "400 PARAM_ERROR");
  }
}
