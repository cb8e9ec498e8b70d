// Which endpoint: failing over, coming back, giving up.

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

  std::int64_t sends_to(const VirtualRun& run, Endpoint endpoint) {
    return std::count_if(run.sends.begin(), run.sends.end(),
                         [&](const Sent& sent) { return sent.request.endpoint == endpoint; });
  }

  bool was_noticed(const VirtualRun& run, std::string_view words) {
    return std::any_of(run.notices.begin(), run.notices.end(),
                       [&](const Notice& notice) { return notice.text.find(words) != std::string::npos; });
  }

  // Fails everything at these endpoints from `from` until `until`: what was written is lost after 10 s.
  auto black_hole(const VirtualRun& run, std::set<Endpoint> endpoints, std::chrono::seconds from,
                  std::chrono::seconds until) {
    return [&run, endpoints, from, until](const Request& request) -> std::optional<Fault> {
      if (!endpoints.contains(request.endpoint) || run.elapsed() < from || run.elapsed() >= until)
        return std::nullopt;
      return Fault{lost};
    };
  }

  // The same for connecting.
  auto refuses_connections(const VirtualRun& run, std::set<Endpoint> endpoints,
                           std::chrono::seconds until = 1h, OutcomeKind kind = not_sent) {
    return [&run, endpoints, until, kind](const Request& request) -> std::optional<OutcomeKind> {
      if (!endpoints.contains(request.endpoint) || run.elapsed() >= until) return std::nullopt;
      return kind;
    };
  }

  }  // namespace

  TEST_CASE("failover: a primary that cannot be reached from the start costs nothing but its probes") {
    VirtualRun run{{}};
    run.given_rows(500);
    run.connecting = refuses_connections(run, {Endpoint::primary});
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 500);
    CHECK(sends_to(run, Endpoint::primary) == 0);
    CHECK(run.sends.size() == 500);  // no read-backs: nothing was in doubt
    CHECK(run.elapsed() < 105s);
    CHECK(was_noticed(run, "primary endpoint does not serve"));
  }

  TEST_CASE("failover: a row that could not be sent goes to the other endpoint at once") {
    VirtualRun run{{}};
    run.given_rows(5);
    run.connecting = [](const Request& request) -> std::optional<OutcomeKind> {
      if (request.row != 2 || request.attempt != 1) return std::nullopt;
      return not_sent;
    };
    run.run();
    REQUIRE(run.sends_of(2).size() == 1);
    CHECK(run.sends_of(2)[0].request.endpoint == Endpoint::backup);
    CHECK(sends_to(run, Endpoint::primary) == 4);
  }

  TEST_CASE("failover: a primary that swallows requests from the start is left after three of them") {
    VirtualRun run{{}};
    run.given_rows(300);
    run.answering = black_hole(run, {Endpoint::primary}, 0s, 1h);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 300);
    CHECK(sends_to(run, Endpoint::primary) <= 3 + 3);  // and one probe for each cool-down
    CHECK(run.elapsed() < 90s);
  }

  TEST_CASE("failover: in the middle of a run to the backup and back after the cool-down") {
    VirtualRun run{{}};
    run.given_rows(1000);
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.endpoint == Endpoint::backup || run.elapsed() < 60s || run.elapsed() >= 120s)
        return std::nullopt;
      return Fault{gateway_error};
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 1000);
    CHECK(was_noticed(run, "primary endpoint serves again"));
    int primary_in_trouble = 0, backup_after = 0;
    for (const auto& sent : run.sends) {
      const auto at = sent.request.now.steady - run.start.steady;
      if (at >= 62s && at < 120s) primary_in_trouble += sent.request.endpoint == Endpoint::primary;
      if (at >= 155s) backup_after += sent.request.endpoint == Endpoint::backup;
    }
    CHECK(primary_in_trouble >= 1);
    CHECK(primary_in_trouble <= 4);  // probes, and what was prepared already
    CHECK(backup_after == 0);
    CHECK(run.elapsed() < 215s);
  }

  TEST_CASE("failover: a black hole in the middle of a run leaves no more in doubt than was in flight") {
    VirtualRun run{{}};
    run.given_rows(1000);
    run.answering = black_hole(run, {Endpoint::primary}, 60s, 150s);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 1000);
    const auto lost_ones = std::count_if(run.sends.begin(), run.sends.end(),
                                         [](const Sent& sent) { return sent.outcome == lost; });
    CHECK(lost_ones >= 32);
    CHECK(lost_ones <= 32 + 3 + 3 + 3);  // in flight; three more until it opens; prepared; probes
  }

  TEST_CASE("failover: a black hole costs one time-out in all and not one for each request in flight") {
    VirtualRun run{{}};
    run.given_rows(1000);
    run.answering = black_hole(run, {Endpoint::primary}, 60s, 1h);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 1000);
    const std::chrono::duration<double> pace{static_cast<double>(run.sends.size()) / 5};
    constexpr auto k_time_out = 10s;
    // The pace itself keeps 2 % clear; the last probe is waited for as well.
    CHECK(run.elapsed() < pace * 1.03 + 2 * k_time_out);
    auto longest = 0ns;
    for (std::size_t i = 1; i < run.sends.size(); ++i)
      longest = std::max<std::chrono::nanoseconds>(
          longest, run.sends[i].request.now.steady - run.sends[i - 1].request.now.steady);
    CHECK(longest < k_time_out);
  }

  TEST_CASE("failover: when neither endpoint can be reached the run gives up after its patience") {
    VirtualRun run{{}};
    run.given_rows(100);
    SUBCASE("nothing connects") {
      run.connecting = refuses_connections(run, {Endpoint::primary, Endpoint::backup});
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::unavailable);
      CHECK(run.sends.empty());
      CHECK(run.count(Status::pending) == 100);
      CHECK(run.elapsed() > 60s);
      CHECK(run.elapsed() < 95s);
      Instant last_try{};
      for (const auto& [id, row] : run.rows)
        if (!row.rulings.empty()) last_try = std::max(last_try, row.rulings.back().at);
      CHECK(run.now.steady == last_try);  // not one cool-down later
    }
    SUBCASE("everything is swallowed in the middle of the run") {
      run.answering = black_hole(run, {Endpoint::primary, Endpoint::backup}, 5s, 24h);
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::unavailable);
      CHECK(run.count(Status::pending) + run.count(Status::in_flight) + run.count(Status::invalidated) ==
            100);
      CHECK(run.elapsed() > 65s);
      CHECK(run.elapsed() < 150s);
    }
    SUBCASE("both say 502") {
      run.answering = [](const Request&) { return Fault{gateway_error}; };
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::unavailable);
      CHECK(run.elapsed() < 150s);
    }
  }

  TEST_CASE("failover: ten minutes of nothing but SYSTEM_ERROR end the run and leave few rows in doubt") {
    VirtualRun run{{}};
    run.given_rows(10'000);
    run.answering = [](const Request&) -> std::optional<Fault> { return Fault{system_error}; };
    const auto ending = run.run();
    REQUIRE(ending.stopped.has_value());
    CHECK(ending.stopped->code == Errc::unavailable);
    CHECK(run.elapsed() > 10min);
    CHECK(run.elapsed() < 13min);
    CHECK(run.count(Status::in_flight) + run.count(Status::unresolved) < 150);
  }

  TEST_CASE("failover: an outage of both endpoints shorter than the patience is survived") {
    VirtualRun run{{}};
    run.given_rows(200);
    run.connecting = refuses_connections(run, {Endpoint::primary, Endpoint::backup}, 40s);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 200);
    CHECK(run.elapsed() < 40s + 30s + 45s);
  }

  TEST_CASE("failover: an untrusted certificate of the primary is told and the backup serves") {
    VirtualRun run{{}};
    run.given_rows(50);
    run.connecting = refuses_connections(run, {Endpoint::primary}, 1h, bad_certificate);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 50);
    CHECK(was_noticed(run, "primary endpoint is not trusted"));
  }

  TEST_CASE("failover: untrusted certificates at both endpoints stop the run at once") {
    VirtualRun run{{}};
    run.given_rows(50);
    run.connecting = refuses_connections(run, {Endpoint::primary, Endpoint::backup}, 1h, bad_certificate);
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::unavailable);
    CHECK(run.elapsed() < 1s);
    CHECK(run.sends.empty());
  }

  TEST_CASE("failover: an endpoint that fails now and then stays in use") {
    VirtualRun run{{}};
    run.given_rows(300);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row % 3 != 0 || request.attempt > 1) return std::nullopt;
      return Fault{gateway_error};
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 300);
    CHECK(run.notices.empty());
    CHECK(sends_to(run, Endpoint::backup) == 100);  // the failed ones try their luck there
  }

  TEST_CASE("failover: a half-open probe on a stale connection is followed by another one") {
    VirtualRun run{{}};
    run.given_rows(400);
    int stale = 0;
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (request.endpoint == Endpoint::backup) return std::nullopt;
      if (run.elapsed() < 20s) return Fault{gateway_error};
      if (!request.fresh_connection && ++stale <= 2)
        return Fault{stale % 2 ? stale_connection : connection_closed};
      return std::nullopt;
    };
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 400);
    CHECK(was_noticed(run, "primary endpoint serves again"));
    CHECK(run.sends.back().request.endpoint == Endpoint::primary);
  }
}
