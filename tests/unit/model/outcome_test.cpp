#include <doctest/doctest.h>

#include <cardvoid/model/outcome.hpp>
#include <set>
#include <string>

TEST_SUITE("unit") {
  using namespace cardvoid::model;

  TEST_CASE("outcome: every kind has a name of its own that reads back") {
    std::set<std::string> names;
    for (const auto kind : all_outcomes()) {
      CHECK(outcome_from_text(to_text(kind)) == kind);
      names.emplace(to_text(kind));
    }
    CHECK(names.size() == all_outcomes().size());
    CHECK(all_outcomes().back() == OutcomeKind::bad_certificate);  // the last one there is
    CHECK_FALSE(outcome_from_text("withdrawn"));
    CHECK_FALSE(outcome_from_text(""));
  }

  TEST_CASE("outcome: a page that came as an answer does not fill a message and the Request-ID stays") {
    Outcome outcome;
    outcome.kind = OutcomeKind::unknown_answer;
    outcome.http_status = 403;
    outcome.error_message = "<html><head><title>Blocked</title>" + std::string(5000, 'x');
    outcome.request_id = "08F5D3";
    const auto text = describe("held", outcome);
    CHECK(text.starts_with("held: HTTP 403, \"<html><head><title>Blocked</title>xxx"));
    CHECK(text.ends_with("…\" (Request-ID 08F5D3)"));
    CHECK(text.size() < 300);
  }

  TEST_CASE("outcome: what was not sent leaves no doubt") {
    for (const auto kind : all_outcomes())
      if (!was_sent(kind)) CHECK_FALSE(leaves_doubt(kind));
  }
}
