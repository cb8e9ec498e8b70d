// Stopping a run by signal.

#include <doctest/doctest.h>

#include <csignal>
#include <ostream>

#include "faults/witness.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  sandbox::Settings slow_answers() {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 500ms;
    return settings;
  }
  const std::vector<std::string> k_flags{"--yes", "--set", "limits.requests_per_second=40"};

  }  // namespace

  TEST_CASE("the first signal sends nothing new and settles what is in flight") {
    for (const int signal : {SIGINT, SIGTERM}) {
      const Stage stage{slow_answers(), {{"members.csv", plain_members(200)}}};
      const auto program = stage.start("run", k_flags);
      stage.wait_until("status = 'in_flight' AND attempts > 0", 10);
      program->send_signal(signal);
      program->wait_for_words("leaves at once");
      // What was being signed when the signal came counts as in flight and still leaves; 200 rows last 5 s.
      const auto said_at = format_rfc3339(read_clocks().wall + 1s);
      const auto ended = program->wait();
      INFO(ended.err, ended.out);
      CHECK(ended.exit_code == 75);
      CHECK(stage.ask_results("SELECT count(*) FROM attempts WHERE started_at > '" + said_at + "'")[0][0] ==
            "0");
      CHECK(stage.count("status = 'in_flight'") == 0);
      CHECK(stage.count("status = 'pending'") > 100);
      stage.check_against_truth();
      CHECK(stage.ask_results("SELECT exit_code FROM runs")[0][0] == "75");
    }
  }

  TEST_CASE("the second signal leaves at once and the rows in flight stay in doubt") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(200)}}};
    stage.sandbox->set_faults({{sandbox::Fault::no_answer_applied, 1.0}});
    const auto program = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 2);
    program->send_signal(SIGINT);
    program->wait_for_words("leaves at once");
    CHECK_FALSE(program->ends_within(1100ms));  // until then it would be an echo of the first
    program->send_signal(SIGINT);
    CHECK(program->wait(std::chrono::seconds{5}).exit_code == 75);
    CHECK(stage.count("status = 'in_flight'") > 0);

    stage.sandbox->set_faults({});
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("signals that come within a second of the first are its echo and the run still ends softly") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(200)}}};
    const auto program = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 10);
    for (const int signal : {SIGTERM, SIGTERM, SIGHUP}) program->send_signal(signal);
    const auto ended = program->wait();
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 75);
    // The kernel delivers those that wait at the same time by their number.
    CHECK(ended.out.find(" received; ") != std::string::npos);
    CHECK(stage.count("status = 'in_flight'") == 0);
    CHECK(stage.ask_results("SELECT exit_code FROM runs")[0][0] == "75");
    stage.check_against_truth();
  }

  TEST_CASE("an echo does not end the program that a stopped run starts at its end") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(200)}}};
    stage.write("hook.sh", "#!/bin/sh\necho begun\nsleep 0.5\necho complete\n");
    std::filesystem::permissions(stage.dir / "hook.sh", std::filesystem::perms::owner_all);
    auto flags = k_flags;
    flags.insert(flags.end(), {"--set", "results.on_finish=" + (stage.dir / "hook.sh").string(), "--set",
                               "limits.requests_per_second=1"});
    const auto program = stage.start("run", flags);  // one a second: at the signal nothing is in flight
    stage.wait_until("status = 'invalidated'", 1);
    program->send_signal(SIGTERM);
    program->wait_for_words("on_finish: begun");
    program->send_signal(SIGTERM);
    const auto ended = program->wait();
    CHECK(ended.exit_code == 75);
    CHECK(ended.err.find("on_finish: complete") != std::string::npos);
  }

  TEST_CASE("a command that shows something ends softly under GNU timeout") {
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    const auto program = stage.start("status", {"--watch"});
    program->wait_for_words("3 rows");
    for (const int signal : {SIGTERM, SIGTERM}) program->send_signal(signal);
    CHECK(program->wait().exit_code == 0);
  }

  TEST_CASE("a hang-up settles what is in flight like any other stop and nohup keeps it away") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(60)}}};
    {
      const auto program = stage.start("run", k_flags);
      stage.wait_until("status = 'in_flight' AND attempts > 0", 5);
      program->send_signal(SIGHUP);
      CHECK(program->wait().exit_code == 75);
      CHECK(stage.count("status = 'in_flight'") == 0);
    }
    std::signal(SIGHUP, SIG_IGN);  // inherited, as under nohup
    const auto program = stage.start("run", k_flags);
    std::signal(SIGHUP, SIG_DFL);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 5);
    program->send_signal(SIGHUP);
    CHECK(program->wait().exit_code == 0);
  }

  TEST_CASE("a signal while the input is read or the question is asked ends with 75 and nothing is kept") {
    const auto stage = stage_of(5);
    Circumstances open_ended;
    open_ended.keeps_input_open = true;
    open_ended.standard_input = plain_members(3);
    {
      Program program{stage.words("run", {"--yes", "--set", "input.csv=-"}), open_ended};
      stage.wait_until("TRUE", 0);      // the database is there, so signals are handled
      do program.send_signal(SIGTERM);  // one that falls between two reads needs another
      while (!program.ends_within(500ms));
      const auto ended = program.wait();
      CHECK(ended.exit_code == 75);
      CHECK(ended.err.find("nothing was sent") != std::string::npos);
      CHECK(stage.count("TRUE") == 0);
    }
    Circumstances terminal;
    terminal.on_terminal = true;
    Program program{stage.words("run", {}), terminal};
    program.wait_for_words("to go on:");
    program.send_signal(SIGINT);
    CHECK(program.wait().exit_code == 75);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("signals of other programs end no run and USR1 shows how it stands") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(40)}}};
    auto flags = k_flags;
    flags.insert(flags.end(), {"--progress", "none"});
    const auto program = stage.start("run", flags);
    stage.wait_until("status = 'invalidated'", 1);
    for (const int signal : {SIGUSR2, SIGALRM, SIGPIPE, SIGUSR1}) program->send_signal(signal);
    program->wait_for_words("/40 ");
    CHECK(program->said().find("in flight") != std::string::npos);
    CHECK(program->wait().exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 40);
  }

  TEST_CASE("a run goes on though no one can read what it says") {
    Circumstances mute;
    mute.error_to = "/dev/full";
    for (const std::string progress : {"live", "plain", "json"}) {
      const auto stage = stage_of(20);
      stage.sandbox->set_outage(model::Endpoint::primary,
                                sandbox::Outage::refuse);  // gives it something to say
      Program program{stage.words("run", {"--yes", "--progress", progress, "--log-level", "debug"}), mute};
      CHECK(program.wait().exit_code == 0);
      CHECK(stage.count("status = 'invalidated'") == 20);
    }
  }

  TEST_CASE("a second run on the same database by another name ends with 75 too") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(60)}}};
    const auto first = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 1);
    std::filesystem::create_symlink(stage.database(), stage.dir / "link.db");
    const auto second = stage.run("run", {"--yes", "--results", (stage.dir / "link.db").string()});
    CHECK(second.exit_code == 75);
    CHECK(second.err.find("pid " + std::to_string(first->pid())) != std::string::npos);
    CHECK(first->wait().exit_code == 0);
  }

  TEST_CASE("of many first runs at once one runs and the others say 75") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(20)}}};
    std::vector<std::unique_ptr<Program>> programs;
    for (int i = 0; i < 4; ++i) programs.push_back(stage.start("run", k_flags));
    int done = 0, held = 0;
    for (const auto& program : programs) {
      const auto ended = program->wait();
      INFO(ended.err);
      done += ended.exit_code == 0;
      held += ended.exit_code == 75;
    }
    CHECK(done >= 1);
    CHECK(done + held == 4);
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("a second run on the same database ends with 75 at once and names the first") {
    const Stage stage{slow_answers(), {{"members.csv", plain_members(60)}}};
    const auto first = stage.start("run", k_flags);
    stage.wait_until("status = 'in_flight' AND attempts > 0", 1);
    const auto second = stage.run("run", k_flags);
    CHECK(second.exit_code == 75);
    CHECK(second.err.find("pid " + std::to_string(first->pid())) != std::string::npos);
    const auto status = stage.run("status");
    CHECK(status.out.find("is under way: pid " + std::to_string(first->pid())) != std::string::npos);
    CHECK(first->wait().exit_code == 0);
  }

  TEST_CASE("a run that is suspended for longer than its requests may take carries on without a mistake") {
    Witness witness;
    auto settings = sandbox::plain_settings();
    settings.latency_max = 300ms;
    settings.idle_limit = 1s;  // the platform has hung up meanwhile
    const Stage stage{witness.watching(settings), {{"members.csv", plain_members(300)}}};
    const auto program = stage.start(
        "run", {"--yes", "--set", "limits.requests_per_second=60", "--set", "limits.request_timeout=500ms"});
    for (const int requests : {40, 120}) {
      REQUIRE(witness.wait_for_requests(requests, 20s));
      program->send_signal(SIGSTOP);
      CHECK_FALSE(program->ends_within(2s));
      program->send_signal(SIGCONT);
    }
    const auto ended = program->wait();
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 0);
    for (const auto& contradiction : contradictions(stage.database(), *stage.sandbox, witness, true))
      FAIL_CHECK(contradiction);
    CHECK(witness.requests().after_invalid == 0);
    CHECK(stage.sandbox->counters().most_in_any_second <=
          62);  // no burst to catch up; two may have been stuck
  }
}
