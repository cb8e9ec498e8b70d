// Whose fault refused credentials are, one rule at a time; at work in whole runs: poison_test.cpp.

#include <doctest/doctest.h>

#include <cardvoid/dispatch/inquiry.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace std::chrono_literals;
  using enum Inquiry::Course;
  using model::OutcomeKind;

  namespace {
  const Instant k_now{1000h};
  const Error k_why{Errc::bad_credentials, "refused"};
  model::Outcome outcome_of(OutcomeKind kind) {
    model::Outcome outcome;
    outcome.kind = kind;
    return outcome;
  }
  }  // namespace

  TEST_CASE("inquiry: a refusal before anything has worked is everyone's") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, false, true, true, k_now) == stop);
  }

  TEST_CASE("inquiry: a witness of an earlier run speaks before that and without its word it stays so") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, true, true, true, k_now) == ask_witness);
    CHECK(inquiry.testified(outcome_of(OutcomeKind::lost)) == stop);
  }

  TEST_CASE("inquiry: without a witness the second refused card convicts the credentials") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, false, false, true, k_now) == wait);
    CHECK(inquiry.accused(1, k_why, false, false, true, k_now) == wait);
    CHECK(inquiry.accused(2, k_why, false, false, true, k_now) == stop);
  }

  TEST_CASE("inquiry: cards that are known to be odd convict no credentials") {
    Inquiry inquiry;
    for (model::RowId row = 1; row < 10; ++row)
      CHECK(inquiry.accused(row, k_why, false, false, false, k_now) == wait);
    CHECK(inquiry.is_about_odd_cards_only());
  }

  TEST_CASE("inquiry: with a witness many refused cards wait for its word") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, true, false, true, k_now) == ask_witness);
    CHECK(inquiry.accused(2, k_why, true, false, true, k_now) == wait);
    CHECK(inquiry.is_asking());
    CHECK(inquiry.heard(outcome_of(OutcomeKind::confirmed), k_now + 1s));
    CHECK_FALSE(inquiry.is_open());
  }

  TEST_CASE("inquiry: a witness without a word leaves it to the second card") {
    Inquiry one, two;
    CHECK(one.accused(1, k_why, true, false, true, k_now) == ask_witness);
    CHECK(one.testified(outcome_of(OutcomeKind::lost)) == wait);
    CHECK(one.is_open());
    CHECK(two.accused(1, k_why, true, false, true, k_now) == ask_witness);
    CHECK(two.accused(2, k_why, true, false, true, k_now) == wait);
    CHECK(two.testified(outcome_of(OutcomeKind::lost)) == stop);
  }

  TEST_CASE("inquiry: a refused witness convicts the credentials at once") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, true, false, true, k_now) == ask_witness);
    CHECK(inquiry.testified(outcome_of(OutcomeKind::credentials_refused)) == stop);
  }

  TEST_CASE("inquiry: a refused witness convicts nothing where only odd cards are accused") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, true, false, false, k_now) == ask_witness);
    CHECK(inquiry.testified(outcome_of(OutcomeKind::credentials_refused)) == wait);
    CHECK(inquiry.accused(2, k_why, true, false, true, k_now) == wait);
    CHECK_FALSE(inquiry.is_about_odd_cards_only());
  }

  TEST_CASE("inquiry: only an answer to a request that left after the refusal clears a card") {
    Inquiry inquiry;
    CHECK(inquiry.accused(1, k_why, false, false, true, k_now) == wait);
    CHECK_FALSE(inquiry.heard(outcome_of(OutcomeKind::confirmed), k_now - 1s));
    CHECK_FALSE(inquiry.heard(outcome_of(OutcomeKind::unverified), k_now + 1s));
    CHECK_FALSE(inquiry.heard(outcome_of(OutcomeKind::lost), k_now + 1s));
    CHECK(inquiry.heard(outcome_of(OutcomeKind::refused), k_now + 1s));
  }
}
