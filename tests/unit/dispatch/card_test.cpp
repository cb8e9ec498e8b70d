// One card's state machine: every outcome in every state for both kinds of request, as the table in
// docs/answers.md shows it to users. When the two differ, the test prints the table that the code makes.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/dispatch/card.hpp>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;
  using model::all_outcomes;
  using model::AttemptKind;
  using model::Endpoint;
  using model::Outcome;
  using model::OutcomeKind;
  using model::Status;

  namespace {

  constexpr std::uint32_t k_longest_wait = 0xffffffff;
  const Now k_start{Instant{1000h}, WallTime{500'000h}};

  Outcome outcome_of(OutcomeKind kind) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.server_time = k_start.wall;
    return outcome;
  }

  // A card, driven from outside as the Dispatcher does it.
  struct Driven {
    CardRules rules;
    Now now = k_start;
    Card card;
    Driven(Mandate mandate, Status status) : card{candidate(status), mandate, rules, k_start} {}

    static model::Candidate candidate(Status status) {
      model::Candidate candidate;
      candidate.id = 1;
      candidate.card.code = "478516783262";
      candidate.status = status;
      if (status != Status::pending) candidate.first_sent_at = candidate.last_sent_at = k_start.wall - 1h;
      return candidate;
    }
    Decision ends(const Outcome& outcome) {
      card.written(now.steady);
      return card.ended(Endpoint::primary, outcome, rules, now, k_longest_wait);
    }
    Decision ends(OutcomeKind kind) { return ends(outcome_of(kind)); }
  };

  std::string words(const Decision& decision, Instant now) {
    const auto& ruling = decision.ruling;
    std::string text;
    if (const auto* accusation = std::get_if<Accusation>(&decision.alarm)) {
      text = fmt::format("**ask {}**", static_cast<int>(accusation->code));
    } else if (decision.next) {
      const auto& next = *decision.next;
      text = next.kind == AttemptKind::invalidate ? "send" : "read back";
      if (next.fresh_connection) text += ", new connection";
      if (next.avoid) text += ", elsewhere";
      if (next.due > now) text += ", later";
    } else if (ruling.leaves_row) {
      text = "done";
    } else if (ruling.settled_by) {
      text = fmt::format("invalidated: {}", model::to_text(*ruling.settled_by));
    } else {
      text = std::string{model::to_text(ruling.status)} + (ruling.held ? ", held" : "");
    }
    if (const auto* suspicion = std::get_if<Suspicion>(&decision.alarm))
      text += fmt::format(" (*{}*)", model::to_text(suspicion->cause));
    return text;
  }

  // What this outcome leads to at once, and a minute after the last request where that makes a difference.
  std::string cell(const std::function<Driven()>& make, OutcomeKind kind) {
    auto soon = make(), late = make();
    late.now.steady += 60s, late.now.wall += 60s;
    const auto first = words(soon.ends(kind), soon.now.steady);
    const auto then = words(late.ends(kind), late.now.steady);
    return first == then ? first : first + "; then " + then;
  }

  struct Column {
    std::string name;
    std::function<Driven()> make;
  };

  Driven after(std::vector<OutcomeKind> outcomes, Mandate mandate = Mandate::invalidate,
               Status status = Status::pending, bool is_canary = false) {
    Driven driven{mandate, status};
    if (is_canary) driven.card.require_proof();
    for (const auto kind : outcomes) driven.ends(kind);
    return driven;
  }

  // Two invalidations were answered with a verified 2xx that did not say INVALID; the first read-back denied
  // it.
  Driven after_contradiction() {
    auto driven = after({not_invalid});
    driven.now.steady += 60s;
    driven.ends(not_invalid);  // the read-back: sent again
    driven.ends(not_invalid);  // the invalidation: called done once more
    return driven;
  }

  std::string table(const std::string& title, const std::vector<Column>& columns) {
    auto text = "| " + title + " |";
    for (const auto& column : columns) text += " " + column.name + " |";
    text += "\n|---|";
    for (std::size_t i = 0; i < columns.size(); ++i) text += "---|";
    text += "\n";
    for (const auto kind : all_outcomes()) {
      text += fmt::format("| `{}` |", model::to_text(kind));
      for (const auto& column : columns) text += " " + cell(column.make, kind) + " |";
      text += "\n";
    }
    return text;
  }

  // Settled, and read back for the sake of another card.
  Driven witness() {
    auto driven = after({confirmed});
    driven.card.call_as_witness(driven.now.steady);
    return driven;
  }

  constexpr int k_tries = 2;  // max_attempts where a column is about the last one

  // A card whose every try but the last is used up.
  Driven before_last_try(std::vector<OutcomeKind> outcomes) {
    Driven driven{Mandate::invalidate, Status::pending};
    driven.rules.retry.max_attempts = k_tries;
    for (const auto kind : outcomes) driven.ends(kind);
    return driven;
  }

  std::string invalidation_table() {
    return table("outcome of an invalidation",
                 {{"untouched", [] { return after({}); }},
                  {"in doubt", [] { return after({system_error}); }},
                  {"last try", [] { return before_last_try({system_error}); }},
                  {"canary card", [] { return after({}, Mandate::invalidate, Status::pending, true); }},
                  {"canary card in doubt",
                   [] { return after({system_error}, Mandate::invalidate, Status::pending, true); }},
                  {"signed again", [] { return after({clock_refused}); }},
                  {"asked before", [] {
                     return after({credentials_refused, not_invalid});
                   }}});
  }

  std::string read_back_table() {
    return table("outcome of a read-back",
                 {{"in doubt", [] { return after({unverified}); }},
                  {"called done twice", [] { return after_contradiction(); }},
                  {"last try",
                   [] {
                     return before_last_try({system_error, unverified, unverified});
                   }},
                  {"wrong card before", [] { return after({wrong_card}); }},
                  {"signed again",
                   [] {
                     return after({unverified, clock_refused});
                   }},
                  {"asked before", [] { return after({credentials_refused}); }},
                  {"refused", [] { return after({refused}); }},
                  {"refused in doubt",
                   [] {
                     return after({system_error, refused});
                   }},
                  {"canary card, answered",
                   [] { return after({confirmed}, Mandate::invalidate, Status::pending, true); }},
                  {"held", [] { return after({}, Mandate::held, Status::unresolved); }},
                  {"only read", [] { return after({}, Mandate::read_only, Status::in_flight); }},
                  {"only read, untouched", [] { return after({}, Mandate::read_only); }},
                  {"witness", [] { return witness(); }}});
  }

  std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  }  // namespace

  TEST_CASE("card: docs/answers.md shows what every outcome leads to in every state") {
    const auto docs = read_file(CARDVOID_ANSWERS);
    for (const auto& expected : {invalidation_table(), read_back_table()}) {
      CAPTURE(expected);
      CHECK(docs.find(expected) != std::string::npos);
    }
  }

  TEST_CASE("card: docs/answers.md explains every outcome") {
    const auto docs = read_file(CARDVOID_ANSWERS);
    const auto explained = docs.substr(0, docs.find("| outcome of an invalidation |"));
    for (const auto kind : all_outcomes()) {
      const auto name = fmt::format("`{}`", model::to_text(kind));
      CAPTURE(name);
      CHECK(explained.find(name) != std::string::npos);
    }
  }

  TEST_CASE(
      "card: an invalidation is never repeated in doubt before a read-back unless the platform asks for it") {
    for (const auto kind : all_outcomes()) {
      CAPTURE(model::to_text(kind));
      auto card = after({});
      const auto decision = card.ends(kind);
      if (!decision.next || !model::leaves_doubt(kind)) continue;
      const bool platform_asks = kind == system_error || kind == accepted || kind == gateway_error;
      CHECK((decision.next->kind == AttemptKind::invalidate) == platform_asks);
      CHECK(decision.ruling.status == Status::in_flight);
    }
  }

  TEST_CASE("card: no outcome has anything sent for a card that is only read or held") {
    for (const auto mandate : {Mandate::read_only, Mandate::held})
      for (const auto kind : all_outcomes()) {
        CAPTURE(model::to_text(kind));
        auto card = after({}, mandate, Status::unresolved);
        card.now.steady += 60s;
        const auto decision = card.ends(kind);
        CHECK((!decision.next || decision.next->kind == AttemptKind::read_back));
      }
  }

  TEST_CASE("card: only a read-back or an answer that says INVALID makes a row invalidated") {
    for (const auto kind : all_outcomes()) {
      CAPTURE(model::to_text(kind));
      for (auto card :
           {after({}), after({lost}), after({refused}), after({}, Mandate::held, Status::unresolved)}) {
        card.now.steady += 60s;
        CHECK((card.ends(kind).ruling.status == Status::invalidated) == (kind == confirmed));
      }
    }
  }

  TEST_CASE("card: every chain of outcomes ends") {
    for (const auto kind : all_outcomes()) {
      CAPTURE(model::to_text(kind));
      auto card = after({});
      int requests = 0;
      for (bool is_done = false; !is_done && requests < 1000; ++requests) {
        card.now.steady += 60s;
        is_done = !card.ends(kind).next;
      }
      const bool never_left = !model::was_sent(kind) || kind == throttled;  // these wait for better times
      CHECK((requests < 1000) == !never_left);
    }
  }
}
