#include <doctest/doctest.h>

#include <algorithm>
#include <cardvoid/dispatch/pacer.hpp>
#include <cmath>
#include <deque>
#include <ostream>
#include <random>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using dispatch::Pacer;
  using std::chrono::nanoseconds;

  namespace {

  constexpr Instant k_start{100h};

  // Sends as fast as the pacer allows: timers fire late, requests leave a little after their permit and
  // travel for a while. `travel` is the spread of the one-way delay, of which the pacer knows nothing
  // beforehand.
  struct Drive {
    double limit;
    nanoseconds for_how_long = 1h;
    nanoseconds timer_lateness = 5ms, signing = 2ms, travel = 20ms;

    std::int64_t sent = 0;
    nanoseconds closest =
        1h;  // of a request and the one ceil(limit) requests after it, as the platform sees them

    void run() {
      Pacer pacer{limit};
      std::mt19937_64 random{7};
      const auto up_to = [&](nanoseconds most) {
        return nanoseconds{
            static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most.count() + 1))};
      };
      const auto per_window = static_cast<std::size_t>(std::ceil(limit));
      std::deque<Instant> arrived;
      auto now = k_start;
      while (now - k_start < for_how_long) {
        if (pacer.next_at() > now) now = pacer.next_at() + up_to(timer_lateness);
        pacer.take(now);
        const auto left = now + up_to(signing);
        pacer.left(now, left);
        const auto there = up_to(travel);
        up_to(travel);
        pacer.accepted(left + there, left);
        ++sent;
        arrived.insert(std::upper_bound(arrived.begin(), arrived.end(), left + there), left + there);
        // Far enough back, nothing can be inserted any more.
        if (arrived.size() < 2 * per_window + 64) continue;
        closest = std::min(closest, nanoseconds{arrived[per_window] - arrived[0]});
        arrived.pop_front();
      }
    }
    double share_of_limit() const {
      return static_cast<double>(sent) / (limit * std::chrono::duration<double>{for_how_long}.count());
    }
  };

  // Takes permits at once when they are due, until `end`. Returns when they were.
  std::vector<Instant> take_until(Pacer& pacer, Instant end) {
    std::vector<Instant> taken;
    while (pacer.next_at() < end) {
      taken.push_back(std::max(pacer.next_at(), taken.empty() ? k_start : taken.back()));
      pacer.take(taken.back());
    }
    return taken;
  }

  }  // namespace

  TEST_CASE("pacer: late timers for an hour never bring more than the limit into one second") {
    for (const double limit : {0.5, 1.0, 2.5, 5.0, 50.0}) {
      CAPTURE(limit);
      Drive drive{.limit = limit, .timer_lateness = 80ms};
      drive.run();
      CHECK(drive.closest >= 1s);
      CHECK(drive.closest < std::max(1.5, 1.5 * std::ceil(limit) / limit) * 1s);  // it was measured
    }
  }

  TEST_CASE("pacer: 500 in a second stay 500 in every second") {
    Drive drive{.limit = 500, .for_how_long = 10min, .timer_lateness = 40ms};
    drive.run();
    CHECK(drive.closest >= 1s);
    CHECK(drive.share_of_limit() > 0.9);
  }

  TEST_CASE("pacer: small jitter costs less than three percent of the limit") {
    for (const double limit : {5.0, 50.0, 500.0}) {
      Drive drive{.limit = limit, .for_how_long = 5min, .travel = 5ms};
      drive.run();
      CAPTURE(limit);
      CAPTURE(drive.share_of_limit());
      CHECK(drive.share_of_limit() >= 0.97);
      CHECK(drive.closest >= 1s);
    }
  }

  TEST_CASE("pacer: starts without a burst and spaces evenly") {
    for (const double limit : {5.0, 500.0}) {
      Pacer pacer{limit};
      CHECK(pacer.next_at() <= k_start);
      const auto taken = take_until(pacer, k_start + 1s);
      const auto gap = std::chrono::duration<double>{1.02 / limit};
      for (std::size_t i = 1; i < taken.size(); ++i)
        CHECK(std::chrono::duration<double>{taken[i] - taken[i - 1]}.count() == doctest::Approx(gap.count()));
      CHECK(taken.size() == static_cast<std::size_t>(std::ceil(limit / 1.02)));
    }
  }

  TEST_CASE("pacer: a late timer is caught up with and yet the window holds") {
    Pacer pacer{50};
    auto taken = take_until(pacer, k_start + 2s);
    const auto planned = pacer.next_at();
    const auto late = planned + 40ms;  // two intervals
    pacer.take(late);
    CHECK(pacer.next_at() <= late);  // the next one is overdue too
    std::vector<Instant> behind{taken.end() - 49, taken.end()};
    behind.push_back(late);
    for (int i = 0; i < 100; ++i) {
      const auto next = std::max(pacer.next_at(), behind.back());
      CHECK(next - behind[behind.size() - 50] >= 1020ms);
      pacer.take(next);
      behind.push_back(next);
    }
    CHECK(pacer.next_at() - (planned + 101 * 20'400us) <
          20'400us);  // two windows later: less than one request behind
  }

  TEST_CASE("pacer: a long silence is not made up for") {
    Pacer pacer{50};
    take_until(pacer, k_start + 2s);
    const auto back = k_start + 10min;
    int burst = 0;
    for (; pacer.next_at() <= back; ++burst) pacer.take(back);
    CHECK(burst <= 4);
  }

  TEST_CASE("pacer: due_after says when the request behind others may leave") {
    Pacer pacer{5};
    pacer.take(k_start);
    CHECK(pacer.due_after(0, pacer.next_at()) == pacer.next_at());
    CHECK(pacer.due_after(2, pacer.next_at()) - pacer.next_at() == 408ms);
  }

  TEST_CASE("pacer: a stray 429 widens the guard and neither stops nor slows") {
    Pacer pacer{8};
    take_until(pacer, k_start + 2s);
    const auto now = k_start + 2s;
    const auto next = pacer.next_at();
    pacer.throttled(now, now - 80ms, std::nullopt);
    CHECK(pacer.guard() == 25ms);
    CHECK_FALSE(pacer.paused(now));
    CHECK(pacer.rate(now) == 8);
    CHECK_FALSE(pacer.found_limit());
    CHECK(pacer.next_at() <= next + 5ms);
  }

  TEST_CASE("pacer: several 429 to requests that left before the first was heard of count once") {
    Pacer pacer{8};
    take_until(pacer, k_start + 2s);
    const auto now = k_start + 2s;
    for (int i = 0; i < 5; ++i) pacer.throttled(now + i * 10ms, now - i * 10ms, std::nullopt);
    CHECK(pacer.guard() == 25ms);
    CHECK(pacer.rate(now + 1s) == 8);
    SUBCASE("while each Retry-After holds") {
      for (int i = 0; i < 5; ++i) pacer.throttled(now + i * 10ms, now - i * 10ms, 2s);
      CHECK(pacer.next_at() == now + 2040ms);
      CHECK(pacer.paused(now + 2039ms));
    }
  }

  TEST_CASE("pacer: a limit that fell is what was accepted in the window before a 429") {
    Pacer pacer{8};
    auto now = k_start;
    const auto send_until = [&](Instant end, int accepted_in_a_second) {
      std::deque<Instant> taken;
      for (; pacer.next_at() < end; pacer.next_at()) {
        now = std::max(now, pacer.next_at());
        pacer.take(now);
        while (!taken.empty() && now - taken.front() >= 1s) taken.pop_front();
        if (static_cast<int>(taken.size()) < accepted_in_a_second) {
          taken.push_back(now);
          pacer.accepted(now, now);
        } else {
          pacer.throttled(now + 1ms, now, std::nullopt);
        }
      }
    };
    send_until(k_start + 5s, 8);
    CHECK(pacer.rate(now) == 8);
    send_until(k_start + 10s, 3);
    CHECK(pacer.found_limit() == doctest::Approx(3).epsilon(0.05));
    CHECK(pacer.guard() == 20ms);
    send_until(k_start + 25s, 8);
    CHECK(pacer.rate(now) == 8);
    CHECK_FALSE(pacer.found_limit());
  }

  TEST_CASE("pacer: where nothing is accepted it asks every four seconds and never stops") {
    Pacer pacer{8};
    auto now = k_start;
    int asked = 0;
    for (; now < k_start + 10min; ++asked) {
      now = std::max(now, pacer.next_at());
      pacer.take(now);
      pacer.throttled(now + 30ms, now, std::nullopt);
    }
    CHECK(asked > 600 / 4.3);
    CHECK(asked < 600 / 4 + 20);
    pacer.accepted(now + 90ms, now + 60ms);
    CHECK(pacer.next_at() < now + 2s);
  }

  // The level of the slow limit is below the floor of the fast one.
  TEST_CASE("pacer: a 429 after a limit was set higher never makes it go faster") {
    Pacer pacer{0.4};
    auto now = k_start;
    const auto refuse = [&] {
      now = std::max(now, pacer.next_at());
      pacer.take(now);
      pacer.throttled(now + 30ms, now, std::nullopt);
    };
    for (int i = 0; i < 20; ++i) refuse();
    const auto found = pacer.rate(now);
    CHECK(found < 0.1);
    pacer.set_limit(50, now);
    for (int i = 0; i < 5; ++i) {
      refuse();
      CHECK(pacer.rate(now) <= 2 * found);
    }
  }

  TEST_CASE("pacer: Retry-After is honoured") {
    Pacer pacer{5};
    pacer.take(k_start);
    pacer.throttled(k_start + 30ms, k_start, 7s);
    CHECK(pacer.next_at() == k_start + 7030ms);
    CHECK(pacer.paused_until() == k_start + 7030ms);
  }

  TEST_CASE("pacer: hold lets nothing leave before and is not a 429") {
    Pacer pacer{5};
    pacer.hold(k_start + 1500ms);
    CHECK(pacer.next_at() == k_start + 1500ms);
    CHECK_FALSE(pacer.paused(k_start));
    CHECK(pacer.rate(k_start) == 5);
    pacer.take(k_start + 1500ms);
    CHECK(pacer.next_at() == k_start + 1704ms);
  }

  TEST_CASE("pacer: the guard grows by steps to its bound and shrinks very slowly") {
    Pacer pacer{5};
    CHECK(pacer.guard() == 20ms);
    CHECK(pacer.window() == 1020ms);
    auto now = k_start;
    const auto send = [&](int count) {
      for (int i = 0; i < count; ++i) {
        now = std::max(now, pacer.next_at());
        pacer.take(now);
        pacer.accepted(now + 50ms, now);
      }
    };
    for (int i = 0; i < 40; ++i) {
      send(20);
      pacer.throttled(now + 50ms, now, std::nullopt);
      now += 60ms;
    }
    CHECK(pacer.guard() == 250ms);
    CHECK(pacer.rate(now) == 5);
    send(400);
    CHECK(pacer.guard() == 250ms);
    send(400);
    CHECK(pacer.guard() < 250ms);
    CHECK(pacer.guard() > 225ms);
    send(50'000);
    CHECK(pacer.guard() == 20ms);
  }

  TEST_CASE("pacer: what left later than its permit counts from when it left") {
    Pacer pacer{2};
    pacer.take(k_start);
    pacer.take(k_start + 520ms);
    pacer.left(k_start, k_start + 300ms);
    CHECK(pacer.next_at() == k_start + 1320ms);
    SUBCASE("even when it was overtaken by a later one") {
      pacer.left(k_start + 300ms, k_start + 600ms);  // again: now behind the one of 520 ms
      CHECK(pacer.next_at() == k_start + 1540ms);
      pacer.take(k_start + 1540ms);
      CHECK(pacer.next_at() == k_start + 1540ms - 50ms + 510ms);  // even spacing; the window opens earlier
    }
    SUBCASE("and an unknown permit changes nothing") {
      pacer.left(k_start + 1ms, k_start + 5s);
      CHECK(pacer.next_at() == k_start + 1320ms);
    }
  }

  TEST_CASE("pacer: a new limit holds from the next request and nothing sent is forgotten") {
    Pacer pacer{50};
    take_until(pacer, k_start + 2s);
    const auto last = k_start + 2s;
    SUBCASE("lower") {
      pacer.set_limit(2, last);
      const auto taken = take_until(pacer, last + 10s);
      CHECK(taken.front() >= last + 900ms);  // the two latest of the old pace fill the new second
      CHECK(taken.size() <= 19);
      for (std::size_t i = 2; i < taken.size(); ++i) CHECK(taken[i] - taken[i - 2] >= 1s);
    }
    SUBCASE("higher") {
      pacer.set_limit(100, last);
      const auto size = take_until(pacer, last + 10s).size();
      CHECK(size >= 960);
      CHECK(size <= 1000);
    }
    SUBCASE("what a 429 imposed stays") {
      for (int i = 0; i < 4; ++i) pacer.throttled(last + i * 1s, last + i * 1s, 1s);
      const auto found = pacer.rate(last + 4s);
      CHECK(found < 25);
      pacer.set_limit(50, last);
      CHECK(pacer.rate(last + 1s) == found);
      CHECK(pacer.next_at() >= last + 4s);
      pacer.set_limit(0.5, last);
      CHECK(pacer.rate(last + 1s) == 0.5);
    }
    SUBCASE("the next permit moves with it in both directions") {
      pacer.set_limit(0.1, last);
      CHECK(pacer.next_at() > last + 9s);
      pacer.set_limit(50, last + 1s);
      CHECK(pacer.next_at() <= last + 1s);
      pacer.hold(last + 30s);
      pacer.set_limit(20, last + 1s);
      CHECK(pacer.next_at() == last + 30s);
    }
  }
}
