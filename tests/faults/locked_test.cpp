// Somebody else – a database browser, a backup – holds the results database locked.

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <csignal>
#include <ostream>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  const std::string k_locked = "sandbox.db is locked by another program; waiting";

  constexpr std::string_view k_clock = "10:04:05 ";  // what stands before a line on a terminal

  // What a browser does with its first change that is not yet written.
  class Browser {
   public:
    explicit Browser(const Stage& stage) : db_{stage.database(), sqlite::Mode::read_write} {
      db_.on_busy([](milliseconds waited) { return waited < 10s; });
    }
    void hold() { db_.execute("BEGIN IMMEDIATE"); }
    // No one else may even read (PRAGMA locking_mode = EXCLUSIVE).
    void hold_alone() {
      db_.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE meta SET value = value");
    }
    void let_go() { db_.execute("COMMIT"); }

   private:
    sqlite::Connection db_;
  };

  std::size_t count_words(const std::string& text, const std::string& words) {
    std::size_t count = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
    return count;
  }

  }  // namespace

  TEST_CASE("locked: a run waits and no row fails and nothing is sent twice") {
    const auto stage = stage_of(150);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=50"});
    stage.wait_until("status = 'invalidated'", 20);
    Browser browser{stage};
    browser.hold();
    const auto held_since = std::chrono::steady_clock::now();
    program->wait_for_words(k_locked);
    CHECK(std::chrono::steady_clock::now() - held_since > 1500ms);
    std::this_thread::sleep_until(held_since + 3s);  // it must say no more, of which there is no event
    browser.let_go();
    const auto ended = program->wait();
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 0);
    CHECK(count_words(ended.err, k_locked) == 1);
    CHECK(ended.err.find("sandbox.db is free again after ") != std::string::npos);
    CHECK(stage.count("status = 'invalidated' AND settled_by = 'answer' AND attempts = 1") == 150);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().invalidate_requests == 150);
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("locked: one that lasts a moment is not worth a word") {
    const auto stage = stage_of(60);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=50"});
    stage.wait_until("status = 'invalidated'", 10);
    Browser browser{stage};
    browser.hold();
    std::this_thread::sleep_for(500ms);  // the passing of time is the subject
    browser.let_go();
    const auto ended = program->wait();
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("locked") == std::string::npos);
    CHECK(ended.err.find("free again") == std::string::npos);
  }

  TEST_CASE("locked: the live display of a run and the warning do not run into each other") {
    const auto stage = stage_of(150);
    Circumstances terminal;
    terminal.on_terminal = true;
    Program program{stage.words("run", {"--yes", "--set", "limits.requests_per_second=50"}), terminal};
    stage.wait_until("status = 'invalidated'", 10);
    Browser browser{stage};
    browser.hold();
    program.wait_for_words("cardvoid: warning: ");
    browser.let_go();
    auto ended = program.wait();
    CHECK(ended.exit_code == 0);
    // The live lines were taken away before it, and its own lines ended. It is broken to fit the terminal.
    std::erase(ended.out, '\r');
    const auto at = ended.out.find("cardvoid: warning: ");
    REQUIRE(at >= k_clock.size());
    REQUIRE(at != std::string::npos);
    CHECK(ended.out.substr(0, at - k_clock.size()).ends_with("\x1B[J"));
    CHECK(unfolded(ended.out).find(k_locked + "\n") != std::string::npos);
  }

  TEST_CASE("locked: the first signal stops a run that waits as soon as it can and the second one at once") {
    const auto stage = stage_of(200);
    const std::vector<std::string> flags{"--yes", "--set", "limits.requests_per_second=40"};
    CHECK(stage.run("plan").exit_code == 0);
    Browser browser{stage};
    {
      const auto program = stage.start("run", flags);
      stage.wait_until("status = 'invalidated'", 10);
      browser.hold();
      program->wait_for_words(k_locked);
      program->send_signal(SIGINT);
      program->wait_for_words("leaves at once");
      CHECK_FALSE(program->ends_within(500ms));  // it still has to write down what came back
      browser.let_go();
      CHECK(program->wait().exit_code == 75);
      CHECK(stage.count("status = 'in_flight'") == 0);
      stage.check_against_truth();
    }
    const auto done = stage.count("status = 'invalidated'");
    const auto program = stage.start("run", flags);
    stage.wait_until("status = 'invalidated'", done + 10);
    browser.hold();
    program->wait_for_words(k_locked);
    program->send_signal(SIGINT);
    program->wait_for_words("leaves at once");
    CHECK_FALSE(program->ends_within(1100ms));  // until then it would be an echo of the first
    program->send_signal(SIGINT);
    CHECK(program->wait(5s).exit_code == 75);
    browser.let_go();
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("locked: a signal leaves a run that waits only for its last results") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 1s;
    const auto stage = stage_of(1, settings);
    CHECK(stage.run("plan").exit_code == 0);
    Browser browser{stage};
    const auto program = stage.start("run", {"--yes"});
    stage.wait_until("status = 'in_flight'", 1);
    browser.hold();
    program->wait_for_words(k_locked);  // its one answer is there and cannot be written down
    CHECK_FALSE(program->ends_within(500ms));
    program->send_signal(SIGTERM);
    CHECK(program->wait(5s).exit_code == 75);
    browser.let_go();
    const auto again = stage.run("run", {"--yes"});
    INFO(again.err, again.out);
    CHECK(again.exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().invalidate_requests == 1);
  }

  TEST_CASE("locked: plan waits too and says so and a signal ends its waiting with nothing half-done") {
    const auto stage = stage_of(5);
    CHECK(stage.run("plan").exit_code == 0);
    stage.write("members.csv", plain_members(8));
    Browser browser{stage};
    browser.hold();
    {
      const auto program = stage.start("plan");
      program->wait_for_words(k_locked);
      program->send_signal(SIGINT);
      const auto ended = program->wait(std::chrono::seconds{5});
      CHECK(ended.exit_code == 75);
      CHECK(ended.err.find("interrupted while waiting for the lock") != std::string::npos);
      CHECK(ended.out.empty());
    }
    const auto program = stage.start("plan");
    program->wait_for_words(k_locked);
    browser.let_go();
    const auto ended = program->wait();
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("free again after") != std::string::npos);
    CHECK(stage.count("TRUE") == 8);
    CHECK(stage.ask_results("SELECT count(*), sum(added) FROM import")[0] == Line{"2", "8"});
  }

  TEST_CASE("locked: who opens a database that another program has for itself waits and a signal ends it") {
    const auto stage = stage_of(5);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    for (const std::string command : {"status", "export", "plan", "run", "reconcile", "retry"}) {
      CAPTURE(command);
      std::vector<std::string> flags;
      if (command == "run") flags = {"--yes"};
      if (command == "retry") flags = {"--status", "rejected"};
      auto browser = std::make_unique<Browser>(stage);
      browser->hold_alone();
      {
        const auto program = stage.start(command, flags);
        program->wait_for_words(k_locked);
        program->send_signal(SIGTERM);
        const auto ended = program->wait(std::chrono::seconds{5});
        if (command == "export")
          CHECK(ended.signal == SIGTERM);  // it only reads and keeps the signal's usual way
        else
          CHECK(ended.exit_code == 75);
      }
      const auto program = stage.start(command, flags);
      program->wait_for_words(k_locked);
      browser.reset();
      const auto ended = program->wait();
      INFO(ended.err);
      CHECK(ended.exit_code == (command == "retry" ? 65 : 0));
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 5);
  }

  TEST_CASE("locked: messages keep their form as JSON") {
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    Browser browser{stage};
    browser.hold();
    const auto program = stage.start("plan", {"--log-format", "json", "-q"});
    program->wait_for_words(k_locked);
    browser.let_go();
    const auto ended = program->wait();
    CHECK(ended.exit_code == 0);
    const auto line = boost::json::parse(ended.err).as_object();  // -q leaves warnings only
    CHECK(line.at("level") == "warning");
    CHECK(std::string{line.at("message").as_string()}.ends_with(k_locked));
  }
}
