// Cards that somebody protects while a run is under way.

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

  bool is_at_hand(const Row& row) {
    return row.phase != Row::not_offered && row.phase != Row::let_go && !row.finished;
  }

  // From here on the run refuses to send it (VirtualRun checks every Send).
  HowFar protect(VirtualRun& run, RowId id) {
    run.rows.at(id).candidate.is_protected = true;
    return run.dispatcher.protect(id);
  }

  std::int64_t invalidations(const VirtualRun& run, RowId id) {
    const auto sends = run.sends_of(id);
    return std::count_if(sends.begin(), sends.end(),
                         [](const Sent& sent) { return sent.request.kind == AttemptKind::invalidate; });
  }

  }  // namespace

  TEST_CASE("protecting: a card at hand is not sent from any phase") {
    std::map<HowFar, int> met;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      Settings settings;
      settings.card.retry.max_attempts = 4;
      settings.safety.canary = static_cast<int>(seed % 3);
      settings.safety.max_failure_rate = 1;
      VirtualRun run{settings, seed};
      run.connect = milliseconds{seed % 4 * 150};
      run.latency = milliseconds{80 + seed % 5 * 200};
      run.given_rows(60);
      std::mt19937 random{static_cast<std::uint32_t>(seed)};
      run.answering = [&](const Request&) -> std::optional<Fault> {
        switch (random() % 8) {
          case 0: return Fault{throttled};
          case 1: return Fault{gateway_error};
          case 2: return Fault{lost, true};
          case 3: return Fault{system_error};
          case 4: return Fault{stale_connection};
          default: return std::nullopt;
        }
      };
      struct Was {
        HowFar far;
        std::int64_t sent;
      };
      std::map<RowId, Was> was;
      for (int step = 1; step <= 40; ++step)
        run.at(step * 137ms, [&] {
          const auto id = static_cast<RowId>(1 + random() % 60);
          if (was.contains(id) || !is_at_hand(run.rows.at(id))) return;
          const auto sent = invalidations(run, id);
          const auto far = protect(run, id);
          ++met[far];
          was.emplace(id, Was{far, sent});
        });
      run.run();
      for (const auto& [id, then] : was) {
        CAPTURE(id);
        const auto more = invalidations(run, id) - then.sent;
        CHECK(more <= (then.far == HowFar::under_way ? 1 : 0));
        if (then.far == HowFar::untouched) CHECK_FALSE(run.cards.invalid_at.contains(id));
        if (then.far == HowFar::untouched) CHECK(run.rows.at(id).status == Status::pending);
      }
    }
    for (const auto far : {HowFar::untouched, HowFar::in_doubt, HowFar::under_way}) CHECK(met[far] > 10);
  }

  TEST_CASE("protecting: the others go on without it and the canary takes another card") {
    Settings settings;
    settings.safety.canary = 2;
    VirtualRun run{settings};
    run.given_rows(20);
    run.connect = 300ms;
    run.at(100ms, [&] {
      REQUIRE(run.rows.at(1).phase == Row::preparing);
      CHECK(protect(run, 1) == HowFar::untouched);
    });
    CHECK_FALSE(run.run().stopped);
    CHECK(run.count(Status::invalidated) == 19);
    CHECK(run.story(1) == "");
  }

  TEST_CASE("protecting: what was refused with 429 while it was under way is not tried again") {
    VirtualRun run{{}};
    run.given_rows(3);
    run.answering = [](const Request& request) -> std::optional<Fault> {
      if (request.row != 1) return std::nullopt;
      return Fault{.kind = throttled, .latency = 500ms};
    };
    run.at(300ms, [&] { CHECK(protect(run, 1) == HowFar::under_way); });
    CHECK_FALSE(run.run().stopped);
    CHECK(run.story(1) == "invalidate throttled");
    CHECK(run.rows.at(1).status == Status::pending);
    CHECK(run.rows.at(1).finished);
    CHECK(run.count(Status::invalidated) == 2);
  }
}
