#include <doctest/doctest.h>

#include <cardvoid/dispatch/endpoint_health.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using dispatch::EndpointHealth;
  using State = EndpointHealth::State;
  using enum model::Endpoint;

  namespace {

  constexpr Instant k_start{100h};

  // Fails requests that start and end at `now` until the circuit opens.
  void bring_down(EndpointHealth& health, model::Endpoint endpoint, Instant now) {
    for (int i = 0; i < 3; ++i) {
      health.started(endpoint, now);
      health.failed(endpoint, now, now);
    }
  }

  }  // namespace

  TEST_CASE("endpoint health: the primary serves from the start") {
    const EndpointHealth health{{}};
    CHECK(health.choose(k_start, std::nullopt) == primary);
    CHECK(health.wake_at() == Instant::max());
    CHECK_FALSE(health.down_since());
  }

  TEST_CASE("endpoint health: a row that failed at one endpoint is sent to the other while that serves") {
    EndpointHealth health{{}};
    CHECK(health.choose(k_start, primary) == backup);
    CHECK(health.choose(k_start, backup) == primary);
    bring_down(health, backup, k_start);
    CHECK(health.choose(k_start, primary) == primary);
  }

  TEST_CASE("endpoint health: opens after three failures in a row and the backup serves") {
    EndpointHealth health{{}};
    CHECK_FALSE(health.failed(primary, k_start, k_start));
    CHECK_FALSE(health.failed(primary, k_start, k_start));
    CHECK_FALSE(health.succeeded(primary, k_start, k_start));  // breaks the row
    CHECK_FALSE(health.failed(primary, k_start, k_start));
    CHECK_FALSE(health.failed(primary, k_start, k_start));
    CHECK(health.choose(k_start, std::nullopt) == primary);
    CHECK(health.failed(primary, k_start, k_start));
    CHECK(health.state(primary) == State::open);
    CHECK(health.choose(k_start, std::nullopt) == backup);
    CHECK(health.wake_at() == k_start + 30s);
    CHECK_FALSE(health.down_since());
  }

  TEST_CASE("endpoint health: after the cool-down exactly one request probes the primary") {
    EndpointHealth health{{}};
    bring_down(health, primary, k_start);
    CHECK(health.choose(k_start + 30s - 1ms, std::nullopt) == backup);
    const auto probe = k_start + 30s;
    CHECK(health.choose(probe, std::nullopt) == primary);
    CHECK(health.choose(probe, primary) == backup);  // not with a row that failed there
    health.started(primary, probe);
    CHECK(health.state(primary) == State::half_open);
    CHECK(health.choose(probe, std::nullopt) == backup);
    CHECK(health.choose(probe + 1h, std::nullopt) == backup);

    SUBCASE("and its success brings the primary back") {
      CHECK(health.succeeded(primary, probe, probe + 1s));
      CHECK(health.state(primary) == State::closed);
      CHECK(health.choose(probe + 1s, std::nullopt) == primary);
    }
    SUBCASE("and its failure opens the circuit for another cool-down") {
      CHECK(health.failed(primary, probe, probe + 10s));
      CHECK(health.state(primary) == State::open);
      CHECK(health.choose(probe + 39s, std::nullopt) == backup);
      CHECK(health.choose(probe + 40s, std::nullopt) == primary);
    }
    SUBCASE("and another one goes when nothing was learnt from it") {
      health.abandoned(primary, probe);
      CHECK(health.choose(probe + 1s, std::nullopt) == primary);
    }
  }

  TEST_CASE("endpoint health: late answers from before the circuit opened do not count") {
    EndpointHealth health{{}};
    bring_down(health, primary, k_start);
    CHECK_FALSE(health.succeeded(primary, k_start - 5s, k_start + 1s));
    CHECK(health.state(primary) == State::open);
    const auto probe = k_start + 30s;
    health.started(primary, probe);
    CHECK_FALSE(health.failed(primary, k_start - 1ms, probe + 1s));
    CHECK_FALSE(health.succeeded(primary, k_start - 1ms, probe + 1s));
    health.abandoned(primary, k_start - 1ms);
    CHECK(health.state(primary) == State::half_open);
    CHECK(health.succeeded(primary, probe, probe + 2s));
    for (int i = 0; i < 9; ++i) CHECK_FALSE(health.failed(primary, k_start - 1ms, probe + 3s));
    CHECK(health.state(primary) == State::closed);
  }

  TEST_CASE("endpoint health: when both are down it probes with back-off and says when") {
    EndpointHealth health{{}};
    bring_down(health, primary, k_start);
    bring_down(health, backup, k_start + 1s);
    auto now = k_start + 1s;
    CHECK(health.down_since() == now);
    CHECK_FALSE(health.choose(now, std::nullopt));
    CHECK(health.wake_at() == now + 1s);

    // Both are probed; the waits of each grow with its own failures, up to the cool-down.
    std::vector<std::chrono::nanoseconds> waits;
    int probes = 0;
    while (now < k_start + 5min) {
      const auto endpoint = health.choose(now, std::nullopt);
      if (!endpoint) {
        REQUIRE(health.wake_at() > now);
        waits.push_back(health.wake_at() - now);
        now = health.wake_at();
        continue;
      }
      health.started(*endpoint, now);
      CHECK(health.failed(*endpoint, now, now));
      ++probes;
    }
    CHECK(waits.front() == 1s);
    CHECK(waits[1] == 2s);
    CHECK(waits[2] == 4s);
    CHECK(waits.back() == 30s);
    CHECK(probes == 2 * static_cast<int>(waits.size() - 1));  // the last wait led out of the loop
    CHECK(health.down_since() == k_start + 1s);

    now = health.wake_at();
    const auto endpoint = health.choose(now, std::nullopt);
    REQUIRE(endpoint);
    health.started(*endpoint, now);
    CHECK(health.succeeded(*endpoint, now, now + 1s));
    CHECK_FALSE(health.down_since());
    CHECK(health.choose(now + 1s, std::nullopt) == endpoint);
  }

  TEST_CASE("endpoint health: while the only probe is under way just its end can change anything") {
    EndpointHealth health{{}};
    bring_down(health, primary, k_start);
    bring_down(health, backup, k_start);
    health.started(primary, k_start + 1s);
    health.started(backup, k_start + 1s);
    CHECK_FALSE(health.choose(k_start + 1h, std::nullopt));
    CHECK(health.wake_at() == Instant::max());
  }

  TEST_CASE("endpoint health: an untrusted certificate opens at once until a success") {
    EndpointHealth health{{}};
    CHECK(health.distrust(primary, k_start));
    CHECK_FALSE(health.distrust(primary, k_start));  // told once
    CHECK(health.distrusted(primary));
    CHECK_FALSE(health.distrusted(backup));
    CHECK(health.choose(k_start, std::nullopt) == backup);
    const auto probe = k_start + 30s;
    health.started(primary, probe);
    CHECK(health.succeeded(primary, probe, probe));
    CHECK_FALSE(health.distrusted(primary));
    CHECK(health.choose(probe, std::nullopt) == primary);
  }

  TEST_CASE("endpoint health: a probe that meets an untrusted certificate counts for the back-off") {
    EndpointHealth health{{}};
    bring_down(health, backup, k_start);
    health.distrust(primary, k_start);
    auto now = k_start;
    for (const auto wait : {1s, 2s, 4s}) {
      CHECK(health.wake_at() == now + wait);
      now = health.wake_at();
      for (const auto endpoint : {primary, backup}) health.started(endpoint, now);
      CHECK(health.distrust(primary, now));
      CHECK(health.failed(backup, now, now));
    }
  }
}
