#include <doctest/doctest.h>

#include <cardvoid/model/card_rules.hpp>
#include <figures.hpp>
#include <ostream>
#include <report_words.hpp>

TEST_SUITE("component") {
  using namespace cardvoid;

  TEST_CASE("report: a steady rate is shown as what it is however long the run was") {
    for (const int length : {1, 3, 7, 61, 239, 241, 300, 359, 1'000, 3'601, 200'001}) {
      CAPTURE(length);
      const WallTime from{milliseconds{1'796'000'000'123}};
      std::vector<std::int32_t> seconds;
      for (int i = 0; i < 5 * length; ++i) seconds.push_back(i / 5);
      const auto timeline = report::timeline_of(from, from + milliseconds{1'000 * length - 200}, 8);
      const auto rates = report::rates_of(seconds, timeline);
      REQUIRE(rates.size() == timeline.parts);
      CHECK(rates.size() <= 240);
      for (const auto rate : rates) CHECK(rate == doctest::Approx(5));
      CHECK(timeline.ended <= timeline.to);
      CHECK(timeline.part_of(timeline.ended) + 1 == timeline.parts);
    }
  }

  TEST_CASE("report: what is wrong with a card is said in Chinese too") {
    const report::Tongue chinese{Language::chinese}, english{Language::english};
    const std::string emoji = "\xF0\x9F\x98\x80";
    for (const std::string code :
         {"", " 1", "1 ", "a\tb", "\xFF", "é", "\xC2\xA0", "１", "=\"1\"", "'12", "1\t", "12**34", "NULL",
          "123.0", "123,456,789", "..", "123456789012345678901234567890123"}) {
      CAPTURE(code);
      const auto fault = model::find_fault({"1004", "p1", code, "o1", ""});
      REQUIRE(!fault.empty());
      CHECK(chinese.cause(fault).text.starts_with("code："));
      CHECK(!chinese.cause(fault).is_english);
      CHECK(english.cause(fault).text == fault);
    }
    for (const std::string& reason : {std::string{"  "}, emoji, std::string(33, 'x'), std::string{"a\nb"}}) {
      const auto fault = model::find_fault({"1004", "p1", "1", "o1", reason});
      CAPTURE(fault);
      CHECK(chinese.cause(fault).text.starts_with("reason："));
    }
    CHECK(chinese.cause("something new").text == "something new");
    CHECK(chinese.cause("something new").is_english);
    CHECK(chinese.wait("rate set to 4/s by root").text == "由 root 调整为 4 次/秒");
    CHECK(chinese.wait("paused by root").text == "由 root 暂停");
  }
}
