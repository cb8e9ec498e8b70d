#include <doctest/doctest.h>

#include <algorithm>
#include <cardvoid/model/card_rules.hpp>
#include <cardvoid/model/cause_words.hpp>
#include <cmath>
#include <figures.hpp>
#include <ostream>
#include <random>
#include <report_words.hpp>

TEST_SUITE("component") {
  using namespace cardvoid;

  TEST_CASE("report: a steady rate is shown as what it is however long the run was") {
    for (const int length : {1, 3, 7, 61, 239, 241, 300, 359, 1'000, 3'601, 200'001}) {
      CAPTURE(length);
      const WallTime from{milliseconds{1'796'000'000'123}};
      const auto timeline = report::timeline_of(from, from + milliseconds{1'000 * length - 200}, 8);
      std::vector<std::int64_t> requests(timeline.parts);
      for (int i = 0; i < length; ++i) requests[timeline.part_of(from + std::chrono::seconds{i})] += 5;
      const auto rates = report::rates_of(requests, timeline);
      REQUIRE(rates.size() == timeline.parts);
      CHECK(rates.size() <= 240);
      for (const auto rate : rates) CHECK(rate == doctest::Approx(5));
      CHECK(timeline.ended <= timeline.to);
      CHECK(timeline.part_of(timeline.ended) + 1 == timeline.parts);
    }
  }

  TEST_CASE("report: percentiles are those of all answers to the digits that are shown") {
    using std::chrono::microseconds;
    std::mt19937 random{7};
    std::vector<std::int64_t> all;
    report::AnswerTimes primary, both;
    for (int i = 0; i < 20'000; ++i) {
      const auto us = static_cast<std::int64_t>(std::exp2(std::uniform_real_distribution{5.0, 25.0}(random)));
      all.push_back(us);
      (i % 3 == 0 ? primary : both).add(microseconds{us});
    }
    both.add(primary);
    std::sort(all.begin(), all.end());
    REQUIRE(both.count() == 20'000);
    for (const double percent : {0.001, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      CAPTURE(percent);
      const auto exact = all[static_cast<std::size_t>(std::max(1.0, std::ceil(percent / 100 * 20'000))) - 1];
      const auto step = exact < 10'000 ? 100 : exact < 10'000'000 ? 1'000 : 100'000;
      CHECK(std::abs(both.percentile(percent).count() - exact) <= step / 2);
    }
    CHECK(both.percentile(100).count() == all.back());
    const auto& bounds = report::AnswerTimes::k_bounds_ms;
    std::int64_t below = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const auto bound =
          std::upper_bound(all.begin(), all.end(), std::int64_t{bounds[i]} * 1'000) - all.begin();
      below += both.bars()[i];
      CHECK(below == bound);
    }
    CHECK(report::AnswerTimes{}.percentile(50).count() == 0);
  }

  TEST_CASE("report: what is wrong with a card is said in Chinese too") {
    const auto told = [](const std::string& fault) {
      const auto words = model::cause_in_chinese(fault);
      REQUIRE_MESSAGE(words.has_value(), fault);
      return *words;
    };
    const std::string emoji = "\xF0\x9F\x98\x80";
    for (const std::string code :
         {"", " 1", "1 ", "a\tb", "\xFF", "é", "\xC2\xA0", "１", "=\"1\"", "'12", "1\t", "12**34", "NULL",
          "123.0", "123,456,789", "..", "123456789012345678901234567890123"}) {
      const auto fault = model::find_fault({"1004", "p1", code, "o1", ""});
      CHECK(told(fault).starts_with("code："));
      CHECK(report::cause_in_words(fault).text == fault);  // here English is spoken
    }
    for (const std::string& reason : {std::string{"  "}, emoji, std::string(33, 'x'), std::string{"a\nb"}})
      CHECK(told(model::find_fault({"1004", "p1", "1", "o1", reason})).starts_with("reason："));
    CHECK_FALSE(model::cause_in_chinese("something new").has_value());
    CHECK(told("protected: never sent") == "受保护：不发送");
    CHECK(told("3 fields, the header has 4") == "有 3 个字段，表头有 4 个");
    CHECK(told("code: stored as INTEGER, not as TEXT, so leading zeros or digits may be lost") ==
          "code：存储类型为 INTEGER 而非 TEXT，可能丢失前导零或数字");
  }

  TEST_CASE("report: how a run ended stands there as it is on record unless it is done") {
    CHECK(report::ending_in_words("no one foresaw this") == "no one foresaw this");
    CHECK(report::ending_in_words("done").empty());
    CHECK(report::wait_in_words("paused by root").text == "paused by root");
  }
}
