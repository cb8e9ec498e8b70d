// What is going on, from another terminal.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/time.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  TEST_CASE("status: a run under way shows its rate and the time left and its endpoints") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    const auto stage = stage_of(400, settings);
    stage.sandbox->set_outage(model::Endpoint::primary, sandbox::Outage::refuse);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 70);  // the second pulse has been written by then
    const auto page = stage.run("status");
    CHECK(page.out.find("run is under way: pid " + std::to_string(program->pid())) != std::string::npos);
    CHECK(page.out.find("/s of 20") != std::string::npos);
    CHECK(page.out.find("primary does not serve, backup serves") != std::string::npos);
    CHECK(page.out.find("  done at ") != std::string::npos);
    const auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    CHECK(answer.at("now").at("rate").to_number<double>() > 5);
    CHECK(answer.at("seconds_left").as_int64() > 0);
    program->send_signal(SIGINT);
    CHECK(program->wait().exit_code == 75);
    CHECK(stage.run("status").out.find("no run is under way") != std::string::npos);
  }

  TEST_CASE("status: a run that died is told from one under way") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 200ms;
    const auto stage = stage_of(100, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 3);
    program->send_signal(SIGKILL);
    program->wait();
    const auto page = stage.run("status");
    CHECK(page.out.find("; died") != std::string::npos);
    CHECK(page.out.find("no run is under way") != std::string::npos);
  }

  TEST_CASE("status: a handover has the command that carries on and the paths and the contacts") {
    const auto stage = stage_of(6);
    const auto handover = [&](std::vector<std::string> flags = {}) {
      flags.emplace_back("--handover");
      const auto ended = stage.run("status", flags);
      CHECK(ended.exit_code == 0);
      CHECK(ended.err.empty());
      return ended.out;
    };
    const auto has = [](const std::string& text, const std::string& words) {
      CAPTURE(text);
      CHECK_MESSAGE(text.find(words) != std::string::npos, words);
    };
    const auto job = stage.job();
    CHECK(stage.run("plan").exit_code == 0);
    has(handover(), "\n  send it, which shows the plan and asks first: cardvoid run " + job);
    CHECK(stage.run("run", {"--yes", "--limit", "2"}).exit_code == 75);
    const auto stopped = handover({"--set", "contacts=\"Li Lei 5555\\nHan Mei\""});
    has(stopped, "job sandbox: 6 rows");  // the state
    has(stopped, "\n  carry on: cardvoid run " + job);
    has(stopped, "\n  results database: " + stage.database().string() + "\n");
    has(stopped, "\n  list: " + (stage.dir / "members.csv").string() + "\n");
    has(stopped, "\nContacts:\n  Li Lei 5555\n  Han Mei\n");
    has(handover(),
        "Contacts:\n  the job file names none; add a line like this above its first table: contacts = \"");
    const auto object = boost::json::parse(stage.run("status", {"--handover", "--json"}).out).as_object();
    const auto& commands = object.at("handover").at("commands").as_array();
    REQUIRE(commands.size() == 1);
    CHECK(commands[0].as_string().starts_with("cardvoid run " + job));
    CHECK(object.at("handover").at("contacts").is_null());
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    has(handover(), "\n  nothing is left to do\n");
    CHECK(stage.run("status", {"--handover", "--watch"}).exit_code == 64);
  }

  TEST_CASE("status: a handover during a run says to leave it and how to steer it") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 200ms;
    const auto stage = stage_of(100, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 3);
    const auto page = stage.run("status", {"--handover"}).out;
    CHECK(page.find("\n  cardvoid run (pid " + std::to_string(program->pid()) +
                    ") is under way: leave it alone\n") != std::string::npos);
    CHECK(page.find("\n  end it softly: cardvoid stop " + stage.job()) != std::string::npos);
    program->send_signal(SIGKILL);
    program->wait();
    CHECK(stage.run("status", {"--handover"}).out.find("\n  carry on: cardvoid run " + stage.job()) !=
          std::string::npos);
  }

  namespace {

  // The state of a handover and its commands.
  struct Told {
    std::string state;
    std::vector<std::string> commands;
  };
  Told handover_of(const Stage& stage, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"status", stage.job(), "--handover", "--json"});
    const auto answer = boost::json::parse(support::run(flags).out).as_object();
    const auto& handover = answer.at("handover").as_object();
    Told told{std::string{handover.at("state").as_string()}, {}};
    for (const auto& command : handover.at("commands").as_array())
      told.commands.emplace_back(command.as_string());
    return told;
  }

  void wait_for_state(const Stage& stage, const std::string& state) {
    std::string last;
    for (int i = 0; i < 300 && last != state; ++i) last = handover_of(stage).state;
    CHECK(last == state);
  }

  std::unique_ptr<Program> begin_run(const Stage& stage) {
    auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 3);
    return program;
  }

  sandbox::Settings slow_settings() {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    return settings;
  }

  }  // namespace

  TEST_CASE("status: a handover tells a pause from a suspension and from both and its command ends them") {
    const auto stage = stage_of(400, slow_settings());
    CHECK(stage.run("plan").exit_code == 0);
    CHECK(handover_of(stage).state == "never_ran");
    const auto program = begin_run(stage);
    const auto go_on = "kill -CONT " + std::to_string(program->pid()),
               resume = "cardvoid resume " + stage.job();
    CHECK(handover_of(stage).state == "under_way");
    CHECK(handover_of(stage).commands.at(0) == "cardvoid status " + stage.job() + " --watch");

    CHECK(stage.run("pause").exit_code == 0);
    auto told = handover_of(stage);
    CHECK(told.state == "paused");
    CHECK(told.commands == std::vector{resume});

    program->send_signal(SIGSTOP);
    wait_for_state(stage, "paused_and_suspended");
    told = handover_of(stage);
    REQUIRE(told.commands == std::vector{go_on + " && " + resume});
    const auto page = stage.run("status", {"--handover"}).out;
    CAPTURE(page);
    CHECK(page.find("was paused with cardvoid pause, and is suspended (Ctrl-Z or SIGSTOP) besides\n") !=
          std::string::npos);
    program->send_signal(SIGCONT);
    CHECK(stage.run("resume").exit_code == 0);
    wait_for_state(stage, "under_way");

    program->send_signal(SIGSTOP);
    wait_for_state(stage, "suspended");
    CHECK(handover_of(stage).commands == std::vector{go_on});
    program->send_signal(SIGCONT);
    program->send_signal(SIGINT);
    CHECK(program->wait().exit_code == 75);
    told = handover_of(stage);
    CHECK(told.state == "ended");
    CHECK(told.commands == std::vector{"cardvoid run " + stage.job()});
  }

  TEST_CASE("status: a handover tells a run that a 429 holds and one of another machine") {
    const auto stage = stage_of(400, slow_settings());
    const auto program = begin_run(stage);
    stage.sandbox->set_faults({{sandbox::Fault::throttle, 1.0}});
    wait_for_state(stage, "throttled");
    CHECK(handover_of(stage).commands.at(0) == "cardvoid status " + stage.job() + " --watch");
    const auto lock = std::filesystem::path{stage.database().string() + ".lock"}.filename().string();
    auto text = stage.read(lock);
    const auto at = text.find("\"host\":\"") + 8;
    stage.write(lock, text.replace(at, text.find('"', at) - at, "another-machine"));
    const auto told = handover_of(stage);
    CHECK(told.state == "elsewhere");
    CHECK(told.commands == std::vector{"cardvoid status " + stage.job() + " --watch"});
    CHECK(stage.run("status", {"--handover"}).out.find("is under way on another-machine (pid ") !=
          std::string::npos);
    program->send_signal(SIGKILL);
    program->wait();
  }

  TEST_CASE("status: a handover outside the window says when it opens") {
    const auto stage = stage_of(6);
    CHECK(stage.run("run", {"--yes", "--limit", "2"}).exit_code == 75);
    const auto hour =
        std::chrono::floor<std::chrono::hours>(read_clocks().wall).time_since_epoch().count() % 24;
    const auto window = fmt::format("safety.window=\"{:02}:00-{:02}:00\"", (hour + 3) % 24, (hour + 5) % 24);
    const std::vector<std::string> closed{"--set", window, "--set", "safety.timezone=\"UTC\""};
    const auto told = handover_of(stage, closed);
    CHECK(told.state == "window_closed");
    REQUIRE(told.commands.size() == 1);
    CHECK(told.commands[0].starts_with("cardvoid run " + stage.job()));
    auto flags = closed;
    flags.emplace_back("--handover");
    CHECK(stage.run("status", flags).out.find("the window is closed, and nothing is sent before 20") !=
          std::string::npos);
  }

  TEST_CASE("status: a suspended run is told as that and names what continues it") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    const auto stage = stage_of(400, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 3);
    CHECK(stage.run("status").out.find("suspended") == std::string::npos);
    program->send_signal(SIGSTOP);
    const auto answer = [&] { return boost::json::parse(stage.run("status", {"--json"}).out).as_object(); };
    auto told = answer();
    for (int i = 0; i < 100 && told.at("running").as_object().at("suspended") == false; ++i) told = answer();
    CHECK(told.at("running").as_object().at("suspended") == true);
    CHECK(told.at("now").is_null());  // nothing goes on
    const auto page = stage.run("status").out;
    CAPTURE(page);
    CHECK(page.find("or kill -CONT " + std::to_string(program->pid())) != std::string::npos);
    CHECK(page.find("; under way\n") != std::string::npos);
    CHECK(page.find("; at 20 requests/s") != std::string::npos);  // the run's, and not the job file's
    program->send_signal(SIGCONT);
    program->send_signal(SIGINT);
    CHECK(program->wait().exit_code == 75);
  }

  TEST_CASE("status: the limit is that of the run under way") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    const auto stage = stage_of(400, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=7"});
    stage.wait_until("status = 'invalidated'", 10);
    const auto page = stage.run("status").out;
    CAPTURE(page);
    CHECK((page.find("/s of 7") != std::string::npos || page.find("limit 7/s") != std::string::npos));
    program->send_signal(SIGINT);
    program->wait();
  }

  TEST_CASE("status: without results it says what to type next") {
    const auto stage = stage_of(3);
    const auto ended = stage.run("status");
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 66);
    CHECK(ended.err.find("make the results database: cardvoid plan ") != std::string::npos);
  }

  TEST_CASE("status: on a terminal no line is longer than it is and --watch clears nothing but its own") {
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.environment = {{"TERM", "xterm"}};
    Program program{stage.words("status", {"--watch"}), terminal};
    program.wait_for_words("no run is under way");
    program.send_signal(SIGINT);
    const auto ended = program.wait();
    CAPTURE(ended.out);
    CHECK(ended.exit_code == 0);
    CHECK(ended.out.find("\x1B[2J") == std::string::npos);
  }

  TEST_CASE("status: errors are counted by code") {
    const auto stage = stage_of(3);
    stage.write("members.csv", plain_members(3) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oX,\r\n");
    stage.run("run", {"--yes"});
    CHECK(stage.run("status").out.find("1  RESOURCE_NOT_EXISTS (rejected)") != std::string::npos);
  }

  TEST_CASE("status: rows in doubt are shown first with the platform's words and as the summary shows them") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::wrong_card, 1.0}};
    settings.fault_read_backs = true;
    const auto stage = stage_of(40, settings);
    const auto ended = stage.run("run", {"--yes", "--limit", "1"});
    INFO(ended.err);
    CHECK(ended.exit_code == 75);
    const auto page = stage.run("status");
    CHECK(page.exit_code == 0);
    for (const auto& text : {ended.out, page.out}) {
      CAPTURE(text);
      const auto head = text.find('\n') + 1;
      CHECK(text.substr(head).starts_with("  in doubt                 1  1 held after "));
      CHECK(text.find("    line 2 code **** held: WRONG_CARD, \"", head) != std::string::npos);
      CHECK(text.find("oPlain") == std::string::npos);
      CHECK(text.find("card0000") == std::string::npos);
    }
    const auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    CHECK(answer.at("in_doubt") == 1);
    CHECK(answer.at("held") == 1);
    const auto& row = answer.at("rows_in_doubt").as_array().at(0).as_object();
    CHECK(row.at("row_id") == 1);
    CHECK(row.at("held") == true);
    CHECK(row.at("code") == "****");
    CHECK(row.at("error_code") == "WRONG_CARD");
  }

  TEST_CASE("status: rows that a crash left are in doubt and those in flight in a run are no worry") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 3s;
    const auto stage = stage_of(40, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'in_flight' AND attempts > 0", 3);
    const auto during = stage.run("status");
    CAPTURE(during.out);
    CHECK(during.out.find(" in flight now\n") != std::string::npos);
    CHECK(during.out.find("row 1 ") == std::string::npos);
    program->send_signal(SIGKILL);
    program->wait();
    const auto after = stage.run("status");
    CAPTURE(after.out);
    CHECK(after.out.find(" read back first by the next run\n") != std::string::npos);
    CHECK(after.out.find("    line 2 code **** in flight: no answer is on record\n") != std::string::npos);
  }

  TEST_CASE(
      "status: invalidated rows are counted by how they were settled as in the summary and the export") {
    auto stage = stage_of(4);
    stage.sandbox.reset();
    auto cards = stage.read("cards.csv");
    const auto at = cards.find("card0003"), state = cards.find("EFFECTIVE,", at);
    REQUIRE(state != std::string::npos);
    cards.replace(state, std::string_view{"EFFECTIVE,"}.size(), "INVALID,2026-01-02T03:04:05+08:00");
    stage.write("cards.csv", cards);
    auto settings = sandbox::plain_settings();
    settings.dir = stage.dir;
    settings.faults = {{sandbox::Fault::reset_applied, 1.0}};
    stage.sandbox = sandbox::Sandbox::start(settings).value();
    CHECK(stage.run("run", {"--yes", "--limit", "1"}).exit_code == 75);
    stage.sandbox->set_faults({});
    Circumstances terminal;  // else a success is one line
    terminal.on_terminal = true;
    auto ended = Program{stage.words("run", {"--yes"}), terminal}.wait();
    CHECK(ended.exit_code == 0);
    std::erase(ended.out, '\r');
    CHECK(stage.run("run", {"--yes"}).out.find("4 of 4 cards invalidated (1 of them before us);") !=
          std::string::npos);
    const auto page = stage.run("status");
    for (const auto& text : {ended.out, page.out}) {
      CAPTURE(text);
      CHECK(text.find("invalidated              4\n"
                      "                           2  by our answer\n"
                      "                           1  found INVALID after a lost or doubtful answer\n"
                      "                           1  already INVALID before us\n") != std::string::npos);
    }
    const auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    for (const auto& [name, count] :
         {std::pair{"invalidated", 4}, {"answer", 2}, {"read_back", 1}, {"already", 1}}) {
      CAPTURE(name);
      CHECK(answer.at(name) == count);
    }
    const auto by_row = stage.ask_results("SELECT code, settled_by FROM results");
    CHECK(by_row == std::vector<Line>{{"card0000", "read_back"},
                                      {"card0001", "answer"},
                                      {"card0002", "answer"},
                                      {"card0003", "already"}});
  }

  TEST_CASE("status: --watch shows it again and again until it is stopped") {
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    Program program{stage.words("status", {"--watch", "--json"})};
    program.wait_for_words("}\n{");  // the second line has begun
    program.send_signal(SIGINT);
    CHECK(program.wait().exit_code == 0);
  }

  TEST_CASE("check and reconcile make no database of a wrong path") {
    const auto stage = stage_of(3);
    CHECK(stage.run("check").exit_code == 0);
    CHECK(stage.run("reconcile").exit_code == 66);
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    CHECK_FALSE(std::filesystem::exists(stage.database().string() + ".lock"));
  }
}
