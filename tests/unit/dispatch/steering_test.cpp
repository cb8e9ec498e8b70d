// What people change while a run is under way: pause, resume, rate.

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>

#include "virtual_run.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace cardvoid::dispatch::test;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;

  namespace {

  Steered alice(const VirtualRun& run) { return {"alice", run.now.wall}; }

  // Requests that left in [from, to) after the start.
  std::int64_t sent_between(const VirtualRun& run, std::chrono::nanoseconds from,
                            std::chrono::nanoseconds to) {
    return std::count_if(run.sends.begin(), run.sends.end(), [&](const Sent& sent) {
      const auto at = sent.request.now.steady - run.start.steady;
      return at >= from && at < to;
    });
  }

  std::vector<std::string> kinds(const VirtualRun& run) {
    std::vector<std::string> found;
    for (const auto& reason : run.dispatcher.reasons_to_wait(run.now)) found.push_back(reason.kind);
    return found;
  }
  using Kinds = std::vector<std::string>;

  }  // namespace

  TEST_CASE("steering: while paused nothing leaves and no intent stands open and then it goes on") {
    VirtualRun run{{}};
    run.connect = 600ms;  // so that several are prepared
    run.given_rows(100);
    run.at(5s, [&] {
      CHECK(run.dispatcher.snapshot(run.now.steady).preparing > 1);
      run.dispatcher.pause(alice(run), run.now.steady);
    });
    run.at(10s, [&] {
      const auto snapshot = run.dispatcher.snapshot(run.now.steady);
      CHECK(snapshot.preparing == 0);
      CHECK(snapshot.in_flight == 0);
      CHECK(run.count(Status::in_flight) == 0);
      CHECK(kinds(run) == Kinds{"paused"});
    });
    run.at(2h, [&] {
      run.dispatcher.resume(run.now.steady);
      CHECK(kinds(run).empty());
    });
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 100);
    CHECK(run.sends.size() == 100);
    CHECK(sent_between(run, 5s + run.most_signing, 2h) == 0);
    CHECK(sent_between(run, 0s, 5s) > 15);
    CHECK(sent_between(run, 2h, 2h + 1500ms) > 1);
  }

  TEST_CASE("steering: a pause holds back retries and read-backs too") {
    for (const auto kind : {lost, system_error}) {
      CAPTURE(static_cast<int>(kind));
      VirtualRun run{{}};
      run.given_rows(20);
      bool troubled = true;
      run.answering = [&](const Request&) -> std::optional<Fault> {
        if (troubled) return Fault{.kind = kind, .executed = true, .latency = 1s};
        return std::nullopt;
      };
      run.at(1500ms, [&] { run.dispatcher.pause(alice(run), run.now.steady); });
      run.at(30min, [&] {
        troubled = false;
        run.dispatcher.resume(run.now.steady);
      });
      CHECK_FALSE(run.run().stopped);
      CHECK(run.count(Status::invalidated) == 20);
      CHECK(sent_between(run, 1500ms + run.most_signing, 30min) == 0);
    }
  }

  TEST_CASE("steering: a paused run stops at once and lets go of everything") {
    VirtualRun run{{}};
    run.given_rows(50, Status::in_flight, 1);
    run.given_rows(50);
    run.at(2s, [&] { run.dispatcher.pause(alice(run), run.now.steady); });
    run.at(1h, [&] { run.dispatcher.stop({Errc::stopped, "by hand"}); });
    const auto end = run.run();
    REQUIRE(end.stopped.has_value());
    CHECK(end.stopped->what == "by hand");
    CHECK(run.elapsed() < 1h + 1s);
  }

  TEST_CASE("steering: a paused run ends when nothing is left") {
    VirtualRun run{{}};
    run.given_rows(3);
    run.at(420ms, [&] {
      if (run.sends.size() == 3) run.dispatcher.pause(alice(run), run.now.steady);
    });
    run.at(430ms, [&] { run.dispatcher.pause(alice(run), run.now.steady); });
    run.at(1h, [&] { run.dispatcher.resume(run.now.steady); });
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 3);
  }

  TEST_CASE("steering: the first pause counts and a second one changes nothing") {
    VirtualRun run{{}};
    run.given_rows(10);
    run.at(1s, [&] { run.dispatcher.pause({"alice", run.now.wall}, run.now.steady); });
    run.at(2s, [&] {
      run.dispatcher.pause({"bob", run.now.wall}, run.now.steady);
      CHECK(run.dispatcher.paused()->by == "alice");
      CHECK(run.dispatcher.paused()->at == run.start.wall + 1s);
      const auto reasons = run.dispatcher.reasons_to_wait(run.now);
      REQUIRE(reasons.size() == 1);
      CHECK(reasons[0].words == "paused by alice");
      CHECK(reasons[0].since == run.start.wall + 1s);
      run.dispatcher.resume(run.now.steady);
      run.dispatcher.resume(run.now.steady);
    });
    CHECK_FALSE(run.run().stopped);
  }

  TEST_CASE("steering: the time of a pause does not count as patience with a platform in trouble") {
    VirtualRun run{{}};
    run.given_rows(100);
    SUBCASE("without an endpoint") {
      run.connecting = [&](const Request&) -> std::optional<OutcomeKind> {
        return run.elapsed() < 62min ? std::optional{not_sent} : std::nullopt;
      };
      run.at(10s, [&] {
        const auto found = kinds(run);
        CHECK(std::count(found.begin(), found.end(), "endpoints_down") == 1);
        run.dispatcher.pause(alice(run), run.now.steady);
      });
      run.at(61min + 50s, [&] { run.dispatcher.resume(run.now.steady); });
    }
    SUBCASE("with nothing but errors") {
      run.answering = [&](const Request&) -> std::optional<Fault> {
        if (run.elapsed() < 65min) return Fault{.kind = system_error, .latency = 100ms};
        return std::nullopt;
      };
      run.at(5min, [&] {
        const auto found = kinds(run);
        CHECK(std::count(found.begin(), found.end(), "platform_errors") == 1);
        run.dispatcher.pause(alice(run), run.now.steady);
      });
      run.at(60min, [&] { run.dispatcher.resume(run.now.steady); });
    }
    SUBCASE("with nothing but 429") {
      run.answering = [&](const Request&) -> std::optional<Fault> {
        if (run.elapsed() < 61min) return Fault{.kind = throttled};
        return std::nullopt;
      };
      run.at(1min, [&] { run.dispatcher.pause(alice(run), run.now.steady); });
      run.at(60min, [&] { run.dispatcher.resume(run.now.steady); });
    }
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) + run.count(Status::unresolved) == 100);
  }

  TEST_CASE("steering: a pause begins and ends in the middle of a pause for 429") {
    VirtualRun run{{}};
    run.given_rows(20);
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.row == 5 && run.elapsed() < 5s) return Fault{.kind = throttled, .retry_after = 20s};
      return std::nullopt;
    };
    run.at(3s, [&] {
      CHECK(kinds(run) == Kinds{"throttled"});
      CHECK(run.dispatcher.reasons_to_wait(run.now).front().until > run.now.wall);
      run.dispatcher.pause(alice(run), run.now.steady);
      CHECK(kinds(run) == Kinds{"paused", "throttled"});
    });
    run.at(6s, [&] { run.dispatcher.resume(run.now.steady); });
    CHECK_FALSE(run.run().stopped);
    CHECK(sent_between(run, 3s, 20s) == 0);
  }

  TEST_CASE("steering: a lower rate holds at once and what is prepared too early is taken back") {
    VirtualRun run{{}};
    run.connect = 600ms;
    run.given_rows(60);
    run.at(5s, [&] { run.dispatcher.set_rate(0.1, alice(run), run.now.steady); });
    run.at(7s, [&] {
      CHECK(run.dispatcher.snapshot(run.now.steady).preparing == 0);
      CHECK(run.dispatcher.snapshot(run.now.steady).rate == doctest::Approx(0.1));
      CHECK(kinds(run) == Kinds{"rate_set"});
      CHECK(run.dispatcher.reasons_to_wait(run.now).front().words == "rate set to 0.1/s by alice");
    });
    run.at(65s, [&] {
      run.dispatcher.set_rate(5, alice(run), run.now.steady);
      CHECK(kinds(run).empty());
    });
    CHECK_FALSE(run.run().stopped);
    CHECK(sent_between(run, 5s + run.most_signing, 14s) == 0);
    CHECK(sent_between(run, 14s, 64s) == 5);
    CHECK(sent_between(run, 65s, 67s) >= 5);  // it does not wait out the ten seconds of the old pace
  }

  TEST_CASE("steering: a permit under wait follows a raised rate at once") {
    Settings settings;
    settings.requests_per_second = 5;
    VirtualRun run{settings};
    run.given_rows(10);
    run.dispatcher.set_rate(0.05, alice(run), run.now.steady);
    run.at(2s, [&] { run.dispatcher.set_rate(5, alice(run), run.now.steady); });
    CHECK_FALSE(run.run().stopped);
    CHECK(run.elapsed() < 5s);
  }

  TEST_CASE("steering: a rate above the settings' own holds and is said") {
    Settings settings;
    settings.requests_per_second = 5;
    settings.max_in_flight = 100;
    VirtualRun run{settings};
    run.highest_rate = 50;
    run.given_rows(500);
    run.dispatcher.set_rate(50, alice(run), run.now.steady);
    CHECK(run.dispatcher.requests_per_second() == 50);
    CHECK(kinds(run) == Kinds{"rate_set"});
    CHECK_FALSE(run.run().stopped);
    CHECK(run.elapsed() < 20s);
  }

  TEST_CASE("steering: however rates and pauses alternate the platform never sees more than its limit") {
    for (const double limit : {0.7, 1.5, 5.0, 20.0})
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(limit);
        CAPTURE(seed);
        Settings settings;
        settings.requests_per_second = limit;
        settings.lanes = 1 + seed % 2;
        VirtualRun run{settings, seed};
        run.given_rows(60);
        if (settings.lanes == 2) run.given_rows(60, 1);
        std::mt19937_64 random{seed};
        milliseconds at = 0ms;
        for (int i = 0; i < 60; ++i) {
          at += milliseconds{random() % 2500};
          const double rate = limit * static_cast<double>(1 + random() % 10) / 10;
          switch (random() % 4) {
            case 0: run.at(at, [&] { run.dispatcher.pause(alice(run), run.now.steady); }); break;
            case 1: run.at(at, [&] { run.dispatcher.resume(run.now.steady); }); break;
            default: run.at(at, [&, rate] { run.dispatcher.set_rate(rate, alice(run), run.now.steady); });
          }
        }
        run.at(at + 1s, [&] {
          run.dispatcher.resume(run.now.steady);
          run.dispatcher.set_rate(limit, alice(run), run.now.steady);
        });
        CHECK_FALSE(run.run().stopped);  // and checks the pace
        CHECK(run.count(Status::invalidated) == std::ssize(run.rows));
      }
  }

  TEST_CASE("steering: pauses and rates change nothing of what becomes of the rows of a failing platform") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      CAPTURE(seed);
      VirtualRun run{{}, seed};
      run.given_rows(40);
      run.given_rows(10, Status::in_flight, 1);
      std::mt19937_64 random{seed};
      run.answering = [&](const Request&) -> std::optional<Fault> {
        switch (random() % 8) {
          case 0: return Fault{.kind = lost, .executed = random() % 2 == 0, .latency = 2s};
          case 1: return Fault{.kind = system_error, .executed = random() % 2 == 0};
          case 2: return Fault{.kind = throttled};
          default: return std::nullopt;
        }
      };
      for (milliseconds at = 500ms; at < 5min; at += milliseconds{random() % 6000}) {
        run.at(at, [&] { run.dispatcher.pause(alice(run), run.now.steady); });
        run.at(at + milliseconds{random() % 3000}, [&] { run.dispatcher.resume(run.now.steady); });
        run.at(at, [&, rate = 0.5 + static_cast<double>(random() % 9) / 2] {
          run.dispatcher.set_rate(rate, alice(run), run.now.steady);
        });
      }
      run.at(5min + 10s, [&] { run.dispatcher.resume(run.now.steady); });
      CHECK_FALSE(run.run().stopped);  // and checks pace, rulings, standings
    }
  }
}
