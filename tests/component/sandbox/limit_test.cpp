// The rate limit, its witness and the fault draws: pure, with a clock of the test's own.

#include <doctest/doctest.h>

#include <ostream>

#include "faults.hpp"
#include "rate.hpp"
#include "support/merchant.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sandbox;
  using namespace std::chrono_literals;

  TEST_CASE("sandbox limit: no sliding second holds more than the rate") {
    RateWindow window;
    window.set_rate(5);
    Instant now{1h};
    for (int i = 0; i < 5; ++i) CHECK(window.allow(now + i * 100ms));
    CHECK_FALSE(window.allow(now + 999ms));
    CHECK(window.allow(now + 1000ms));
    CHECK_FALSE(window.allow(now + 1099ms));
    CHECK(window.allow(now + 1100ms));
  }

  TEST_CASE("sandbox limit: a fractional rate counts over a longer span") {
    RateWindow window;
    window.set_rate(2.5);  // three in any 1.2 s
    Instant now{1h};
    for (int i = 0; i < 3; ++i) CHECK(window.allow(now));
    CHECK_FALSE(window.allow(now + 1199ms));
    CHECK(window.allow(now + 1200ms));
    window.set_rate(0.5);
    now += 1min;
    CHECK(window.allow(now));
    CHECK_FALSE(window.allow(now + 1999ms));
    CHECK(window.allow(now + 2s));
  }

  TEST_CASE("sandbox limit: the witness finds the busiest second wherever it starts") {
    PeakMeter meter;
    const Instant now{1h};
    for (const auto at : {0ms, 900ms, 950ms, 1000ms, 1800ms, 1899ms, 1900ms, 5000ms}) meter.count(now + at);
    CHECK(meter.peak() == 5);  // 900 … 1899
  }

  TEST_CASE("sandbox limit: invalidations and read-backs have a limit each and the witness counts all") {
    auto settings = plain_settings();
    settings.requests_per_second = 2;
    Desk desk{settings};
    CHECK(desk.send(desk.merchant->invalidate(desk.card("100"))).status == 200);
    CHECK(desk.send(desk.merchant->invalidate(desk.card("101"))).status == 200);
    const auto refused = desk.send(desk.merchant->invalidate(desk.card("102")));
    CHECK(refused.status == 429);
    CHECK(json_text(refused.body, "code") == "RATELIMIT_EXCEEDED");
    CHECK(desk.send(desk.merchant->query(desk.card("102"))).status == 200);
    CHECK(desk.counters().throttled == 1);
    CHECK(desk.counters().most_in_any_second == 4);
    CHECK(desk.simulator->applied().size() == 2);
    desk.now.steady += 1s;
    CHECK(desk.send(desk.merchant->invalidate(desk.card("102"))).status == 200);
  }

  TEST_CASE("sandbox limit: it changes at its times after the first request") {
    auto settings = plain_settings();
    settings.requests_per_second = 1;
    settings.limit_changes = {{10s, 2}, {20s, 0}, {30s, 1}};
    Desk desk{settings};
    const auto status_of = [&](const char* code) {
      return desk.send(desk.merchant->invalidate(desk.card(code))).status;
    };
    CHECK(status_of("100") == 200);
    CHECK(status_of("101") == 429);
    desk.now.steady += 10s;
    CHECK(status_of("102") == 200);
    CHECK(status_of("103") == 200);
    CHECK(status_of("104") == 429);
    desk.now.steady += 10s;
    CHECK(status_of("105") == 429);
    desk.now.steady += 10s;
    CHECK(status_of("106") == 200);
    CHECK(desk.counters().throttled == 3);
  }

  TEST_CASE("sandbox limit: a request without a valid signature uses up nothing") {
    auto settings = plain_settings();
    settings.requests_per_second = 1;
    Desk desk{settings};
    auto forged = desk.merchant->invalidate(desk.card("1"));
    forged.body += " ";
    CHECK(desk.send(forged).status == 401);
    CHECK(desk.send(desk.merchant->invalidate(desk.card("1"))).status == 200);
    CHECK(desk.counters().most_in_any_second == 1);
    CHECK(desk.counters().bad_signatures == 1);
  }

  TEST_CASE("sandbox faults: a draw depends on seed and code and count and not on the order") {
    const std::map<Fault, double> faults{{Fault::reset, 0.3}, {Fault::slow, 0.3}};
    const auto kind = model::AttemptKind::invalidate;
    FaultDraw one{1}, two{1}, other_seed{2};
    for (auto* draw : {&one, &two, &other_seed}) draw->set(faults);
    std::vector<std::optional<Fault>> forwards, backwards, otherwise;
    for (int i = 0; i < 200; ++i) forwards.push_back(one.next(kind, std::to_string(i)));
    for (int i = 199; i >= 0; --i) backwards.insert(backwards.begin(), two.next(kind, std::to_string(i)));
    for (int i = 0; i < 200; ++i) otherwise.push_back(other_seed.next(kind, std::to_string(i)));
    CHECK(forwards == backwards);
    CHECK(forwards != otherwise);
  }

  TEST_CASE("sandbox faults: probabilities come true") {
    FaultDraw draw{9};
    draw.set({{Fault::gateway, 0.25}});
    int hits = 0;
    for (int i = 0; i < 20'000; ++i)
      hits += draw.next(model::AttemptKind::invalidate, std::to_string(i % 5'000)) ? 1 : 0;
    CHECK(hits > 4'700);
    CHECK(hits < 5'300);
  }

  TEST_CASE("sandbox faults: words and probabilities are checked") {
    for (int i = 0; i <= static_cast<int>(Fault::slow); ++i) {
      const auto fault = static_cast<Fault>(i);
      CHECK(fault_from_text(to_text(fault)) == fault);
    }
    CHECK(fault_from_text("bad-signature") == Fault::bad_signature);
    CHECK_FALSE(fault_from_text("fire").has_value());
    CHECK(check_faults({{Fault::reset, 0.5}, {Fault::slow, 0.5}}).has_value());
    CHECK(check_faults({{Fault::reset, 0.6}, {Fault::slow, 0.5}}).has_error());
    CHECK(check_faults({{Fault::reset, -0.1}}).has_error());
  }
}
