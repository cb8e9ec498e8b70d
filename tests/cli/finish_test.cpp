// results.on_finish, with the built binary.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>
#include <regex>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  constexpr auto k_keeper =
      "#!/bin/sh\necho called >>calls\ncat >got.json\nls -l /proc/self/fd >fds\nenv >variables\n"
      "echo to standard output\n";

  void write_hook(const Stage& stage, const std::string& script = k_keeper, mode_t mode = 0700) {
    stage.write("notify.sh", script);
    REQUIRE(::chmod((stage.dir / "notify.sh").c_str(), mode) == 0);
  }

  std::vector<std::string> with_hook(std::vector<std::string> more) {
    more.insert(more.end(), {"--set", "results.on_finish=./notify.sh"});
    return more;
  }

  boost::json::object got(const Stage& stage) {
    return boost::json::parse(stage.read("got.json")).as_object();
  }

  }  // namespace

  TEST_CASE("on_finish: gets the summary of a run and none of our files") {
    const auto stage = stage_of(4);
    write_hook(stage);
    Circumstances circumstances;
    circumstances.environment = {{"MY_ADDRESS", "ops@example.org"},
                                 {"CARDVOID_EXIT_CODE", "of somebody else"}};
    Program program{stage.words("run", with_hook({"--yes", "--json"})), circumstances};
    const auto ended = program.wait();
    CHECK(ended.exit_code == 0);
    CHECK(ended.out == stage.read("got.json"));  // and nothing of its words among it
    CHECK(ended.err.find("on_finish: to standard output") != std::string::npos);
    const auto summary = got(stage);
    CHECK(summary.at("job") == "sandbox");
    CHECK(summary.at("command") == "run");
    CHECK(summary.at("run_id") == 1);
    CHECK(summary.at("exit_code") == 0);
    CHECK(summary.at("invalidated") == 4);
    const auto variables = stage.read("variables");
    CHECK(variables.find("MY_ADDRESS=ops@example.org\n") != std::string::npos);
    CHECK(variables.find("CARDVOID_EXIT_CODE=0\n") != std::string::npos);
    CHECK(variables.find("of somebody else") == std::string::npos);
    const auto descriptors = stage.read("fds");  // 0 and 2 are pipes, 1 is its file
    for (const char* ours : {"sandbox.db", ".pem", "socket:", "members.csv", ".lock", "eventpoll"})
      CHECK_MESSAGE(descriptors.find(ours) == std::string::npos, descriptors);
  }

  TEST_CASE("on_finish: has the umask and the limits of who started the run") {
    const auto stage = stage_of(1);
    write_hook(stage, "#!/bin/sh\numask\nulimit -Sc\nulimit -Sn\nulimit -Hn\n: >made\n");
    Circumstances circumstances;
    circumstances.umask = 022;
    circumstances.soft_limits = {{RLIMIT_CORE, 4096}, {RLIMIT_NOFILE, 200}};
    // Else the address sanitizer lowers RLIMIT_CORE before the program begins.
    circumstances.set_asan_option("disable_coredump=0");
    const auto ended =
        Program{stage.words("run", with_hook({"--yes", "--log-level", "info"})), circumstances}.wait();
    CHECK(ended.exit_code == 0);
    INFO(ended.err);
    // dash and bash count core files in blocks of 512 or 1024 bytes
    CHECK(std::regex_search(ended.err,
                            std::regex{"on_finish: 0022\n[^\n]* on_finish: [48]\n[^\n]* on_finish: 200\n"}));
    struct stat made {};
    REQUIRE(::stat((stage.dir / "made").c_str(), &made) == 0);
    CHECK((made.st_mode & 0777) == 0644);
    REQUIRE(::stat(stage.database().c_str(), &made) == 0);
    CHECK((made.st_mode & 0777) == 0600);  // ours is another
  }

  TEST_CASE("on_finish: hears of a run that stops early and of one that could not begin") {
    const auto stage = stage_of(3);
    write_hook(stage);
    CHECK(stage.run("run", with_hook({"--yes", "--limit", "1"})).exit_code == 75);
    CHECK(got(stage).at("exit_code") == 75);
    CHECK(got(stage).at("to_send") == 2);
    CHECK(stage.read("variables").find("CARDVOID_EXIT_CODE=75\n") != std::string::npos);

    stage.write("no_key.pem", "this is no key");
    CHECK(stage.run("run", with_hook({"--yes", "--set", "merchant.private_key_file=no_key.pem"})).exit_code ==
          77);
    CHECK(got(stage).at("exit_code") == 77);
    CHECK(got(stage).at("run_id").is_null());
    CHECK(got(stage).at("stopped").as_string().find("no_key.pem") != std::string::npos);

    CHECK(stage.run("run", with_hook({"--confirm", "000000000000"})).exit_code == 65);
    CHECK(got(stage).at("exit_code") == 65);

    CHECK(stage.run("reconcile", with_hook({})).exit_code == 0);
    CHECK(got(stage).at("command") == "reconcile");
  }

  TEST_CASE("on_finish: is not told of a mistake in the command line nor of a job that another run holds") {
    auto settings = sandbox::plain_settings();
    const auto stage = stage_of(40, settings);
    write_hook(stage);
    CHECK(stage.run("run", with_hook({})).exit_code == 64);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=10"});
    stage.wait_until("status = 'invalidated'", 1);
    CHECK(stage.run("run", with_hook({"--yes"})).exit_code == 75);
    CHECK_FALSE(std::filesystem::exists(stage.dir / "calls"));
    CHECK(stage.run("plan", with_hook({})).exit_code == 75);
    CHECK_FALSE(std::filesystem::exists(stage.dir / "calls"));
  }

  TEST_CASE("on_finish: its failure is a warning and the job's exit code stays") {
    const auto stage = stage_of(2);
    write_hook(stage, "#!/bin/sh\nexit 9\n");
    const auto ended = stage.run("run", with_hook({"--yes"}));
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("warning: on_finish: ") != std::string::npos);
    CHECK(ended.err.find("ended with exit code 9") != std::string::npos);
  }

  TEST_CASE("on_finish: a bug of ours is reported like any other end and the metrics do not say running") {
    const auto stage = stage_of(2);
    write_hook(stage, "#!/usr/bin/tee got.json\n");  // a shell wants more descriptors
    Circumstances circumstances;
    circumstances.open_files_limit = 10;  // too few for the loop, which throws
    // UBSan needs a descriptor to look at an object, and must not end the program where it gets none.
    circumstances.environment = {{"UBSAN_OPTIONS", "halt_on_error=0"}};
    const auto ended = Program{stage.words("run", with_hook({"--yes", "-q", "--log-format", "json", "--set",
                                                             "results.metrics_file=m.prom"})),
                               circumstances}
                           .wait();
    INFO(ended.err);
    REQUIRE(ended.exit_code == 70);
    // Sanitizers, short of descriptors too, may have put words of theirs before it.
    const auto line = ended.err.substr(std::min(ended.err.find("{\"time\""), ended.err.size()));
    CHECK(
        boost::json::parse(line.substr(0, line.find('\n'))).at("message").as_string().find("please report") !=
        std::string::npos);
    CHECK(got(stage).at("exit_code") == 70);
    const auto metrics = stage.read("m.prom");
    CHECK(metrics.find("cardvoid_last_run_exit_code{job=\"sandbox\"} 70\n") != std::string::npos);
    CHECK(metrics.find("cardvoid_run_in_progress{job=\"sandbox\"} 0\n") != std::string::npos);
  }

  TEST_CASE("on_finish: one that is missing or must not be executed is found before anything is sent") {
    const auto stage = stage_of(2);
    const auto missing = stage.run("run", with_hook({"--yes"}));
    CHECK(missing.exit_code == 66);
    CHECK(missing.err.find("results.on_finish: ") != std::string::npos);
    write_hook(stage, k_keeper, 0600);
    const auto forbidden = stage.run("run", with_hook({"--yes"}));
    CHECK(forbidden.exit_code == 78);
    CHECK(forbidden.err.find("chmod +x") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }
}
