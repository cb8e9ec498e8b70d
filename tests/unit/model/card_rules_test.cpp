#include <doctest/doctest.h>

#include <cardvoid/model/card_rules.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using model::find_fault;

  namespace {

  model::Card right() {
    return {"1004", "pbLatjvWOibDc5-TBnbUk1pD12o0", "478515832665", "obLatjnx9gnqzS4myYGmLZ7LgLBA", ""};
  }

  std::string fault_of_code(std::string code) {
    auto card = right();
    card.code = std::move(code);
    return find_fault(card);
  }

  std::string fault_of_reason(std::string reason) {
    auto card = right();
    card.reason = std::move(reason);
    return find_fault(card);
  }

  }  // namespace

  TEST_CASE("code: every printable ASCII character is taken and a single space inside too") {
    CHECK(find_fault(right()) == "");
    for (char c = 0x21; c < 0x7F; ++c) {
      CAPTURE(c);
      CHECK(fault_of_code(std::string{"x"} + c) == "");
      CHECK(fault_of_code(std::string{c} + "x") == "");
    }
    CHECK(fault_of_code("12 34 56") == "");
    CHECK(fault_of_code("...") == "");
    CHECK(fault_of_code(std::string(32, '9')) == "");
  }

  TEST_CASE("code: what cannot be a code is refused with its own cause") {
    CHECK(fault_of_code("") == "code: empty");
    CHECK(fault_of_code(std::string(33, '9')) == "code: longer than 32 characters");
    CHECK(fault_of_code(".") == "code: \".\" and \"..\" cannot be sent in a URL");
    CHECK(fault_of_code("..") == "code: \".\" and \"..\" cannot be sent in a URL");
    for (const auto* code : {" 1", "1 ", "\t1", " "})
      CHECK(fault_of_code(code) == "code: leading or trailing space");
    CHECK(fault_of_code("1  2") == "");
    for (const auto* code : {"1\t2", "1\r", "1\n2", "\x7F"})
      CHECK(fault_of_code(code) == "code: control character, such as a tab or a line break");
    CHECK(fault_of_code(std::string{"1\0002", 3}) ==
          "code: control character, such as a tab or a line break");
  }

  TEST_CASE("identifiers: words that programs write for no value are none in any column") {
    const std::string fault = "a word that programs write for no value, such as NULL or #N/A";
    for (const auto* word :
         {"NULL",     "null",   "\\N",     "#N/A",          "N/A",       "NA",        "nan",    "NaN",
          "<NA>",     "NaT",    "None",    "nil",           "undefined", "Undefined", "(null)", "#REF!",
          "#VALUE!",  "#NAME?", "#DIV/0!", "#GETTING_DATA", "#N/A N/A",  "-",         "--",     "1.#IND",
          "-1.#QNAN", "#####",  "??",      "??????",        "---"}) {
      CAPTURE(word);
      CHECK(model::means_nothing(word));
      CHECK(fault_of_code(word) == "code: " + fault);
      auto card = right();
      card.openid = word;
      CHECK(find_fault(card) == "openid: " + fault);
      card = right();
      card.card_id = word;
      CHECK(find_fault(card) == "card_id: " + fault);
      CHECK(fault_of_reason(word) == "");  // a remark of the input
    }
    for (const auto* word : {"", "N", "NULLA", "XNULL", "nano", "0", "1.IND", "#1", "A-1", "none1", "#N/A#",
                             "anonymous", "?", "#", "/", "-?", "?1"}) {
      CAPTURE(word);
      CHECK_FALSE(model::means_nothing(word));
    }
  }

  TEST_CASE("identifiers: one that is shown masked is not the whole one in any column") {
    const std::string fault = "masked with **, so not whole; `cardvoid export` has codes in full";
    for (const auto* text : {"****3220", "4785****3220", "****", "**", "**1", "1**"}) {
      CAPTURE(text);
      CHECK(fault_of_code(text) == "code: " + fault);
      auto card = right();
      card.openid = text;
      CHECK(find_fault(card) == "openid: " + fault);
      card = right();
      card.card_id = text;
      CHECK(find_fault(card) == "card_id: " + fault);
      card = right();
      card.brand_id = text;
      CHECK(find_fault(card) == "brand_id: " + fault);
      CHECK(fault_of_reason(text) == "");
    }
    for (const auto* text : {"*", "1*", "*1", "1*2*3"}) CHECK(fault_of_code(text) == "");
  }

  TEST_CASE("identifiers: digits with a fraction of zeros come from a number") {
    for (const auto* text : {"478516783262.0", "478516783262,0", "1.0", "1.00", "0.0"})
      CHECK(fault_of_code(text) == "code: digits with .0 at the end: a program took them for a number");
    for (const auto* text : {"1.5", "1.05", "A1.0", "1.0A", ".0", "1.", "1..0", "v1.0.0"})
      CHECK(fault_of_code(text) == "");
  }

  TEST_CASE("identifiers: digits in groups of three come from a number") {
    for (const auto* text : {"478,516,783,262", "123,456,789", "1,000,000,000"})
      CHECK(fault_of_code(text) == "code: digits in groups of three: a program took them for a number");
    for (const auto* text : {"478,516", "478.516.783.262", ",478,516,783", "4785,516,783", "478,516,78",
                             "478,516.783", "478,516,", "478,516,783,"})
      CHECK(fault_of_code(text) == "");
  }

  TEST_CASE("code: full-width characters are told from other ones") {
    for (const auto* code : {"１２３", "Ａ1", "1，2", "1　2", "“1”", "1。"})
      CHECK(fault_of_code(code) == "code: full-width characters; half-width ones are needed");
    for (const auto* code : {"会员1", "é", "1😀"})
      CHECK(fault_of_code(code) == "code: characters other than half-width letters, digits and punctuation");
    for (const auto* code : {"1\u00A0", "\uFEFF1", "1\u200B2", "1\u20602"})
      CHECK(fault_of_code(code) == "code: invisible character (no-break or zero-width space)");
    CHECK(fault_of_code("1\xFF") == "code: not valid UTF-8");
  }

  TEST_CASE("identifiers: each column has its own length and takes no space") {
    auto card = right();
    card.brand_id = "10 04";
    CHECK(find_fault(card) == "brand_id: space inside");
    card = right();
    card.brand_id = "";
    CHECK(find_fault(card) == "brand_id: empty");
    card = right();
    card.card_id = std::string(33, 'x');
    CHECK(find_fault(card) == "card_id: longer than 32 characters");
    card = right();
    card.card_id = "..";
    CHECK(find_fault(card) == "");  // only the code stands in the path
    card = right();
    card.openid = std::string(128, 'o');
    CHECK(find_fault(card) == "");
    card.openid += 'o';
    CHECK(find_fault(card) == "openid: longer than 128 characters");
    card.openid = "o x";
    CHECK(find_fault(card) == "openid: space inside");
    card.openid = "ｏ";
    CHECK(find_fault(card) == "openid: full-width characters; half-width ones are needed");
  }

  TEST_CASE("reason: it is counted in characters and may be empty") {
    CHECK(fault_of_reason("") == "");
    CHECK(fault_of_reason("会员计划已结束，感谢支持！") == "");
    std::string longest;
    for (int i = 0; i < 32; ++i) longest += "束";
    CHECK(fault_of_reason(longest) == "");
    CHECK(fault_of_reason(longest + "束") == "reason: longer than 32 characters");
  }

  TEST_CASE("reason: control characters and four-byte characters and broken UTF-8 are refused") {
    for (const auto* reason : {"a\nb", "a\rb", "\t", "\x7F", "\u0085"})
      CHECK(fault_of_reason(reason) == "reason: control character, such as a tab or a line break");
    CHECK(fault_of_reason("再见😀") == "reason: emoji or another character of four bytes");
    CHECK(fault_of_reason("\xBB\xE1") == "reason: not valid UTF-8");
    CHECK(fault_of_reason("再\uFFFD") ==
          "reason: a replacement character (U+FFFD): an earlier conversion has lost the text");
  }

  TEST_CASE("card: what a list may hold is text and what none may hold is not") {
    for (const std::string_view part : {"", "1004", "会员计划已结束", "a\u200Bb\u202E\uFEFF\u00AD\u2028"}) {
      CHECK(fault_of_reason(std::string{part}) == "");
      CHECK(model::is_text(part));
    }
    using namespace std::string_view_literals;
    for (const auto part : {"a\nb"sv, "\x7F"sv, "\u0085"sv, "a\0b"sv, "\xBB\xE1"sv})
      CHECK_FALSE(model::is_text(part));
  }
}
