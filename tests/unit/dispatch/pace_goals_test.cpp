// How fully the limit is used, in virtual time, against platforms that count in several ways. Each course is
// drawn into the build folder, plots/*.svg; docs/performance.md shows them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/dispatch/pacer.hpp>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include "support/limited_platform.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using dispatch::Pacer;
  using support::Counting;
  using support::Course;
  using support::Latency;
  using support::Setting;

  namespace {

  constexpr Instant k_begin{100h};
  constexpr Latency k_steady{.outward = 15ms, .jitter = 10ms, .back = 15ms};
  // Nearly all of it is the platform's thinking time, after the count.
  constexpr Latency k_log_normal{.outward = 5ms, .jitter = 2ms, .median = 30ms, .p99 = 250ms, .back = 5ms};
  using Span = std::pair<double, std::chrono::nanoseconds>;
  constexpr std::optional<milliseconds> k_retries_after[]{std::nullopt, 1000ms};

  // A minute of course and more, as a picture: accepted in each second, and the limit.
  void draw(const std::string& name, const Setting& setting, const Course& course) {
    const auto seconds = static_cast<int>(setting.lasts / 1s);
    double most = 1;
    for (const auto& step : setting.limits) most = std::max(most, step.limit);
    const auto x = [&](double second) { return 40 + second * 600 / seconds; };
    const auto y = [&](double rate) { return 140 - rate * 120 / most; };
    std::string limit, accepted, refused;
    for (std::size_t i = 0; i < setting.limits.size(); ++i) {
      const auto from = static_cast<double>(setting.limits[i].at / 1s);
      const auto to =
          i + 1 < setting.limits.size() ? static_cast<double>(setting.limits[i + 1].at / 1s) : seconds;
      limit += fmt::format("{:.1f},{:.1f} {:.1f},{:.1f} ", x(from), y(setting.limits[i].limit), x(to),
                           y(setting.limits[i].limit));
    }
    for (int i = 0; i < seconds; ++i) {
      const auto at = static_cast<std::size_t>(i);
      accepted += fmt::format("{:.1f},{:.1f} ", x(i + 0.5), y(course.accepted[at]));
      if (course.refused_each[at] > 0)
        refused += fmt::format("<circle cx='{:.1f}' cy='146' r='2'/>", x(i + 0.5));
    }
    const std::filesystem::path folder{CARDVOID_PLOTS};
    std::filesystem::create_directories(folder);
    std::ofstream{folder / (name + ".svg")} << fmt::format(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 660 170' font-family='sans-serif' "
        "font-size='10'>\n<rect width='660' height='170' fill='#fff'/>\n"
        "<path d='M40 20V140H640' fill='none' stroke='#888'/>\n"
        "<text x='34' y='24' text-anchor='end'>{:g}/s</text><text x='34' y='143' "
        "text-anchor='end'>0</text>\n<text x='640' y='163' text-anchor='end'>{} s</text>\n"
        "<polyline points='{}' fill='none' stroke='#c33' stroke-dasharray='3 2'/>\n"
        "<polyline points='{}' fill='none' stroke='#157' stroke-width='1.5'/>\n<g "
        "fill='#c33'>{}</g>\n</svg>\n",
        most, seconds, limit, accepted, refused);
  }

  Course send(const Setting& setting, double limit, const std::string& name = {}) {
    Pacer pacer{limit};
    auto course = support::send(setting, {&pacer}, k_begin);
    if (!name.empty()) draw(name, setting, course);
    return course;
  }

  double share_refused(const Course& course) {
    return static_cast<double>(course.refused) / static_cast<double>(course.sent);
  }

  std::string with(const std::string& name, const std::optional<milliseconds>& retry_after) {
    return name + (retry_after ? "-retry-after" : "");
  }

  }  // namespace

  TEST_CASE("pace goals: steady latency uses 97 percent of the limit with or without a stray 429") {
    for (const bool is_stray : {false, true}) {
      Setting setting{.limits = {{0ns, 50}}, .latency = k_steady, .lasts = 30s};
      if (is_stray) setting.stray_at = 10s;
      for (setting.seed = 1; setting.seed <= 20; ++setting.seed) {
        const auto course = send(setting, 50, is_stray ? "" : "steady");
        CHECK(course.accepted_between(0, 30) >= 0.97 * 50);
        CHECK(course.refused <= 1);
      }
    }
  }

  TEST_CASE("pace goals: a stray 429 costs at most a second and a half of full pace") {
    for (const auto& retry_after : k_retries_after)
      for (const double limit : {5.0, 50.0, 500.0}) {
        Setting setting{.limits = {{0ns, limit}}, .latency = k_steady, .lasts = 30s};
        const auto without = send(setting, limit).accepted_between(0, 30);
        setting.retry_after = retry_after, setting.stray_at = 10s;
        const auto with_it =
            send(setting, limit, limit == 50 ? with("stray", retry_after) : "").accepted_between(0, 30);
        CAPTURE(limit);
        CHECK((without - with_it) * 30 <= 1.4 * limit);
      }
  }

  TEST_CASE("pace goals: a thinking platform uses 97 percent of the limit for half a day") {
    for (const auto& [limit, lasts] : {Span{5, 12h}, Span{50, 1h}, Span{500, 4min}}) {
      Setting setting{.limits = {{0ns, limit}}, .latency = k_log_normal, .lasts = 2min};
      send(setting, limit, fmt::format("log-normal-{:g}", limit));
      setting.lasts = lasts;
      const auto course = send(setting, limit);
      CAPTURE(limit);
      CHECK(course.accepted_between(0, static_cast<int>(setting.lasts / 1s)) >= 0.975 * limit);
      CHECK(share_refused(course) <= 0.0005);
    }
  }

  TEST_CASE("pace goals: where the way itself is irregular few are refused") {
    for (const auto& [limit, lasts] : {Span{5, 8h}, Span{50, 1h}})
      for (const auto& retry_after : k_retries_after) {
        Setting setting{
            .limits = {{0ns, limit}}, .retry_after = retry_after, .latency = k_log_normal, .lasts = lasts};
        setting.latency.outward_share = 0.1;
        const auto course = send(setting, limit);
        CAPTURE(limit);
        CHECK(course.accepted_between(0, static_cast<int>(setting.lasts / 1s)) >= 0.93 * limit);
        CHECK(share_refused(course) <= 0.001);
      }
  }

  TEST_CASE("pace goals: half of the limit is found within seconds") {
    for (const auto& retry_after : k_retries_after) {
      Setting setting{.limits = {{0ns, 50}, {20s, 25}},
                      .retry_after = retry_after,
                      .latency = k_log_normal,
                      .lasts = 80s};
      for (setting.seed = 1; setting.seed <= 10; ++setting.seed) {
        const auto course = send(setting, 50, with("halved", retry_after));
        CHECK(course.accepted_between(25, 40) >= 0.92 * 25);  // while it finds
        CHECK(course.accepted_between(40, 80) >= 0.95 * 25);
        for (int second = 30; second < 80; ++second)  // no oscillation
          CHECK(course.refused_each.at(static_cast<std::size_t>(second)) <= 4);
      }
    }
  }

  TEST_CASE("pace goals: a fifth of the limit for a minute is used and then left") {
    for (const auto& retry_after : k_retries_after) {
      Setting setting{.limits = {{0ns, 5}, {20s, 1}, {80s, 5}},
                      .retry_after = retry_after,
                      .latency = k_log_normal,
                      .lasts = 120s};
      for (setting.seed = 1; setting.seed <= 10; ++setting.seed) {
        const auto course = send(setting, 5, with("fifth", retry_after));
        CHECK(course.accepted_between(20, 80) >= 0.90);
        CHECK(course.accepted_between(95, 119) >= 0.95 * 5);
      }
    }
  }

  TEST_CASE("pace goals: after two minutes of nothing but 429 the full pace is back in 15 s") {
    for (const auto& retry_after : k_retries_after)
      for (const double limit : {5.0, 50.0, 500.0}) {
        Setting setting{.limits = {{0ns, limit}, {20s, 0}, {140s, limit}},
                        .retry_after = retry_after,
                        .latency = k_log_normal,
                        .lasts = 180s};
        for (setting.seed = 1; setting.seed <= 5; ++setting.seed) {
          const auto course = send(setting, limit, with(fmt::format("nothing-{:g}", limit), retry_after));
          CAPTURE(limit);
          CHECK(course.accepted_between(155, 179) >= 0.96 * limit);
          const auto asked =
              std::accumulate(course.refused_each.begin() + 30, course.refused_each.begin() + 139, 0);
          CHECK(asked <= 40);
          CHECK(asked >= 20);
        }
      }
  }

  TEST_CASE("pace goals: an hour against each way to count neither starves nor swings") {
    for (const auto counting :
         {Counting::sliding, Counting::sliding_of_all, Counting::fixed, Counting::bucket})
      for (const auto& retry_after : k_retries_after)
        for (const double limit : {5.0, 50.0}) {
          CAPTURE(static_cast<int>(counting));
          CAPTURE(limit);
          CAPTURE(retry_after.has_value());
          const auto lasts = limit == 5 ? 60min : 10min;
          const auto to = static_cast<int>(lasts / 1s);
          Setting setting{.counting = counting,
                          .limits = {{0ns, limit}},
                          .retry_after = retry_after,
                          .latency = k_steady,
                          .lasts = lasts};
          CHECK(send(setting, limit).accepted_between(0, to) >= 0.97 * limit);
          setting.limits = {{0ns, 0.6 * limit}};
          const auto less = send(setting, limit);
          CHECK(less.accepted_between(10, to) >= 0.86 * 0.6 * limit);
          for (int from = 20; from + 20 < to; from += 20)
            CHECK(less.accepted_between(from, from + 20) >= 0.5 * 0.6 * limit);
        }
  }

  TEST_CASE("pace goals: a stranger who takes two fifths leaves us most of the rest") {
    for (const double limit : {5.0, 50.0}) {
      CAPTURE(limit);
      const Setting setting{
          .limits = {{0ns, limit}}, .latency = k_log_normal, .stranger = 0.4 * limit, .lasts = 30min};
      const auto course = send(setting, limit, fmt::format("stranger-{:g}", limit));
      CHECK(course.accepted_between(0, 1800) >= 0.55 * 0.6 * limit);
      for (int from = 0; from + 60 < 1800; from += 60)
        CHECK(course.accepted_between(from, from + 60) >= 0.2 * 0.6 * limit);
    }
  }
}
