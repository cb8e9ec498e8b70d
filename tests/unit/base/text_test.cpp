#include <doctest/doctest.h>

#include <array>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::string_view_literals;

  TEST_CASE("utf-8: the first byte that is not valid is named") {
    CHECK_FALSE(find_invalid_utf8("会员卡 ok 😀").has_value());
    CHECK(find_invalid_utf8("ab\xFFzz") == 2);
    CHECK(find_invalid_utf8("\xC0\x80") == 0);          // overlong
    CHECK(find_invalid_utf8("a\xED\xA0\x80") == 1);     // surrogate
    CHECK(find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
    CHECK(find_invalid_utf8("会\xE5\x91") == 3);        // cut off
  }

  TEST_CASE("utf-8: characters are counted not bytes") { CHECK(count_characters("会员a卡") == 4); }

  TEST_CASE("width: a Chinese character takes two columns and a combining mark none") {
    CHECK(display_width("会员卡") == 6);
    CHECK(display_width("e\u0301") == 1);
    CHECK(fit_to_width("会员卡已结束", 7) == "会员卡…");
    CHECK(fit_to_width("short", 7) == "short");
  }

  TEST_CASE("wrap: lines break between words and beside Chinese characters and stay within their columns") {
    CHECK(wrapped("one two three", 2, 9) == "one two\n  three");
    CHECK(wrapped("one  two", 0, 80) == "one  two");
    CHECK(wrapped("one\n  two", 1, 80) == "one\n   two");
    CHECK(wrapped("averylongword here", 2, 8) == "averylongword\n  here");
    CHECK(wrapped("会员计划已结束", 1, 9) == "会员计划\n 已结束");
    CHECK(wrapped("reason 会员 ok", 0, 11) == "reason 会员\nok");
    CHECK(wrapped("会员计划，已结束", 0, 8) == "会员计\n划，已结\n束");  // no line begins with it
    CHECK(wrapped("会员计划（注", 0, 10) == "会员计划\n（注");
    CHECK(wrapped("", 3, 10).empty());
  }

  TEST_CASE(
      "fold: a long line goes on under the last column of its table or a little further in than it began") {
    CHECK(folded("one two three four\n", 10) == "one two\n  three\n  four\n");
    CHECK(folded("  a  1  one two three\nshort", 16) == "  a  1  one two\n        three\nshort");
    CHECK(folded("  会员计划已结束\n", 10) == "  会员计\n    划已结\n    束\n");
    CHECK(folded("", 10).empty());
  }

  TEST_CASE("escape: control characters and broken bytes cannot reach a terminal") {
    CHECK(escape_for_terminal("a\x1B[31mb\n") == "a\\x1B[31mb\\x0A");
    CHECK(escape_for_terminal("会\xFF") == "会\\xFF");
    CHECK(escape_for_terminal("x\u202Ey") == "x\\xE2\\x80\\xAEy");
    for (const char* each : {"\u0085", "\u009B", "\u00AD", "\u061C", "\u200B", "\u200E", "\u200F", "\u2028",
                             "\u2029", "\u202A", "\u2066", "\u2069", "\uFEFF", "\uFFF9", "\U000E0041"}) {
      const auto escaped = escape_for_terminal(each);
      CHECK_MESSAGE(escaped.starts_with("\\x"), escaped);
    }
    CHECK(escape_for_terminal("ßéЖ会员，“再见”👋\u00A0") == "ßéЖ会员，“再见”👋\u00A0");
  }

  TEST_CASE("escape: what a peer has said is cut to its limit and whole characters") {
    CHECK(printable("abc", 8) == "abc");
    CHECK(printable("会员会员", 8) == "会员");
    CHECK(printable(std::string(1000, '\x1B'), 8) == "\\x1B\\x1B");
  }

  TEST_CASE("nearest: a typing error finds its key and another word does not") {
    const std::array keys{"requests_per_second", "per", "max_in_flight"};
    CHECK(nearest("request_per_second", keys) == "requests_per_second");
    CHECK_FALSE(nearest("colour", keys).has_value());
  }

  TEST_CASE("mask: an openid keeps its last four characters only") {
    CHECK(mask("obLatjnx9gnqzS4myYGmLZ7LgLBA") == "****gLBA");
    CHECK(mask("short") == "****");
    CHECK(mask_in("openid obLatjnx9gnqzS4myYGmLZ7LgLBA is wrong", "obLatjnx9gnqzS4myYGmLZ7LgLBA") ==
          "openid ****gLBA is wrong");
  }

  TEST_CASE("text: what is quoted for a TOML file is safe for a terminal") {
    CHECK(toml_quoted("会员 \"a\" \\") == R"("会员 \"a\" \\")");
    CHECK(toml_quoted("a\n\x7F\u0085\u202E") == R"("a\U0000000A\U0000007F\U00000085\U0000202E")");
  }

  TEST_CASE("mask: an identifier is found in every form that a peer may give it") {
    const std::string openid = "obLatjnx9gnqzS4myYGmLZ7LgLBA", code = "card/00017 4+x=%";
    const auto hides = [](const std::string& identifier, std::string_view shown) {
      const auto masked = mask_in("before " + std::string{shown} + " after", identifier);
      CHECK_MESSAGE(masked.find("****") != std::string::npos, shown, " became ", masked);
      CHECK_MESSAGE(masked.starts_with("before "), masked);
      CHECK_MESSAGE(masked.ends_with("after"), masked);
      for (std::size_t at = 0; at + 8 <= shown.size(); ++at)
        CHECK_MESSAGE(masked.find(shown.substr(at, 8)) == std::string::npos, shown, " became ", masked);
    };
    for (const char* shown :
         {"obLatjnx9gnqzS4myYGmLZ7LgLBA", "oblatjnx9gnqzs4myygmlz7lglba", "OBLATJNX9GNQZS4MYYGMLZ7LGLBA",
          "obLatjnx9gnq", "nqzS4myYGmLZ", "%6fbLatjnx9gnqzS4myYGmLZ7LgLBA", "%256fbLatjnx9gnqzS4myYGmLZ7LgLB",
          "%6F%62%4C%61%74%6A%6E%78%39%67%6E%71", "\\u006fbLatjnx9gnqzS4myYGmLZ7LgLBA",
          "&#111;bLatjnx9gnqzS4myYGmLZ7LgLBA", "&#x6f;bLatjnx9gnqzS4myYGmLZ7LgLBA",
          "b2JMYXRqbng5Z25xelM0bXlZR21MWjdMZ0xCQQ==", "b2JMYXRqbng5Z25x",
          "6f624c61746a6e7839676e717a53346d795947"})
      hides(openid, shown);
    for (const char* shown :
         {"card/00017 4+x=%", "card%2F00017%204%2Bx%3D%25", "CARD%2f00017%204", "card&#47;00017"})
      hides(code, shown);
    // It has what looks like an encoding itself, or stands behind the beginning of one.
    for (const char* shown : {"gold%41%42-card", "GOLD%41%42-CARD", "gold%2541%2542-card", "goldAB-card",
                              "gold\\u002541\\u002542-card"})
      hides("gold%41%42-card", shown);
    hides("41bcdefgh", "%41bcdefgh");
    // Inside something longer, where base64 begins at another place of its groups.
    CHECK(mask_in("eyJvcGVuaWQiOiJvYkxhdGpueDlnbnF6UzRteVlHbUxaN0xnTEJBIn0=", openid).size() < 40);
    CHECK(mask_in("aWQ6b2JMYXRqbng5Z25xelM0bXlZR21MWjdMZ0xCQQ==", openid).size() < 24);
    CHECK(mask_in("no such card", openid) == "no such card");
    CHECK(mask_in("%", openid) == "%");
    CHECK(mask_in("%zz &#; \\u \\x &#x %25", openid) == "%zz &#; \\u \\x &#x %25");
  }

  TEST_CASE("mask: a word that may be anybody's identifier shows its end only") {
    CHECK(mask_words("openid oXyzatjnx9gnqzS4myYGmLZ7Labc is wrong") == "openid ****Labc is wrong");
    CHECK(mask_words("/v3/brand/partner/card-member/user-cards/a%2F7?x=1") == "****%2F7?x=1");
    CHECK(mask_words("卡号123456789012345678901234不存在") == "卡号****1234不存在");
    for (const char* each :
         {"PARAM_ERROR", "RESOURCE_NOT_EXISTS", "Wechatpay-Serial is wrong", "参数错误：user_card_code",
          "404 Not Found", "502 Bad Gateway", "must be within 5 minutes", "2026-11-29"})
      CHECK(mask_words(each) == each);
  }
}
