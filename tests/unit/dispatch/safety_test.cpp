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
      for (int i = 0; i < times; ++i) safety.heard(++row, false, outcome_of(kind), now += 1s);
    }
    // One and the same card.
    void hears_again(OutcomeKind kind, int times, bool is_set_apart = false) {
      for (int i = 0; i < times; ++i) safety.heard(1, is_set_apart, outcome_of(kind), now += 1s);
    }
    // A further card is given up for this outcome.
    bool suspects(model::TripCause cause, model::Outcome outcome, bool is_set_apart = false) {
      model::Candidate candidate;
      candidate.id = ++row;
      candidate.strange = is_set_apart;
      return safety.suspect(Suspicion{cause, outcome}, row, Card{candidate, Mandate::invalidate, {}, {}});
    }
    bool suspects(model::TripCause cause) { return suspects(cause, outcome_of(unknown_answer)); }
    void settles(model::SettledBy by) {
      model::Candidate candidate;
      candidate.id = ++row;
      const Card card{candidate, Mandate::invalidate, {}, {}};
      const model::Ruling ruling{model::Status::invalidated, by, false, true, outcome_of(confirmed)};
      safety.finished(row, card, model::AttemptKind::read_back, outcome_of(confirmed), ruling);
    }
    Errc code() const { return safety.stopped() ? safety.stopped()->code : Errc{0}; }
  };

  }  // namespace

  TEST_CASE("safety: the first reason to stop stays") {
    Watch watch;
    watch.safety.stop({Errc::unavailable, "first"});
    watch.safety.stop({Errc::bad_credentials, "second"});
    watch.suspects(model::TripCause::unknown_answer);
    watch.suspects(model::TripCause::unknown_answer);
    CHECK(watch.safety.stopped()->what == "first");
    CHECK_FALSE(watch.safety.trip());
  }

  TEST_CASE("safety: a trip overrides a stop that the user asked for") {
    Watch watch;
    watch.safety.stop({Errc::stopped, "SIGTERM received"});
    watch.suspects(model::TripCause::unknown_answer);
    CHECK(watch.code() == Errc::stopped);
    watch.suspects(model::TripCause::unknown_answer);
    CHECK(watch.code() == Errc::tripped);
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

  TEST_CASE("safety: one card whose answers never verify stops no run unless it is the canary") {
    Watch watch;
    watch.hears_again(unverified, 50);
    CHECK_FALSE(watch.safety.stopped());
    Watch canary;
    canary.safety.begin_canary(1);
    canary.hears_again(unverified, 2);
    CHECK_FALSE(canary.safety.stopped());
    canary.hears_again(unverified, 1);
    CHECK(canary.code() == Errc::bad_credentials);
  }

  TEST_CASE("safety: what is strange about cards that are set apart counts for nothing") {
    Watch watch;
    for (const auto kind : {unverified, wrong_card, unreadable, distrusted})
      for (int i = 0; i < 30; ++i) watch.safety.heard(++watch.row, true, outcome_of(kind), watch.now);
    for (int i = 0; i < 3; ++i)
      CHECK(watch.suspects(model::TripCause::unknown_answer, outcome_of(unknown_answer), true));
    CHECK_FALSE(watch.safety.stopped());
  }

  TEST_CASE("safety: after a good answer half of the last twenty cards must fail to verify") {
    Watch watch;
    watch.hears(confirmed, 10);
    watch.hears(unverified, 9);
    CHECK_FALSE(watch.safety.stopped());
    watch.hears(unverified);
    CHECK(watch.code() == Errc::bad_credentials);
  }

  TEST_CASE("safety: a card is not held for its signatures before any answer has verified") {
    Watch watch;
    CHECK_FALSE(watch.suspects(model::TripCause::unknown_answer, outcome_of(unverified)));
    REQUIRE(watch.safety.doubts_at_end());
    CHECK(watch.safety.doubts_at_end()->code == Errc::bad_credentials);
    watch.hears(confirmed);
    CHECK_FALSE(watch.safety.doubts_at_end());
    CHECK(watch.suspects(model::TripCause::unknown_answer, outcome_of(unverified)));
    CHECK_FALSE(watch.safety.stopped());
  }

  TEST_CASE("safety: the same oddity of a second card stops a run and another oddity does not") {
    Watch watch;
    auto frozen = outcome_of(unknown_answer), locked = frozen;
    frozen.http_status = locked.http_status = 400;
    frozen.error_code = "CARD_FROZEN", locked.error_code = "CARD_LOCKED";
    watch.suspects(model::TripCause::unknown_answer, frozen);
    watch.suspects(model::TripCause::unknown_answer, locked);
    CHECK_FALSE(watch.safety.stopped());
    watch.suspects(model::TripCause::unknown_answer, frozen);
    REQUIRE(watch.safety.trip());
    CHECK(watch.safety.trip()->rows == std::vector<RowId>{1, 3});
    CHECK(watch.code() == Errc::tripped);
  }

  TEST_CASE("safety: twenty cards that were INVALID before and none of ours stop a run") {
    Watch watch;
    for (int i = 0; i < 19; ++i) watch.settles(model::SettledBy::already);
    CHECK_FALSE(watch.safety.stopped());
    watch.settles(model::SettledBy::already);
    REQUIRE(watch.safety.trip());
    CHECK(watch.safety.trip()->cause == model::TripCause::already);
    CHECK(watch.safety.trip()->rows.size() == 20);
  }

  TEST_CASE("safety: cards that earlier runs found INVALID before us count too") {
    Watch watch;
    watch.safety.know_already(std::vector<RowId>(15, 7));
    for (int i = 0; i < 4; ++i) watch.settles(model::SettledBy::already);
    CHECK_FALSE(watch.safety.stopped());
    watch.settles(model::SettledBy::already);
    REQUIRE(watch.safety.trip());
    CHECK(watch.safety.trip()->cause == model::TripCause::already);
  }

  TEST_CASE("safety: one card of ours or safety.expect_already lets a run go on over cards that are done") {
    Watch ours, expecting{Safety{{0, 0, 1, false, true}}};
    ours.settles(model::SettledBy::answer);
    for (auto* watch : {&ours, &expecting}) {
      for (int i = 0; i < 100; ++i) watch->settles(model::SettledBy::already);
      CHECK_FALSE(watch->safety.stopped());
    }
  }

  TEST_CASE("safety: ten minutes of nothing but trouble about a canary card end a run and fail no canary") {
    Watch watch;
    watch.safety.begin_canary(1);
    for (int i = 0; i < 10; ++i) {
      watch.safety.judge_canary_trouble(1, outcome_of(i % 2 ? lost : system_error), watch.now);
      watch.safety.begin_canary(1);  // sent again
      watch.now += 1min;
    }
    watch.safety.judge_canary_trouble(2, outcome_of(lost), watch.now);
    watch.safety.be_patient(1min);
    watch.safety.judge_canary_trouble(1, outcome_of(lost), watch.now);
    CHECK_FALSE(watch.safety.stopped());
    watch.now += 1min;
    watch.safety.judge_canary_trouble(1, outcome_of(lost), watch.now);
    CHECK(watch.code() == Errc::unavailable);
    CHECK_FALSE(watch.safety.trip());
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
      watch.safety.heard(1, false, outcome, watch.now);
    };
    throttle();
    watch.now += 9min;
    watch.hears(lost);  // says nothing about the quota
    watch.safety.be_patient(9min);
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
