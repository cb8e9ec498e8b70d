#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cardvoid/report/progress.hpp>
#include <ostream>
#include <sstream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using report::summary_json;
  using report::summary_text;

  namespace {

  report::Ending interrupted_run() {
    report::Ending ending;
    ending.standing.totals.pending = 1'000'000, ending.standing.totals.in_flight = 20,
    ending.standing.totals.invalidated = 30'000;
    ending.standing.totals.rejected = 4'000, ending.standing.totals.unresolved = 500;
    ending.standing.totals.held = 60, ending.standing.totals.conflicts = 7,
    ending.standing.totals.refused = 8'000;
    ending.standing.totals.already = 90, ending.standing.totals.read_back = 1'100;
    ending.counts = {35'000, 30'000, 4'000, 500};
    ending.last.read_backs = 1'200, ending.last.retries = 1'300, ending.last.throttled = 14;
    ending.commits = 77;
    ending.elapsed = std::chrono::minutes{90};
    ending.exit_code = 75;
    ending.stopped = "SIGINT\x1B[2J";
    return ending;
  }

  // The number that follows a label at the beginning of a line.
  std::int64_t number_behind(const std::string& text, const std::string& label) {
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("  " + label + " ")) continue;
      std::string digits;
      std::istringstream{line.substr(label.size() + 2)} >> digits;
      std::erase(digits, ',');
      return std::stoll(digits);
    }
    FAIL("no line for ", label);
    return 0;
  }

  }  // namespace

  TEST_CASE("summary: every row of the job is in exactly one of its counts") {
    const auto ending = interrupted_run();
    const auto text = summary_text(ending);
    CHECK(text.starts_with("1,034,520 rows in the job\n"));
    CHECK(number_behind(text, "invalidated") == 30'000);
    CHECK(number_behind(text, "rejected") == 4'000);
    CHECK(number_behind(text, "in doubt") == 520);
    CHECK(number_behind(text, "pending") == 1'000'000);
    CHECK(number_behind(text, "invalidated") + number_behind(text, "rejected") +
              number_behind(text, "in doubt") + number_behind(text, "pending") ==
          ending.standing.totals.rows());
  }

  TEST_CASE("summary: it says what the run did and why it stopped") {
    const auto text = summary_text(interrupted_run());
    CHECK(text.find("8,000 input lines refused: ") != std::string::npos);
    CHECK(
        text.find(
            "this run: 35,000 invalidations sent, 1,200 read-backs, 1,300 retries, 14 times 429, 1h 30m\n") !=
        std::string::npos);
    CHECK(text.ends_with("\nstopped: SIGINT\\x1B[2J\n"));
  }

  TEST_CASE("summary: in one line it needs no other around it") {
    auto run = interrupted_run();
    run.job = "gold", run.command = "run";
    const auto text = report::summary_line(run);
    CHECK(text.starts_with(
        "run gold: exit 75, 30,000 of 1,034,520 cards invalidated (90 of them before us), "));
    CHECK(text.find(", 520 in doubt, ") != std::string::npos);
    CHECK(text.ends_with("; this run sent 35,000 in 1h 30m; stopped: SIGINT\\x1B[2J"));
    CHECK(text.find('\n') == std::string::npos);
  }

  TEST_CASE("summary: on one line protected cards are told apart from those that are still to send") {
    report::Ending ending;
    ending.standing.totals.pending = 7;
    ending.standing.totals.protected_pending = 3;
    const auto text = report::summary_line(ending);
    CHECK(text.find(", 4 pending, 3 protected; ") != std::string::npos);
  }

  TEST_CASE("summary: what there was none of is not explained") {
    report::Ending ending;
    ending.standing.totals.invalidated = 2;
    const auto text = summary_text(ending);
    CHECK(text.starts_with("2 rows in the job\n"));
    for (const auto* word :
         {"INVALID", "cardvoid export", "refused", "stopped", "still to send", "read back first"}) {
      CAPTURE(word);
      CHECK(text.find(word) == std::string::npos);
    }
  }

  TEST_CASE("summary: as JSON it is one object on one line whose counts add up") {
    const auto text = summary_json(interrupted_run());
    CHECK(text.find('\n') == text.size() - 1);
    const auto object = boost::json::parse(text).as_object();
    const auto number = [&](const char* name) { return object.at(name).to_number<std::int64_t>(); };
    CHECK(number("rows") == 1'034'520);
    CHECK(number("rows") ==
          number("invalidated") + number("rejected") + number("in_doubt") + number("pending"));
    CHECK(number("in_doubt") == 520);
    CHECK(number("held") == 60);
    CHECK(number("answer") == 28'810);
    CHECK(number("read_back") == 1'100);
    CHECK(number("already") == 90);
    CHECK(number("answer") + number("read_back") + number("already") == number("invalidated"));
    CHECK(number("refused") == 8'000);
    CHECK(number("exit_code") == 75);
    CHECK(object.at("stopped") == "SIGINT\x1B[2J");
    const auto& run = object.at("run").as_object();
    CHECK(run.at("sent") == 35'000);
    CHECK(run.at("confirmed") == 30'000);
    CHECK(run.at("rejected") == 4'000);
    CHECK(run.at("unresolved") == 500);
    CHECK(run.at("read_backs") == 1'200);
    CHECK(run.at("retries") == 1'300);
    CHECK(run.at("throttled") == 14);
    CHECK(run.at("commits") == 77);
    CHECK(run.at("elapsed_ms") == 5'400'000);
    CHECK(boost::json::parse(summary_json({})).at("stopped").is_null());
  }
}
