#include <doctest/doctest.h>

#include <algorithm>
#include <cardvoid/model/card_rules.hpp>
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
    CHECK(chinese.cause("3 fields, the header has 4").text == "有 3 个字段，表头有 4 个");
    CHECK(
        chinese.cause("code: stored as INTEGER, not as TEXT, so leading zeros or digits may be lost").text ==
        "code：存储类型为 INTEGER 而非 TEXT，可能丢失前导零或数字");
    CHECK(chinese.ending("the window 01:00-12:00 is closed; 3 rows are left", "") ==
          "发送时段 01:00-12:00 已结束");
    CHECK(chinese.ending("the canary failed at line 2", "canary").starts_with("首批逐张试发未通过"));
    CHECK(chinese.ending("no one foresaw this", "") == "详情见 `cardvoid status`");
    CHECK(english.ending("no one foresaw this", "") == "no one foresaw this");
    CHECK(chinese.ending("done", "").empty());
    CHECK(chinese.wait("paused by root").text == "由 root 暂停");
  }
}
