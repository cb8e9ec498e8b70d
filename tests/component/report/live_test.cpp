#include <doctest/doctest.h>

#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/report/live.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using report::Look;

  namespace {

  const auto k_now = *parse_rfc3339("2026-11-27T03:10:00+08:00");  // a Friday

  report::Moment busy(std::vector<model::ReasonToWait> reasons = {
                          {"slowed", "slowed to 3.2/s by 429 (4 in 10m)"}}) {
    set_time_zone("Asia/Shanghai");
    report::Moment made;
    made.job = "gold-closure-2026", made.brand = "brand 1004", made.host = "api.mch.weixin.qq.com";
    made.steering = "gold.toml";
    made.since = k_now - 23min, made.now = k_now;
    made.totals.pending = 218'760, made.totals.protected_pending = 1;
    made.totals.invalidated = 81'217, made.totals.rejected = 22, made.totals.unresolved = 1;
    made.totals.already = 51;
    made.counts = {12'490, 12'470, 9, 1};
    made.snapshot.in_flight = 2, made.snapshot.measured = 3.1, made.snapshot.limit = 5;
    made.snapshot.reasons_to_wait = std::move(reasons);
    made.outlook =
        run::outlook(made.limits, std::nullopt, {218'761}, run::course_of(made.snapshot, made.limits), k_now);
    made.rates = {5, 5, 2.5, 0, 3};
    made.latencies = {118ms, 240ms, 1900ms};
    made.last_error = {"SYSTEM_ERROR", k_now - 12min};
    made.by_backup = 14;
    return made;
  }
  std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
  }

  }  // namespace

  TEST_CASE("live: six lines say what and how far and how fast and why and where and what to type") {
    CHECK(joined(report::live_lines(busy(), Look{80, 24})) ==
          "gold-closure-2026  brand 1004  api.mch.weixin.qq.com  since 02:47 +0800\n"
          "████░░░░░░░░░░░  81,239/300,000 27.0%  this run 12,480  done at 22:46 (19h 36m)\n"
          "invalid 81,217 (51 already)  rejected 22  in doubt 1  protected 1\n"
          "3.1/s of 5, slowed to 3.2/s by 429 (4 in 10m)  ██▄▁▅\n"
          "primary up (backup served 14)  p50 118ms p95 240ms p99 1.9s  in flight 2\n"
          "last error SYSTEM_ERROR 02:58:00  cardvoid pause|stop gold.toml\n");
  }

  TEST_CASE("live: a run that is paused is offered resume") {
    CHECK(joined(report::live_lines(busy({{"paused", "paused by alice", k_now - 5min}}), Look{100, 24}))
              .find("cardvoid resume|stop gold.toml") != std::string::npos);
  }

  TEST_CASE("live: no line is as wide as the terminal and none more than it has lines") {
    auto moment =
        busy({{"paused", "paused by alice", k_now - 5min}, {"shared", "shares the limit with 2 other runs"}});
    moment.job = "金卡会员计划终止二〇二六年度第一批次";
    for (const bool has_utf8 : {true, false})
      for (std::size_t columns : {1, 2, 5, 12, 20, 21, 40, 60, 79, 80, 81, 120, 200, 500})
        for (std::size_t rows : {1, 2, 3, 5, 7, 24}) {
          CAPTURE(columns);
          CAPTURE(rows);
          const auto lines = report::live_lines(moment, Look{columns, rows, false, has_utf8});
          CHECK(lines.size() >= 1);
          CHECK(lines.size() <= std::min<std::size_t>(std::max<std::size_t>(rows - 1, 1), 6));
          for (const auto& line : lines) {
            CAPTURE(line);
            CHECK(display_width(line) <= std::max<std::size_t>(columns, 2) - 1);
            CHECK_FALSE(find_invalid_utf8(line).has_value());
            if (!has_utf8)
              CHECK(std::all_of(line.begin(), line.end(),
                                [](unsigned char c) { return c >= ' ' && c < 0x7F; }));
          }
        }
  }

  TEST_CASE("live: a small terminal keeps how far it is and then why it waits") {
    const auto moment = busy({{"paused", "paused by alice", k_now - 5min}});
    CHECK(report::live_lines(moment, Look{25, 2}) == std::vector<std::string>{"81,239/300,000 27.0%"});
    CHECK(report::live_lines(moment, Look{42, 3}) ==
          std::vector<std::string>{"81,239/300,000 27.0%", "held up: paused by alice since 03:05"});
  }

  TEST_CASE("live: what holds a run up comes first and what only slows it down is left out") {
    const auto text = joined(report::live_lines(busy({{"slowed", "slowed to 3.2/s by 429 (3 in 10m)"},
                                                      {"canary", "line 4 goes alone"},
                                                      {"endpoints_down", "neither serves", k_now - 1min}}),
                                                Look{120, 24}));
    CHECK(text.find("\nheld up: neither serves since 03:09, line 4 goes alone") != std::string::npos);
    CHECK(text.find("429") == std::string::npos);
  }

  TEST_CASE("live: without a forecast none is made up") {
    const auto text = joined(report::live_lines(busy({{"paused", "paused by alice", k_now}}), Look{}));
    CHECK(text.find("no telling when it is done") != std::string::npos);
    CHECK(text.find("done at") == std::string::npos);
  }

  TEST_CASE("live: a long reason takes a second line and is cut only there") {
    const std::string words =
        "no endpoint serves, the last of them said that the certificate of its host is another one";
    const auto lines = report::live_lines(busy({{"endpoints_down", words, k_now - 1min}}), Look{80, 24});
    CHECK(lines.size() == 6);
    CHECK(joined(lines).find("held up: no endpoint serves, the last of them said that the certificate of") !=
          std::string::npos);
    CHECK(joined(lines).find("is another one since 03:09") != std::string::npos);
  }

  TEST_CASE("live: colours change nothing but the colour") {
    const auto plain = joined(report::live_lines(busy(), Look{80, 24}));
    auto coloured = joined(report::live_lines(busy(), Look{80, 24, true}));
    CHECK(coloured.find("\x1B[33m3.1/s of 5, slowed") != std::string::npos);
    for (std::size_t at; (at = coloured.find('\x1B')) != std::string::npos;)
      coloured.erase(at, coloured.find('m', at) + 1 - at);
    CHECK(coloured == plain);
    CHECK(plain.find('\x1B') == std::string::npos);
  }

  TEST_CASE("live: what could steer the terminal is made visible") {
    auto moment = busy({{"rate_set", "rate set to 2/s by al\x1Bice"}});
    moment.last_error = {"CODE\x1B[2J", k_now};
    const auto text = joined(report::live_lines(moment, Look{120, 24}));
    CHECK(text.find("al\\x1Bice") != std::string::npos);
    CHECK(text.find("CODE\\x1B[2J") != std::string::npos);
  }

  TEST_CASE("live: rows whose request is under way are not in doubt") {
    auto moment = busy();
    moment.totals.in_flight = 5, moment.snapshot.in_flight = 3, moment.snapshot.preparing = 1;
    CHECK(moment.in_doubt() == 2);
    moment.snapshot.in_flight = 10;
    CHECK(moment.in_doubt() == 1);
  }

  TEST_CASE("live: one line says all of it for a log") {
    CHECK(report::live_line(busy()) ==
          "81,239/300,000 27.0%  this run 12,480  invalid 81,217 (51 already)  rejected 22  in doubt 1  "
          "protected 1  "
          "3.1/s of 5, slowed to 3.2/s by 429 (4 in 10m)  primary up (backup served 14)  in flight 2  last "
          "error "
          "SYSTEM_ERROR 02:58:00  done at 22:46 (19h 36m)");
  }

  TEST_CASE("live: the canary and the endpoint that serves are said") {
    using State = dispatch::EndpointHealth::State;
    auto moment = busy({});
    moment.snapshot.canary = 5, moment.snapshot.canary_passed = 3, moment.snapshot.canary_already = 2;
    moment.snapshot.primary = State::open;
    CHECK(report::live_line(moment).find("canary 3 of 5 (2 already), 3.1/s of 5  primary down, on backup") !=
          std::string::npos);
    moment.snapshot.backup = State::half_open;
    CHECK(report::live_line(moment).find("no endpoint serves") != std::string::npos);
  }
}
