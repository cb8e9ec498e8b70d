// Everything goes wrong at random; VirtualRun checks what must hold nevertheless. A failing seed is printed:
// it replays exactly, and becomes a test of its own.

#include <doctest/doctest.h>

#include <array>
#include <ostream>

#include "virtual_run.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace cardvoid::dispatch::test;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;

  namespace {

  struct Chaos {
    explicit Chaos(std::uint64_t seed) : random{seed} {}
    std::mt19937_64 random;

    std::int64_t below(std::int64_t n) {
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    }
    bool in_percent(int percent) { return below(100) < percent; }
    template <class T, std::size_t N>
    T one_of(const std::array<T, N>& choices) {
      return choices[static_cast<std::size_t>(below(N))];
    }
  };

  // Of what goes wrong, a different share in every run, and some kinds not at all.
  struct Weather {
    static constexpr std::array k_kinds{not_invalid, wrong_card,       unverified,       probe_signature,
                                        unreadable,  accepted,         system_error,     gateway_error,
                                        throttled,   clock_refused,    refused,          distrusted,
                                        lost,        stale_connection, connection_closed};
    // These end the run: rare, else nothing else would be seen.
    static constexpr std::array k_fatal{credentials_refused, setup_refused, unknown_answer};
    std::vector<OutcomeKind> kinds;
    int percent = 0, connect_percent = 0;
    bool fatal = false;
    struct Outage {
      Endpoint endpoint;
      milliseconds from, until;
      OutcomeKind kind;
    };
    std::vector<Outage> outages;

    explicit Weather(Chaos& chaos) {
      for (const auto kind : k_kinds)
        if (chaos.in_percent(50)) kinds.push_back(kind);
      percent = static_cast<int>(chaos.one_of(std::array{0, 3, 10, 30, 60, 90}));
      connect_percent = chaos.one_of(std::array{0, 0, 5, 30});
      fatal = chaos.in_percent(10);
      for (auto n = chaos.below(4); n > 0; --n) {
        const milliseconds from{chaos.below(60'000)};
        outages.push_back(
            {chaos.one_of(std::array{Endpoint::primary, Endpoint::backup}), from,
             from + milliseconds{chaos.below(100'000)},
             chaos.one_of(std::array{lost, gateway_error, not_sent, not_sent, bad_certificate})});
      }
    }

    const Outage* outage(const Request& request, std::chrono::duration<double> elapsed) const {
      for (const auto& each : outages)
        if (each.endpoint == request.endpoint && elapsed >= each.from && elapsed < each.until) return &each;
      return nullptr;
    }
  };

  Settings random_settings(Chaos& chaos) {
    Settings settings;
    settings.requests_per_second = chaos.one_of(std::array{0.5, 1.0, 2.5, 5.0, 20.0, 100.0, 500.0});
    settings.lanes = static_cast<std::size_t>(chaos.one_of(std::array{1, 1, 1, 2, 3}));
    settings.max_in_flight = chaos.one_of(std::array{1, 2, 5, 32, 200});
    settings.card.retry.max_attempts = chaos.one_of(std::array{1, 2, 8});
    settings.card.retry.base = chaos.one_of(std::array{1ms, 500ms, 5000ms});
    settings.endpoints.failover_after = chaos.one_of(std::array{1, 3, 5});
    settings.endpoints.cooldown = chaos.one_of(std::array{1000ms, 30'000ms});
    if (chaos.in_percent(20)) settings.row_limit = 1 + chaos.below(150);
    settings.safety.read_back_only = chaos.in_percent(10);
    if (chaos.in_percent(30)) settings.safety.canary = 1 + static_cast<int>(chaos.below(20));
    if (chaos.in_percent(30))
      settings.safety.canary_passed = static_cast<int>(chaos.below(settings.safety.canary + 1));
    if (chaos.in_percent(30)) settings.safety.max_failure_rate = chaos.one_of(std::array{0.01, 0.1, 0.2});
    return settings;
  }

  void storm(std::uint64_t seed) {
    Chaos chaos{seed};
    const auto settings = random_settings(chaos);
    VirtualRun run{settings, seed};
    for (LaneId lane = 0; lane < settings.lanes; ++lane) {
      run.given_rows(static_cast<int>(chaos.below(60)), lane);
      run.given_rows(static_cast<int>(chaos.below(10)), Status::in_flight, 1, lane);
      run.given_rows(static_cast<int>(chaos.below(5)), Status::unresolved, 9, lane);
    }
    const auto rows = static_cast<RowId>(run.rows.size());
    for (RowId row = 1; row <= rows; ++row) {
      if (chaos.in_percent(5))
        run.cards.refused.insert(row);
      else if (chaos.in_percent(5))
        run.cards.invalid_at[row] = run.start.wall - 1h;
    }
    run.cards.refuses_second_time = chaos.in_percent(50);
    run.cards.clock_ahead = chaos.one_of(std::array{-90'000ms, 0ms, 90'000ms});
    run.cards.read_lag = chaos.one_of(std::array{0ms, 1000ms, 4000ms});
    run.commit = chaos.one_of(std::array{1ms, 10ms, 200ms});
    run.connect = chaos.one_of(std::array{0ms, 50ms, 700ms});
    run.latency = chaos.one_of(std::array{5ms, 80ms, 2000ms});
    run.most_timer_lateness = chaos.one_of(std::array{0ms, 2ms, 300ms});

    const Weather weather{chaos};
    run.connecting = [&](const Request& request) -> std::optional<OutcomeKind> {
      if (const auto* outage = weather.outage(request, run.elapsed()))
        if (outage->kind == not_sent || outage->kind == bad_certificate) return outage->kind;
      if (chaos.in_percent(weather.connect_percent)) return not_sent;
      return std::nullopt;
    };
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      Fault fault{
          .kind = lost, .executed = chaos.in_percent(50), .latency = milliseconds{chaos.below(12'000)}};
      if (const auto* outage = weather.outage(request, run.elapsed());
          outage && outage->kind == gateway_error) {
        fault.kind = gateway_error;
      } else if (outage) {
        fault.kind = lost;
      } else if (weather.fatal && chaos.below(200) == 0) {
        fault.kind = chaos.one_of(Weather::k_fatal);
      } else if (!weather.kinds.empty() && chaos.in_percent(weather.percent)) {
        fault.kind = weather.kinds[static_cast<std::size_t>(chaos.below(std::ssize(weather.kinds)))];
        if (fault.kind == connection_closed && request.fresh_connection) return std::nullopt;
        if (fault.kind == throttled && chaos.in_percent(30))
          fault.retry_after = milliseconds{chaos.below(5'000)};
      } else if (chaos.in_percent(10)) {
        run.latency = milliseconds{chaos.below(300)};
        return std::nullopt;
      } else {
        return std::nullopt;
      }
      // It loses, repeats and refuses, but a verified read-back does not lie.
      const bool denies = fault.kind == refused || fault.kind == not_invalid;
      if (denies && request.kind == AttemptKind::read_back && run.cards.invalid_at.contains(request.row))
        return std::nullopt;
      if (!model::leaves_doubt(fault.kind)) fault.executed = false;
      return fault;
    };
    if (chaos.in_percent(40))
      run.at(milliseconds{chaos.below(120'000)}, [&] {
        run.dispatcher.stop({Errc::stopped, "random stop"});
      });

    const auto finished = run.run();
    CHECK((finished.stopped || run.count(Status::in_flight) == 0));
    CHECK((!run.dispatcher.trip() || finished.stopped->code == Errc::tripped));
  }

  }  // namespace

  TEST_CASE("soak: two hundred random runs keep every promise and end") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      CAPTURE(seed);
      CHECK_NOTHROW(storm(seed));
    }
  }
}
