#include <doctest/doctest.h>

#include <cardvoid/base/text.hpp>
#include <cardvoid/wechatpay/answer.hpp>
#include <ostream>

#include "published.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::wechatpay;
  using namespace std::chrono_literals;
  using model::AttemptKind;
  using model::Outcome;

  namespace {

  constexpr std::string_view k_time = "2020-05-20T13:29:35.120+08:00";

  constexpr std::string_view k_openid = "obLatjnx9gnqzS4myYGmLZ7LgLBA";

  std::string card_json(std::string_view state, std::string_view code = "478515832665",
                        std::string_view card_id = "pbLatjvWOibDc5-TBnbUk1pD12o0",
                        std::string_view openid = k_openid) {
    return R"({"level":"","user_card_code":")" + std::string{code} + R"(","card_id":")" +
           std::string{card_id} + R"(","brand_id":"1001622624","openid":")" + std::string{openid} +
           R"(","valid_date_information":{"type":"PERMANENT"},)" + R"("user_card_state":")" +
           std::string{state} + R"(","invalid_time":")" + std::string{k_time} + R"("})";
  }

  std::string error_json(std::string_view code, std::string_view message = "说明") {
    return R"({"code":")" + std::string{code} + R"(","message":")" + std::string{message} + R"("})";
  }

  Outcome answered(unsigned status, std::string_view body, Verdict verdict,
                   AttemptKind kind = AttemptKind::invalidate) {
    Answer answer{status, {}, body, verdict};
    answer.headers.serial = "PUB_KEY_ID_7";
    return classify(answer, kind, published::card());
  }

  // A card whose members begin with these, such as R"("attach":"x",)".
  std::string card_with(std::string_view members) {
    auto json = card_json("INVALID");
    return json.insert(1, members);
  }

  // The kind in words, so that a failure reads as a sentence. Errors come unsigned, as the platform sends
  // them.
  std::string_view refusal(unsigned status, std::string_view body) {
    return to_text(answered(status, body, Verdict::no_signature).kind);
  }
  std::string_view success(std::string_view body) {
    return to_text(answered(200, body, Verdict::verified).kind);
  }

  }  // namespace

  TEST_CASE("answer: verified and this card and INVALID is confirmed with state and time byte for byte") {
    for (const auto kind : {AttemptKind::invalidate, AttemptKind::read_back}) {
      const auto outcome = answered(200, card_json("INVALID"), Verdict::verified, kind);
      CHECK(to_text(outcome.kind) == "confirmed");
      CHECK(outcome.http_status == 200);
      CHECK(outcome.card_state == "INVALID");
      CHECK(outcome.invalid_time == k_time);
      CHECK(outcome.error_code == "");
      CHECK(outcome.error_message == "");
    }
  }

  TEST_CASE("answer: another state is not a success though a time of invalidation stands beside it") {
    const auto outcome = answered(200, card_json("EFFECTIVE"), Verdict::verified);
    CHECK(to_text(outcome.kind) == "not_invalid");
    CHECK(outcome.card_state == "EFFECTIVE");
    CHECK(outcome.invalid_time == k_time);
    CHECK(outcome.error_code == "NOT_INVALID");
    CHECK(outcome.error_message == "HTTP 200, yet the card is EFFECTIVE");
    for (const auto* state : {"UNACTIVATED", "EXPIRED", "SOMETHING_NEW", "invalid", "INVALID "})
      CHECK(success(card_json(state)) == "not_invalid");
  }

  TEST_CASE("answer: a card that is read back as still good is no error") {
    const auto outcome = answered(200, card_json("EFFECTIVE"), Verdict::verified, AttemptKind::read_back);
    CHECK(to_text(outcome.kind) == "not_invalid");
    CHECK(outcome.card_state == "EFFECTIVE");
    CHECK(outcome.error_code == "");
  }

  TEST_CASE("answer: an echo of another card is never a success and shows no whole code") {
    const auto outcome = answered(200, card_json("INVALID", "478515832666"), Verdict::verified);
    CHECK(to_text(outcome.kind) == "wrong_card");
    CHECK(outcome.card_state == "");
    CHECK(outcome.invalid_time == "");
    CHECK(outcome.error_code == "WRONG_CARD");
    CHECK(outcome.error_message.find("478515832666") == std::string::npos);
    CHECK(success(card_json("INVALID", "478515832665", "pbLatjvWOibDc5-TBnbUk1pD12o1")) == "wrong_card");
    CHECK(success(card_json("INVALID", "478515832665 ")) == "wrong_card");
    CHECK(success(card_json("INVALID", "478515832665", "PBLATJVWOIBDC5-TBNBUK1PD12O0")) == "wrong_card");
  }

  TEST_CASE("answer: a hostile code is compared after JSON unescaping") {
    auto card = published::card();
    card.code = "/?#%&+=,;~\" \\";
    const auto body = card_json("INVALID", R"(\/?#%&+=\u002c;~\" \\)");
    CHECK(to_text(classify({200, {}, body, Verdict::verified}, AttemptKind::invalidate, card).kind) ==
          "confirmed");
  }

  TEST_CASE("answer: unknown fields and a wrong type of an optional one do not spoil a card") {
    CHECK(
        success(
            R"({"new":[{"a":null}],"user_card_code":"478515832665","card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0",)"
            R"("openid":"obLatjnx9gnqzS4myYGmLZ7LgLBA","user_card_state":"INVALID","invalid_time":null,)"
            R"("brand_id":7,"code":7})") == "confirmed");
  }

  TEST_CASE("answer: an echo of another member is about another card and shows no whole openid") {
    for (const auto kind : {AttemptKind::invalidate, AttemptKind::read_back})
      for (const auto* state : {"INVALID", "EFFECTIVE"}) {
        const auto outcome = answered(
            200,
            card_json(state, "478515832665", "pbLatjvWOibDc5-TBnbUk1pD12o0", "oAnother-member-of-that-brand"),
            Verdict::verified, kind);
        CHECK(to_text(outcome.kind) == "wrong_card");
        CHECK(outcome.card_state == "");
        CHECK(outcome.error_code == "WRONG_CARD");
        CHECK(outcome.error_message ==
              "the answer is about this card in the hands of another member: openid ****rand");
        CHECK(outcome.advice.find("safety.match_openid = false is for that") != std::string::npos);
      }
    CHECK(success(card_json("INVALID", "478515832665", "pbLatjvWOibDc5-TBnbUk1pD12o0",
                            "OBLATJNX9GNQZS4MYYGMLZ7LGLBA")) == "wrong_card");
  }

  TEST_CASE("answer: an openid that is missing or no text proves no member") {
    for (const auto* openid :
         {"", R"("openid":null,)", R"("openid":"",)", R"("openid":7,)", R"("openid":["o"],)"}) {
      CAPTURE(openid);
      const auto body = std::string{"{"} + openid +
                        R"("user_card_code":"478515832665","card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0",)"
                        R"("user_card_state":"INVALID"})";
      const auto outcome = answered(200, body, Verdict::verified);
      CHECK(to_text(outcome.kind) == "unreadable");
      CHECK(outcome.error_message.starts_with("HTTP 200 whose body is not a card: openid is "));
    }
  }

  TEST_CASE("answer: without match_openid no openid is looked at and code and template still are") {
    const auto kind = [](const std::string& body) {
      return to_text(classify({200, {}, body, Verdict::verified}, AttemptKind::invalidate, published::card(),
                              {false, std::nullopt})
                         .kind);
    };
    const std::string other = "oAnother-member-of-that-brand", template_id = "pbLatjvWOibDc5-TBnbUk1pD12o0";
    CHECK(kind(card_json("INVALID", "478515832665", template_id, other)) == "confirmed");
    CHECK(kind(card_with(R"("openid":"x",)")) == "confirmed");
    CHECK(kind(R"({"user_card_code":"478515832665","card_id":")" + template_id +
               R"(","user_card_state":"INVALID"})") == "confirmed");
    CHECK(kind(card_json("INVALID", "478515832666", template_id, other)) == "wrong_card");
    CHECK(kind(card_json("INVALID", "478515832665", "another", other)) == "wrong_card");
  }

  TEST_CASE("answer: another brand_id is noted and changes nothing") {
    const auto is_noted = [](const std::string& body) {
      const auto outcome = answered(200, body, Verdict::verified);
      CHECK(to_text(outcome.kind) == "confirmed");
      return outcome.other_brand;
    };
    auto same = card_json("INVALID");
    same.replace(same.find("1001622624"), 10, "1004");
    auto none = card_json("INVALID");
    none.replace(none.find("brand_id"), 8, "brand_no");
    CHECK(is_noted(card_json("INVALID")));
    CHECK_FALSE(is_noted(same));
    CHECK_FALSE(is_noted(none));
    CHECK_FALSE(answered(200, card_json("INVALID", "1"), Verdict::verified).other_brand);
    CHECK_FALSE(answered(200, card_json("INVALID"), Verdict::bad_signature).other_brand);
  }

  TEST_CASE("answer: a member that was not asked for may hold anything that has an end") {
    for (const auto* members :
         {R"("nick":"\ud83d",)", R"("nick":"\udc00 \ud83d\ud83d",)", R"("nick":"a\ud83d\u0041\\",)",
          "\"attach\":\"VIP \x14\x01\n\t\",", "\"attach\":\"VIP \xE4\xBC\",", "\"x\xFF\\ud83d\x02\":1,",
          R"("seq":182064985846377039030378,)", R"("ratio":1e400,"other":-1E+99999999999999,"low":1e-400,)",
          R"("nick":"a\u0000b","y":"\ud83d\ude00",)", R"("user_card_Code":"1","x":{"user_card_code":"1"},)",
          R"("x":[{"user_card_state":"EFFECTIVE"},["user_card_code","1"]],)"}) {
      CAPTURE(members);
      CHECK(success(card_with(members)) == "confirmed");
    }
    CHECK(success(card_with("\"x\":" + std::string(3'000, '[') + std::string(3'000, ']') + ",")) ==
          "confirmed");
    CHECK(success(card_with("\"x\":" + std::string(300'000, '9') + ",")) == "confirmed");
    CHECK(success("\xEF\xBB\xBF" + card_json("INVALID") + "\r\n") == "confirmed");
  }

  TEST_CASE("answer: what has no end or is no JSON stays unreadable") {
    for (const auto* members : {R"("x":01,)", R"("x":tru,)", R"("x":[1},)", R"("x":"\q",)", R"("x":"\ud8",)",
                                "\"x\":\x14,", R"("x":1e,)", "\"x,"})
      CHECK(success(card_with(members)) == "unreadable");
    CHECK(success(card_with("\"x\":" + std::string(5'000, '[') + std::string(5'000, ']') + ",")) ==
          "unreadable");
  }

  TEST_CASE("answer: a field that is needed and holds no text is unreadable") {
    for (const auto& [from, to] : {std::pair{"478515832665", "47851583266\\ud83d"},
                                   {"478515832665",
                                    "478515\x14"
                                    "832665"},
                                   {"INVALID\"", "INVALID\n\""},
                                   {"INVALID\"", "INVALID\xE4\xBC\""},
                                   {"obLatjnx", "\\udc00obLatjnx"},
                                   {"pbLatjvW", "pbLatjvW\xFF"}}) {
      auto body = card_json("INVALID");
      body.replace(body.find(from), std::string_view{from}.size(), to);
      CAPTURE(body);
      const auto outcome = answered(200, body, Verdict::verified);
      CHECK(to_text(outcome.kind) == "unreadable");
      CHECK(outcome.error_message.find(" is not a text") != std::string::npos);
    }
  }

  TEST_CASE("answer: a field that stands twice with different values is unreadable in any order") {
    for (const auto* members :
         {R"("user_card_state":"EFFECTIVE",)", R"("user_card_code":"478515832666",)", R"("card_id":"x",)",
          R"("openid":"x",)", R"("user_card_state":null,)", R"("brand_id":"x",)", R"("invalid_time":"x",)",
          R"("user_card_\u0073tate":"UNACTIVATED",)"})
      for (const bool first : {true, false}) {
        CAPTURE(members);
        auto body = card_json("INVALID");
        if (first)
          body.insert(1, members);
        else
          body.replace(body.size() - 1, 1,
                       "," + std::string{members, std::string_view{members}.size() - 1} + "}");
        const auto outcome = answered(200, body, Verdict::verified);
        CHECK(to_text(outcome.kind) == "unreadable");
        CHECK(outcome.card_state == "");
        CHECK(outcome.error_message.find("stands twice, with different values") != std::string::npos);
      }
    CHECK(success(card_with(R"("user_card_state":"INVALID","openid":"obLatjnx9gnqzS4myYGmLZ7LgLBA",)")) ==
          "confirmed");
    CHECK(success(card_with(R"("user_card_state":"\u0049NVALID","attach":1,"attach":2,)")) == "confirmed");
  }

  TEST_CASE("answer: an error whose code stands twice with different values is unknown in any order") {
    using std::string;
    for (const unsigned status : {302u, 400u, 401u, 403u, 404u, 405u, 429u, 500u, 502u})
      for (const auto& [one, other] : {std::pair{R"("PARAM_ERROR")", R"("RESOURCE_NOT_EXISTS")"},
                                       {R"("SIGN_ERROR")", R"("NO_AUTH")"},
                                       {R"("RULE_LIMIT")", "404"},
                                       {R"("FREQUENCY_LIMITED")", "null"},
                                       {R"("NOT_FOUND")", "{}"},
                                       {R"("SYSTEM_ERROR")", R"("")"}})
        for (const bool swapped : {false, true}) {
          const auto body = R"({"code":)" + string{swapped ? other : one} + R"(,"message":"x","c\u006fde":)" +
                            string{swapped ? one : other} + "}";
          CAPTURE(status);
          CAPTURE(body);
          const auto outcome = answered(status, body, Verdict::no_signature);
          CHECK(to_text(outcome.kind) == "unknown_answer");
          CHECK(outcome.error_code == "HTTP_" + std::to_string(status));
          CHECK(outcome.error_message == "HTTP " + std::to_string(status) +
                                             " with JSON in which code stands twice, with different values");
          CHECK(outcome.advice == "");
        }
    CHECK(refusal(404, R"({"code":"NOT_FOUND","message":"x","code":"NOT_FOUND"})") == "refused");
    CHECK(refusal(404, R"({"code":404,"code":404})") == "setup_refused");
    CHECK(refusal(404, R"({"code":"NOT_FOUND","detail":{"code":"X"}})") == "refused");
  }

  TEST_CASE("answer: an error whose message stands twice with different values is judged without it") {
    const auto twice = [](std::string_view code, std::string_view one, std::string_view other) {
      return R"({"code":")" + std::string{code} + R"(","message":")" + std::string{one} + R"(","message":)" +
             std::string{other} + "}";
    };
    struct Case {
      unsigned status;
      std::string_view code, words, kind;
    };
    for (const auto& [status, code, words, kind] :
         {// it may be the row's fault or ours
          Case{400, "PARAM_ERROR", "Wechatpay-Serial is wrong", "unknown_answer"},
          Case{400, "INVALID_REQUEST", "Wechatpay-Serial is wrong", "unknown_answer"},
          Case{400, "INVALID_REQUEST", "User-Agent is missing", "unknown_answer"},
          // ours in any case
          Case{401, "SIGN_ERROR", "timestamp", "credentials_refused"},
          Case{400, "SIGN_ERROR", "timestamp", "credentials_refused"},
          Case{401, "ANYTHING", "timestamp", "credentials_refused"},
          // the code alone decides
          Case{404, "PARAM_ERROR", "Wechatpay-Serial is wrong", "refused"},
          Case{400, "RESOURCE_NOT_EXISTS", "Wechatpay-Serial is wrong", "refused"},
          Case{400, "FREQUENCY_LIMITED", "timestamp", "throttled"}}) {
      CAPTURE(status);
      CAPTURE(code);
      const auto quoted = '"' + std::string{words} + '"';
      const auto outcome = answered(status, twice(code, "x", quoted), Verdict::no_signature);
      CHECK(to_text(outcome.kind) == kind);
      CHECK(outcome.error_code == code);
      CHECK(outcome.error_message == "message stands twice, with different values: x");
      CHECK(refusal(status, twice(code, words, "\"x\"")) == kind);
      CHECK(refusal(status, twice(code, words, "null")) == kind);
    }
    CHECK(refusal(400, twice("PARAM_ERROR", "x", "\"x\"")) == "refused");
    CHECK(refusal(400, twice("PARAM_ERROR", "Wechatpay-Serial", "\"Wechatpay-Serial\"")) ==
          "credentials_refused");
  }

  TEST_CASE("answer: a verified 200 without a readable card is unreadable") {
    for (
        const auto* body :
        {"", "{}", "[]", "null", "\"INVALID\"", "{\"user_card_code\":\"478515832665\"", "<html>", "\xFF\xFE",
         R"({"user_card_code":"478515832665","user_card_state":"INVALID"})",
         R"({"user_card_code":478515832665,"card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0","user_card_state":"INVALID"})",
         R"({"user_card_code":"478515832665","card_id":null,"user_card_state":"INVALID"})",
         R"({"user_card_code":"478515832665","card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0","user_card_state":["INVALID"]})",
         R"({"user_card_code":"478515832665","card_id":"pbLatjvWOibDc5-TBnbUk1pD12o0","user_card_state":""})"}) {
      CAPTURE(body);
      const auto outcome = answered(200, body, Verdict::verified);
      CHECK(to_text(outcome.kind) == "unreadable");
      CHECK(outcome.error_code == "UNREADABLE");
      CHECK(outcome.card_state == "");
    }
    CHECK(success(card_json("INVALID") + "x") == "unreadable");
    CHECK(success(std::string(100'000, '[')) == "unreadable");
    CHECK(to_text(answered(204, "", Verdict::verified).kind) == "unreadable");
  }

  TEST_CASE("answer: an error in the clothes of a 200 is unreadable and keeps its code") {
    const auto outcome = answered(200, error_json("PARAM_ERROR", "参数错误"), Verdict::verified);
    CHECK(to_text(outcome.kind) == "unreadable");
    CHECK(outcome.error_code == "PARAM_ERROR");
    CHECK(outcome.error_message == "参数错误");
  }

  TEST_CASE("answer: a 200 that does not verify says nothing about the card with any body") {
    for (const auto verdict :
         {Verdict::no_signature, Verdict::unknown_key, Verdict::stale, Verdict::bad_signature}) {
      const auto outcome = answered(200, card_json("INVALID"), verdict);
      CHECK(to_text(outcome.kind) == "unverified");
      CHECK(outcome.card_state == "");
      CHECK(outcome.invalid_time == "");
      CHECK(outcome.error_code == "UNVERIFIED");
      CHECK(outcome.error_message.find("(" + std::string{to_text(verdict)} + ")") != std::string::npos);
    }
    CHECK(answered(200, "", Verdict::unknown_key).error_message.find("PUB_KEY_ID_7") != std::string::npos);
  }

  TEST_CASE("answer: a wrong clock is named with its difference and an old answer is told from it") {
    const WallTime now{std::chrono::seconds{1793588645}};  // Mon, 02 Nov 2026 03:04:05 GMT
    const auto read = [&](std::string timestamp, std::string date, unsigned status = 200) {
      Answer answer{status, {}, {}, Verdict::stale};
      answer.headers.timestamp = std::move(timestamp);
      answer.headers.date = std::move(date);
      return classify(answer, AttemptKind::invalidate, published::card(), {true, now});
    };
    const auto wrong_clock = read("1793589005", "Mon, 02 Nov 2026 03:10:05 GMT");
    CHECK(wrong_clock.error_message ==
          "HTTP 200: its clock is 6m 00s ahead of ours by its Wechatpay-Timestamp, and 5 minutes are too "
          "much (stale)");
    CHECK(wrong_clock.advice == "set this machine's clock, which the platform's shows to be wrong");
    CHECK(read("1793588285", "").advice == wrong_clock.advice);
    CHECK(read("1793588285", "").error_message.find("6m 00s behind ours") != std::string::npos);
    CHECK(read("1793588045", "Mon, 02 Nov 2026 03:04:05 GMT").advice.find("repeat old answers") !=
          std::string::npos);
    CHECK(read("1793588645000", "").error_message.find("is not a time in seconds (stale)") !=
          std::string::npos);
    CHECK(read("1793589005", "", 500).advice == wrong_clock.advice);
  }

  TEST_CASE("answer: a refused timestamp names the difference of the clocks") {
    Answer answer{401, {}, {}, Verdict::no_signature};
    const auto body = error_json("SIGN_ERROR", "时间戳错误");
    answer.body = body;
    answer.headers.date = "Mon, 02 Nov 2026 03:10:05 GMT";
    const auto outcome = classify(answer, AttemptKind::invalidate, published::card(),
                                  {true, WallTime{std::chrono::seconds{1793588645}}});
    CHECK(to_text(outcome.kind) == "clock_refused");
    CHECK(outcome.advice ==
          "set this machine's clock: the platform's is 6m 00s ahead of ours by the answer's Date");
  }

  TEST_CASE("answer: a compressed one is blamed on what compresses and not on the key") {
    Answer answer{200, {}, "\x1F\x8B\x08", Verdict::bad_signature};
    answer.headers.content_encoding = "gzip";
    const auto outcome = classify(answer, AttemptKind::invalidate, published::card());
    CHECK(to_text(outcome.kind) == "unverified");
    CHECK(outcome.error_message.find("compressed (gzip), which was not asked for") != std::string::npos);
    CHECK(outcome.advice.starts_with("a proxy or gateway on the way compresses answers"));
    answer.status = 500;
    answer.verdict = Verdict::no_signature;
    CHECK(classify(answer, AttemptKind::invalidate, published::card()).error_message ==
          "HTTP 500 with a compressed body (gzip)");
    answer.headers.content_encoding = "identity";
    answer.verdict = Verdict::bad_signature;
    CHECK(classify(answer, AttemptKind::invalidate, published::card())
              .advice.starts_with("check platform.public_key_id"));
  }

  TEST_CASE("answer: an HTML page is named by its title and does not fill the message") {
    const auto message = [](std::string_view body) {
      return answered(502, body, Verdict::no_signature).error_message;
    };
    CHECK(message("<HTML>\r\n<head><TITLE>502 Bad\r\n  Gateway </TITLE></head><body>long") ==
          "HTTP 502 with an HTML page, \"502 Bad Gateway\"");
    CHECK(message("\n<!DOCTYPE html><p>go away") == "HTTP 502 with an HTML page");
    CHECK(message("<html><title></title>") == "HTTP 502 with an HTML page");
    CHECK(message("<html><title>" + std::string(500, 'x')).size() < 120);
    CHECK(message("bad gateway") == "HTTP 502 without JSON: bad gateway");
  }

  TEST_CASE("answer: 403 says that it may be this card or the right to it") {
    CHECK(answered(403, error_json("NO_AUTH"), Verdict::no_signature)
              .advice.find("it is this card or the right to it") != std::string::npos);
    CHECK(answered(401, error_json("SIGN_ERROR"), Verdict::no_signature).advice == "");
  }

  TEST_CASE("answer: a probe is told apart from a forgery") {
    const auto outcome = answered(200, card_json("INVALID"), Verdict::probe);
    CHECK(to_text(outcome.kind) == "probe_signature");
    CHECK(outcome.card_state == "");
    CHECK(outcome.error_code == "PROBE_SIGNATURE");
  }

  TEST_CASE("answer: 202 is accepted with any signature or body") {
    for (const auto verdict : {Verdict::verified, Verdict::no_signature, Verdict::bad_signature}) {
      const auto outcome = answered(202, card_json("INVALID"), verdict);
      CHECK(to_text(outcome.kind) == "accepted");
      CHECK(outcome.error_code == "ACCEPTED");
      CHECK(outcome.card_state == "");
    }
  }

  TEST_CASE("answer: 429 is throttled with any code or none") {
    for (const auto* body :
         {"", "<html>slow down", R"({"code":"ANYTHING","message":""})", R"({"code":"NO_AUTHOR"})"})
      CHECK(refusal(429, body) == "throttled");
  }

  TEST_CASE("answer: every spelling of the rate limit is throttled under any status that is not 2xx") {
    for (const auto* code : {"FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED", "RATELIMIT_EXCEED", "RATE_LIMITED"})
      for (const unsigned status : {400u, 403u, 404u, 500u, 503u})
        CHECK(refusal(status, error_json(code)) == "throttled");
    CHECK(success(error_json("RATE_LIMITED")) == "unreadable");
  }

  TEST_CASE("answer: 401 is about the clock when its message says so in Chinese or English") {
    for (const auto* message :
         {"Http头Authorization中的timestamp与发起请求的时间不得超过5分钟", "时间戳错误", "时间戳有误",
          "The Timestamp in Authorization is invalid", "must be within 5 minutes"}) {
      CAPTURE(message);
      CHECK(refusal(401, error_json("SIGN_ERROR", message)) == "clock_refused");
    }
  }

  TEST_CASE("answer: 401 is about the credentials otherwise") {
    for (const auto* message :
         {"签名错误，请检查后再试", "商户证书序列号有误", "商户证书已过期", "signature mismatch"})
      CHECK(refusal(401, error_json("SIGN_ERROR", message)) == "credentials_refused");
    CHECK(refusal(401, "") == "credentials_refused");
    CHECK(refusal(401, error_json("OTHER")) == "credentials_refused");
    CHECK(refusal(401, error_json("OTHER", "timestamp expired")) == "clock_refused");
    CHECK(refusal(401, error_json("NO_AUTH", "timestamp")) == "credentials_refused");
    CHECK(refusal(401, error_json("PARAM_ERROR")) == "credentials_refused");
  }

  TEST_CASE("answer: 403 is credentials with any body") {
    CHECK(refusal(403, error_json("NO_AUTH")) == "credentials_refused");
    CHECK(refusal(403, error_json("SOMETHING")) == "credentials_refused");
    const auto outcome = answered(403, "<html>\r\n<title>Forbidden</title>", Verdict::no_signature);
    CHECK(to_text(outcome.kind) == "credentials_refused");
    CHECK(outcome.error_code == "HTTP_403");
    CHECK(outcome.error_message == "HTTP 403 with an HTML page, \"Forbidden\"");
  }

  TEST_CASE("answer: SIGN_ERROR and NO_AUTH are credentials under other statuses too") {
    CHECK(refusal(400, error_json("SIGN_ERROR")) == "credentials_refused");
    CHECK(refusal(400, error_json("SIGN_ERROR", "时间戳超过5分钟")) == "clock_refused");
    CHECK(refusal(404, error_json("NO_AUTH")) == "credentials_refused");
    CHECK(refusal(500, error_json("NO_AUTH")) == "credentials_refused");
    CHECK(refusal(500, error_json("SIGN_ERROR")) == "unknown_answer");  // a 500 may have been executed
  }

  TEST_CASE("answer: 400 about our Wechatpay-Serial stops the job and is not blamed on the row") {
    CHECK(refusal(400, error_json("PARAM_ERROR", "平台证书序列号有误")) == "credentials_refused");
    CHECK(refusal(400, error_json("PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误")) ==
          "credentials_refused");
    CHECK(refusal(400, error_json("INVALID_REQUEST", "the header wechatpay-serial is wrong")) ==
          "credentials_refused");
    CHECK(refusal(400, error_json("PARAM_ERROR", "微信支付公钥ID与商户不匹配")) == "credentials_refused");
  }

  TEST_CASE("answer: 400 about a header that was lost on the way is a set-up fault") {
    CHECK(refusal(400, error_json("INVALID_REQUEST", "Http头缺少Accept或User-Agent")) == "setup_refused");
  }

  TEST_CASE("answer: 400 and 404 with a known business code are the platform's word on this row") {
    for (const auto* code :
         {"PARAM_ERROR", "INVALID_REQUEST", "RESOURCE_NOT_EXISTS", "RESOURCE_NOT_EXIST", "MCH_NOT_EXISTS",
          "NOT_FOUND", "USER_CARD_NOT_FOUND", "APPID_MCHID_NOT_MATCH", "RULE_LIMIT"})
      for (const unsigned status : {400u, 404u}) {
        CAPTURE(code);
        const auto outcome =
            answered(status, error_json(code, "会员卡模版ID不属于该品牌"), Verdict::no_signature);
        CHECK(to_text(outcome.kind) == "refused");
        CHECK(outcome.error_code == code);
        CHECK(outcome.error_message == "会员卡模版ID不属于该品牌");
        CHECK(outcome.http_status == status);
      }
    CHECK(to_text(answered(400, error_json("PARAM_ERROR"), Verdict::verified).kind) == "refused");
  }

  TEST_CASE("answer: a code that is not in the table is unknown and shown as it came") {
    for (const unsigned status : {400u, 404u, 500u}) {
      const auto outcome = answered(status, error_json("NEVER_SEEN", "新错误"), Verdict::no_signature);
      CHECK(to_text(outcome.kind) == "unknown_answer");
      CHECK(outcome.error_code == "NEVER_SEEN");
      CHECK(outcome.error_message == "新错误");
    }
    CHECK(refusal(400, error_json("param_error")) == "unknown_answer");
  }

  TEST_CASE("answer: 404 without a JSON error and any 405 are set-up faults") {
    for (const auto* body : {"", "<html>", "{}", "[]", R"({"code":404})", R"({"code":""})"})
      CHECK(refusal(404, body) == "setup_refused");
    CHECK(refusal(405, "") == "setup_refused");
    CHECK(refusal(405, error_json("METHOD_NOT_ALLOWED")) == "setup_refused");
    CHECK(answered(404, "", Verdict::no_signature).error_message == "HTTP 404 with an empty body");
  }

  TEST_CASE("answer: 400 without a JSON error is unknown") {
    for (const auto* body :
         {"", "<html>400 The plain HTTP request was sent to HTTPS port", "{}", R"({"code":1})"})
      CHECK(refusal(400, body) == "unknown_answer");
  }

  TEST_CASE("answer: 500 with a code of the platform's trouble is a system error") {
    for (const auto* code : {"SYSTEM_ERROR", "SERVICE_UNAVAILABLE", "BIZ_ERR_NEED_RETRY"})
      CHECK(refusal(500, error_json(code)) == "system_error");
    CHECK(refusal(400, error_json("SYSTEM_ERROR")) == "system_error");
    CHECK(refusal(404, error_json("BIZ_ERR_NEED_RETRY")) == "system_error");
  }

  TEST_CASE("answer: 500 without JSON and every other 5xx is the gateway's") {
    CHECK(refusal(500, "") == "gateway_error");
    CHECK(refusal(500, "<html>") == "gateway_error");
    for (const unsigned status : {501u, 502u, 503u, 504u, 507u, 520u, 599u}) {
      CHECK(refusal(status, "") == "gateway_error");
      CHECK(refusal(status, error_json("SERVICE_UNAVAILABLE")) == "gateway_error");
    }
  }

  TEST_CASE("answer: any other status is unknown") {
    for (const unsigned status :
         {0u, 100u, 101u, 199u, 301u, 302u, 304u, 307u, 402u, 406u, 408u, 409u, 413u, 422u, 600u, 999u}) {
      CAPTURE(status);
      CHECK(refusal(status, "") == "unknown_answer");
      CHECK(refusal(status, error_json("PARAM_ERROR")) == "unknown_answer");
    }
  }

  TEST_CASE("answer: an error whose signature headers do not verify is not believed") {
    for (const auto verdict : {Verdict::unknown_key, Verdict::stale, Verdict::probe, Verdict::bad_signature})
      for (const unsigned status : {302u, 400u, 401u, 403u, 404u, 429u, 500u, 502u}) {
        Answer answer{status, {}, {}, verdict};
        const auto body = error_json("PARAM_ERROR", "openid错误");
        answer.body = body;
        answer.headers.retry_after = "5";
        answer.headers.request_id = "R-1";
        const auto outcome = classify(answer, AttemptKind::invalidate, published::card());
        CHECK(to_text(outcome.kind) == "distrusted");
        CHECK(outcome.http_status == status);
        CHECK(outcome.error_code == "DISTRUSTED");
        CHECK(outcome.error_message.find("openid") == std::string::npos);
        CHECK_FALSE(outcome.retry_after.has_value());
        CHECK(outcome.request_id == "R-1");
      }
  }

  TEST_CASE("answer: Retry-After is read as seconds or as a date and never beyond an hour") {
    const auto wait = [](std::string retry_after, std::string date = "Mon, 02 Nov 2026 03:04:05 GMT") {
      Answer answer{429, {}, {}, Verdict::no_signature};
      answer.headers.retry_after = std::move(retry_after);
      answer.headers.date = std::move(date);
      return classify(answer, AttemptKind::invalidate, published::card()).retry_after;
    };
    CHECK(wait("7") == 7s);
    CHECK(wait("0") == 0s);
    CHECK(wait("3600") == 1h);
    CHECK(wait("3601") == 1h);
    CHECK(wait("99999999999999999999999") == 1h);
    CHECK(wait("Mon, 02 Nov 2026 03:04:35 GMT") == 30s);
    CHECK(wait("Mon, 02 Nov 2026 03:04:00 GMT") == 0s);
    CHECK(wait("Tue, 02 Nov 2027 03:04:05 GMT") == 1h);
    CHECK_FALSE(wait("Mon, 02 Nov 2026 03:04:35 GMT", "").has_value());
    for (const auto* nonsense : {"", "-1", "1.5", "soon", " 5", "5s", "0x5"})
      CHECK_FALSE(wait(nonsense).has_value());
  }

  TEST_CASE("answer: the server's time is the signed one when verified and else the Date header") {
    const auto time = [](Verdict verdict, std::string timestamp, std::string date) {
      Answer answer{401, {}, {}, verdict};
      answer.headers.timestamp = std::move(timestamp);
      answer.headers.date = std::move(date);
      return classify(answer, AttemptKind::invalidate, published::card()).server_time;
    };
    const WallTime by_date{std::chrono::seconds{1793588645}};  // Mon, 02 Nov 2026 03:04:05 GMT
    CHECK(time(Verdict::verified, "1793588640", "Mon, 02 Nov 2026 03:04:05 GMT") == by_date - 5s);
    CHECK(time(Verdict::no_signature, "1793588640", "Mon, 02 Nov 2026 03:04:05 GMT") == by_date);
    CHECK(time(Verdict::stale, "1793588640", "Mon, 02 Nov 2026 03:04:05 GMT") == by_date);
    CHECK(time(Verdict::verified, "1793588640", "") == by_date - 5s);
    CHECK_FALSE(time(Verdict::bad_signature, "1793588640", "").has_value());
  }

  TEST_CASE("answer: texts from outside are capped and cannot control a terminal") {
    std::string message = "\\u001b[31m\\u202e";
    while (message.size() < 2'000) message += "参数错误";
    Answer answer{400, {}, {}, Verdict::no_signature};
    const auto body = error_json("PARAM_ERROR", message);
    answer.body = body;
    answer.headers.request_id = std::string(127, 'r') + "\xE4\xBC\x9A" + "tail";
    const auto outcome = classify(answer, AttemptKind::invalidate, published::card());
    CHECK(outcome.error_message.starts_with("\\x1B[31m\\xE2\\x80\\xAE参数错误"));
    CHECK(outcome.error_message.size() <= 512);
    CHECK(outcome.error_message.size() > 505);
    CHECK_FALSE(find_invalid_utf8(outcome.error_message).has_value());
    CHECK(outcome.request_id == std::string(127, 'r'));

    const auto long_code = answered(400, error_json("A\\n" + std::string(500, 'B')), Verdict::no_signature);
    CHECK(long_code.error_code == "A\\x0A" + std::string(59, 'B'));
    CHECK(answered(502, "\xFF\x1B(0", Verdict::no_signature).error_message ==
          "HTTP 502 without JSON: \\xFF\\x1B(0");
  }

  TEST_CASE("answer: the Request-ID is kept whole for support") {
    Answer answer{400, {}, {}, Verdict::no_signature};
    answer.headers.request_id = "08F5B8C2B506102C18FDDFEEA30620BE821E28EDC405-268578608";
    CHECK(classify(answer, AttemptKind::read_back, published::card()).request_id ==
          "08F5B8C2B506102C18FDDFEEA30620BE821E28EDC405-268578608");
  }
}
