// Every ending names the next command.

#include "next_steps.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>

#include "exit_codes.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using cli::Ended;
  using cli::Stage;

  namespace {

  constexpr Stage k_stages[] = {Stage::job,   Stage::keys,    Stage::lock,   Stage::results,
                                Stage::input, Stage::consent, Stage::sending};

  cli::Globals called(std::vector<std::string> words) {
    cli::Globals globals;
    globals.command = "run";
    globals.words = std::move(words);
    return globals;
  }

  std::vector<std::string> lines_of(const cli::Globals& globals, const char* job_file, const Ended& ended) {
    std::vector<std::string> lines;
    for (const auto& step : cli::next_steps(globals, job_file, ended)) lines.push_back(report::to_line(step));
    return lines;
  }

  std::string steps(const Ended& ended, const cli::Globals& globals = called({"run", "gold.toml", "--yes"})) {
    std::string text;
    for (const auto& line : lines_of(globals, "gold.toml", ended)) text += line + "\n";
    return text;
  }

  bool has(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

  ledger::Totals losses() {
    ledger::Totals totals;
    totals.pending = 3, totals.rejected = 2, totals.unresolved = 1, totals.held = 1;
    return totals;
  }

  }  // namespace

  TEST_CASE("next steps: every exit code but 0 has a command to type wherever it came from") {
    for (const auto& [code, name, meaning] : cli::exit_codes())
      for (const auto stage : k_stages) {
        CAPTURE(code);
        CAPTURE(static_cast<int>(stage));
        const auto lines = lines_of(called({"run", "gold.toml", "--yes"}), "gold.toml",
                                    {.exit_code = code, .stage = stage, .totals = losses()});
        CHECK(lines.empty() == (code == 0));
        for (const auto& line : lines) {
          CAPTURE(line);
          CHECK(has(line, ": cardvoid "));
          CHECK((has(line, " gold.toml") || has(line, "cardvoid help run")));
        }
      }
  }

  TEST_CASE("next steps: the job and the flags are those that were given and are quoted for a shell") {
    auto globals = called({"--results", "my results.db", "run", "it's gold.toml", "--confirm", "3f9c2a1e"});
    globals.overrides.set = {"input.csv=\"a b.csv\""};
    globals.overrides.results_database = "my results.db";
    const auto lines = lines_of(globals, "it's gold.toml", {.exit_code = 69});
    REQUIRE(lines.size() == 2);
    CHECK(has(lines[0],
              R"(cardvoid check 'it'\''s gold.toml' --set 'input.csv="a b.csv"' --results 'my results.db')"));
    CHECK(has(lines[1], R"(cardvoid --results 'my results.db' run 'it'\''s gold.toml' --confirm 3f9c2a1e)"));
  }

  TEST_CASE("next steps: what the platform causes is run again and what the run found is looked at first") {
    CHECK(has(steps({.exit_code = 69}), "run again later: cardvoid run gold.toml --yes"));
    const auto tripped = steps({.exit_code = 76, .trip = model::TripCause::canary, .totals = losses()});
    CHECK(tripped.starts_with("see where the job stands: cardvoid status gold.toml\n"));
    CHECK(has(tripped, "cardvoid export gold.toml --status rejected -o rejected.csv"));
    CHECK(has(tripped, "cardvoid retry gold.toml --status unresolved"));
    CHECK(tripped.ends_with("go on with what is left, a canary first: cardvoid run gold.toml --yes\n"));
    CHECK_FALSE(has(tripped, "expect_already"));
    CHECK(has(steps({.exit_code = 76, .trip = model::TripCause::already}),
              "cardvoid run gold.toml --yes --set safety.expect_already=true"));
  }

  TEST_CASE(
      "next steps: a plan that is not the confirmed one is compared and a list that cannot be used is not") {
    CHECK(steps({.exit_code = 65, .stage = Stage::consent}) ==
          "see what has changed, and its fingerprint: cardvoid plan gold.toml --diff\n");
    CHECK_FALSE(has(steps({.exit_code = 65, .stage = Stage::input}), "--diff"));
  }

  TEST_CASE("next steps: a retry of a confirmed plan needs its new fingerprint") {
    const Ended ended{.exit_code = 1, .totals = losses()};
    CHECK(has(steps(ended, called({"run", "gold.toml", "--confirm=3f9c2a1e"})), "for the new fingerprint"));
    CHECK_FALSE(has(steps(ended), "for the new fingerprint"));
  }

  TEST_CASE("next steps: where only held cards are left the same command is not offered") {
    ledger::Totals held;
    held.unresolved = held.held = 2;
    const auto text = steps({.exit_code = 75, .totals = held});
    CHECK(has(text, "cardvoid retry gold.toml --status unresolved"));
    CHECK_FALSE(has(text, "carry on"));
    held.pending = 1;
    CHECK(has(steps({.exit_code = 75, .totals = held}), "carry on: cardvoid run gold.toml --yes\n"));
  }

  TEST_CASE("next steps: a job that another run holds is waited for once") {
    const Ended ended{.exit_code = 75, .stage = Stage::lock};
    CHECK(has(steps(ended), "cardvoid run gold.toml --yes --wait-lock 10m\n"));
    CHECK_FALSE(
        has(steps(ended, called({"run", "gold.toml", "--yes", "--wait-lock", "1s"})), "--wait-lock 10m"));
  }
}
