// What stops a run, one rule at a time. The rules at work in whole runs: canary_test.cpp, breaker_test.cpp.

#include <doctest/doctest.h>

#include <cardvoid/dispatch/safety.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;
  using model::OutcomeKind;
  using model::RowId;

  namespace {

  model::Outcome outcome_of(OutcomeKind kind) {
    model::Outcome outcome;
    outcome.kind = kind;
    if (model::was_sent(kind) && kind != lost && kind != stale_connection) outcome.http_status = 200;
    return outcome;
  }

  // A safety watch that hears outcomes of ever new cards, a second apart.
  struct Watch {
    Safety safety{{}};
    Instant now{1000h};
    RowId row = 0;
    void hears(OutcomeKind kind, int times = 1) {
      for (int i = 0; i < times; ++i) safety.heard(++row, outcome_of(kind), now += 1s);
    }
    void suspects(model::TripCause cause) {
      model::Candidate candidate;
      candidate.id = ++row;
      safety.alarm(Suspicion{cause}, row, Card{candidate, Mandate::invalidate, {}, {}}, outcome_of(lost));
    }
    Errc code() const { return safety.stopped() ? safety.stopped()->code : Errc{0}; }
  };

  }  // namespace

  TEST_CASE("safety: the first reason to stop stays") {
    Watch watch;
    watch.safety.stop({Errc::unavailable, "first"});
    watch.safety.stop({Errc::bad_credentials, "second"});
    watch.suspects(model::TripCause::unknown_answer);
    CHECK(watch.safety.stopped()->what == "first");
    CHECK_FALSE(watch.safety.trip());
  }

  TEST_CASE("safety: a trip overrides a stop that the user asked for") {
    Watch watch;
    watch.safety.stop({Errc::stopped, "SIGTERM received"});
    watch.suspects(model::TripCause::unknown_answer);
    CHECK(watch.code() != Errc::stopped);
    REQUIRE(watch.safety.trip());
    CHECK(watch.safety.trip()->cause == model::TripCause::unknown_answer);
  }

  TEST_CASE("safety: three answers that do not verify stop a run that has seen no good one") {
    for (const auto kind : {unverified, distrusted}) {
      Watch watch;
      watch.hears(kind, 2);
      CHECK_FALSE(watch.safety.stopped());
      watch.hears(kind);
      CHECK(watch.code() == Errc::bad_credentials);
      CHECK_FALSE(watch.safety.trip());
    }
  }

  TEST_CASE("safety: after a good answer half of the last twenty must fail to verify") {
    Watch watch;
    watch.hears(confirmed, 10);
    watch.hears(unverified, 9);
    CHECK_FALSE(watch.safety.stopped());
    watch.hears(unverified);
    CHECK(watch.code() == Errc::bad_credentials);
  }

  TEST_CASE("safety: verified answers that settle nothing stop a run") {
    for (const auto kind : {wrong_card, unreadable}) {
      Watch watch;
      watch.hears(kind, 2);
      CHECK_FALSE(watch.safety.stopped());
      watch.hears(kind);
      REQUIRE(watch.safety.trip());
      CHECK(watch.safety.trip()->cause == model::TripCause::wrong_card);
      CHECK(watch.safety.trip()->rows == std::vector<RowId>{3});
    }
  }

  TEST_CASE("safety: ten minutes of nothing but 429 stop a run and a pause does not count") {
    Watch watch;
    const auto throttle = [&] {
      auto outcome = outcome_of(throttled);
      outcome.http_status = 429;
      watch.safety.heard(1, outcome, watch.now);
    };
    throttle();
    watch.now += 9min;
    watch.hears(lost);  // says nothing about the quota
    watch.safety.be_patient();
    throttle();
    watch.now += 9min;
    throttle();
    CHECK_FALSE(watch.safety.stopped());
    watch.now += 1min;
    throttle();
    CHECK(watch.code() == Errc::unavailable);
  }

  TEST_CASE("safety: one card that contradicts itself stops nothing and a second one does") {
    Watch watch;
    watch.suspects(model::TripCause::contradiction);
    CHECK_FALSE(watch.safety.stopped());
    watch.suspects(model::TripCause::contradiction);
    REQUIRE(watch.safety.trip());
    CHECK(watch.safety.trip()->rows == std::vector<RowId>{1, 2});
  }

  TEST_CASE("safety: only an answer that a platform key or a refusal vouches for proves the credentials") {
    for (const auto kind : {confirmed, not_invalid, wrong_card, unreadable, refused}) {
      Watch watch;
      watch.hears(kind);
      CHECK(watch.safety.is_proven());
    }
    for (const auto kind : {unverified, probe_signature, accepted, system_error, gateway_error, throttled,
                            lost, not_sent, distrusted}) {
      Watch watch;
      watch.hears(kind);
      CHECK_FALSE(watch.safety.is_proven());
    }
  }
}
