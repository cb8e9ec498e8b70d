// Steering a run from another terminal: pause, resume, stop, rate; and waiting for another one to end.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  using std::chrono::steady_clock;

  namespace {

  // When requests arrive at the sandbox. Must outlive it.
  class Arrivals {
   public:
    sandbox::Settings watching(sandbox::Settings settings) {
      settings.on_request = [this](const sandbox::VerifiedRequest&) {
        const std::lock_guard lock{mutex_};
        at_.push_back(steady_clock::now());
        more_.notify_all();
      };
      return settings;
    }
    std::size_t count() const {
      const std::lock_guard lock{mutex_};
      return at_.size();
    }
    std::size_t after(Instant instant) const {
      const std::lock_guard lock{mutex_};
      return static_cast<std::size_t>(
          std::count_if(at_.begin(), at_.end(), [&](auto at) { return at > instant; }));
    }
    void wait_for(std::size_t at_least) const {
      std::unique_lock lock{mutex_};
      REQUIRE(more_.wait_for(lock, 20s, [&] { return at_.size() >= at_least; }));
    }

   private:
    mutable std::mutex mutex_;
    mutable std::condition_variable more_;
    std::vector<Instant> at_;
  };

  const std::vector<std::string> k_brisk{"--yes", "--set", "limits.requests_per_second=40"};

  boost::json::object now_of(const Stage& stage) {
    const auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    return answer.at("now").is_object() ? answer.at("now").as_object() : boost::json::object{};
  }

  // The reason of this kind that `status` shows, if it does.
  std::optional<boost::json::object> reason(const Stage& stage, std::string_view kind) {
    const auto now = now_of(stage);
    if (const auto* reasons = now.if_contains("reasons_to_wait"))
      for (const auto& each : reasons->as_array())
        if (each.as_object().at("kind").as_string() == kind) return each.as_object();
    return std::nullopt;
  }

  std::filesystem::path socket_of(const Stage& stage) { return stage.database().string() + ".sock"; }

  }  // namespace

  TEST_CASE("steer: a suspended run is told at once as that with what continues it") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    const auto stage = stage_of(400, settings);
    const auto program = stage.start("run", k_brisk);
    stage.wait_until("status = 'invalidated'", 3);
    CHECK(stage.run("pause").exit_code == 0);
    program->send_signal(SIGSTOP);
    for (const auto* command : {"resume", "stop"}) {
      CAPTURE(command);
      const auto begun = steady_clock::now();
      const auto refused = stage.run(command);
      CAPTURE(refused.err);
      CHECK(steady_clock::now() - begun < 4s);  // and not after 5 s without an answer
      CHECK(refused.exit_code == 75);
      CHECK(
          refused.err.find(" is suspended (Ctrl-Z or SIGSTOP); nothing was changed; to let it go on, type fg "
                           "where it was started, or kill -CONT " +
                           std::to_string(program->pid())) != std::string::npos);
    }
    program->send_signal(SIGCONT);
    CHECK(stage.run("resume").exit_code == 0);
    CHECK(stage.run("stop").exit_code == 0);
    CHECK(program->wait().exit_code == 75);
  }

  TEST_CASE("steer: a pause holds everything within 300 ms and resume goes on and stop ends with 75") {
    Arrivals arrivals;
    const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(400)}}};
    const auto program = stage.start("run", k_brisk);
    arrivals.wait_for(20);

    const auto before = format_rfc3339(read_clocks().wall);
    const auto paused = stage.run("pause");
    const auto returned = steady_clock::now();
    INFO(paused.err);
    CHECK(paused.exit_code == 0);
    CHECK(paused.out.starts_with("paused; "));
    const auto why = reason(stage, "paused");  // at once
    REQUIRE(why.has_value());
    CHECK(std::string{why->at("words").as_string()}.starts_with("paused by "));
    CHECK(std::string{why->at("since").as_string()} >= before);
    CHECK(stage.run("status").out.find("held up: paused by ") != std::string::npos);
    CHECK_FALSE(program->ends_within(1500ms));
    CHECK(arrivals.after(returned + 300ms) == 0);
    CHECK(stage.count("status = 'in_flight'") == 0);
    const auto so_far = arrivals.count();

    const auto resumed = stage.run("resume", {"--json"});
    CHECK(resumed.exit_code == 0);
    CHECK(boost::json::parse(resumed.out).as_object().at("state") == "running");
    CHECK_FALSE(reason(stage, "paused").has_value());
    arrivals.wait_for(so_far + 20);

    const auto stopped = stage.run("stop");
    const auto stop_returned = steady_clock::now();
    CHECK(stopped.exit_code == 0);
    CHECK(stopped.out.starts_with("stopping: "));
    const auto ended = program->wait();
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 75);
    CHECK(arrivals.after(stop_returned + 300ms) == 0);
    CHECK(ended.out.find("with cardvoid stop") != std::string::npos);
    CHECK(stage.count("status = 'in_flight'") == 0);
    stage.check_against_truth();
    const auto page = stage.run("status").out;
    CHECK(page.find("exit 75, stopped by ") != std::string::npos);
    CHECK(page.find("with cardvoid stop\n") != std::string::npos);  // the forecast was that run's
    CHECK(ended.out.find("stopped: stopped") == std::string::npos);

    CHECK(stage.run("run", k_brisk).exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 400);
    CHECK(stage.sandbox->counters().after_invalid == 0);
    CHECK(stage.sandbox->counters().most_in_any_second <= 46);  // a busy machine stalls the counting one, too
  }

  TEST_CASE("steer: it acts at the slowest pace and during back-off and 429 and without any endpoint") {
    for (const std::string trouble : {"pace", "back-off", "429", "no endpoint", "answers"}) {
      CAPTURE(trouble);
      Arrivals arrivals;
      auto settings = sandbox::plain_settings();
      if (trouble == "back-off") settings.faults = {{sandbox::Fault::system_error, 1.0}};
      if (trouble == "429") settings.faults = {{sandbox::Fault::throttle, 1.0}};
      if (trouble == "answers") settings.latency_min = settings.latency_max = 2s;
      const Stage stage{arrivals.watching(settings), {{"members.csv", plain_members(100)}}};
      if (trouble == "no endpoint")
        for (const auto endpoint : {model::Endpoint::primary, model::Endpoint::backup})
          stage.sandbox->set_outage(endpoint, sandbox::Outage::refuse);
      std::vector<std::string> flags{"--yes", "--set", "limits.failover_cooldown=30s"};
      if (trouble == "pace") flags.insert(flags.end(), {"--set", "limits.requests_per_second=0.05"});
      if (trouble == "back-off")
        flags.insert(flags.end(), {"--set", "limits.backoff_base=50s", "--set", "limits.max_in_flight=1"});
      const auto program = stage.start("run", flags);
      trouble == "no endpoint" ? program->wait_for_words("does not serve") : arrivals.wait_for(1);
      if (trouble == "no endpoint") {
        const auto deadline = steady_clock::now() + 10s;
        while (!reason(stage, "endpoints_down")) REQUIRE(steady_clock::now() < deadline);
      }
      CHECK(stage.run("pause").exit_code == 0);
      const auto returned = steady_clock::now();
      CHECK(reason(stage, "paused").has_value());
      CHECK_FALSE(program->ends_within(800ms));
      CHECK(arrivals.after(returned + 300ms) == 0);
      CHECK(stage.run("resume").exit_code == 0);
      CHECK(stage.run("stop").exit_code == 0);
      CHECK(program->ends_within(4s));
      const auto ended = program->wait();
      INFO(ended.err);
      CHECK(ended.exit_code == 75);
    }
  }

  TEST_CASE("steer: a signal ends a paused run and the rerun is not paused") {
    for (const int signal : {SIGTERM, SIGKILL}) {
      Arrivals arrivals;
      const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(100)}}};
      const auto program = stage.start("run", k_brisk);
      arrivals.wait_for(10);
      CHECK(stage.run("rate", {"1"}).exit_code == 0);
      CHECK(stage.run("pause").exit_code == 0);
      program->send_signal(signal);
      CHECK(program->ends_within(5s));
      CHECK(program->wait().exit_code == (signal == SIGTERM ? 75 : -1));
      CHECK(std::filesystem::exists(socket_of(stage)) == (signal == SIGKILL));
      CHECK(stage.run("pause").exit_code == 75);  // no one listens at what is left

      const auto begun = steady_clock::now();
      CHECK(stage.run("run", k_brisk).exit_code == 0);  // at the job's own pace
      CHECK(steady_clock::now() - begun < 30s);
      CHECK_FALSE(std::filesystem::exists(socket_of(stage)));
      CHECK(stage.count("status = 'invalidated'") == 100);
    }
  }

  TEST_CASE("steer: a changed rate holds at once in both directions and shows who changed it") {
    Arrivals arrivals;
    const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(300)}}};
    const auto program = stage.start("run", k_brisk);
    arrivals.wait_for(20);
    const auto slower = stage.run("rate", {"0.5"});
    const auto returned = steady_clock::now();
    CHECK(slower.exit_code == 0);
    CHECK(slower.out.find("0.5 requests/s") != std::string::npos);
    CHECK(now_of(stage).at("allowed_rate").to_number<double>() == 0.5);
    const auto why = reason(stage, "rate_set");
    REQUIRE(why.has_value());
    CHECK(std::string{why->at("words").as_string()}.starts_with("rate set to 0.5/s by "));
    const auto page = stage.run("status").out;
    CHECK(page.find("rate set to 0.5/s by ") != std::string::npos);
    CHECK_FALSE(program->ends_within(1500ms));
    // One each two seconds, and one that was due.
    CHECK(arrivals.after(returned + 300ms) <= 1 + (steady_clock::now() - returned) / 2s);

    CHECK(support::run({"rate", "40", stage.job()}).exit_code == 0);  // either order
    const auto so_far = arrivals.count();
    const auto raised = steady_clock::now();
    arrivals.wait_for(so_far + 20);
    CHECK(steady_clock::now() - raised < 5s);  // 40 s at the lower rate
    CHECK_FALSE(reason(stage, "rate_set").has_value());

    CHECK(stage.run("rate", {"0.5"}).exit_code == 0);  // so that it lasts
    CHECK(stage.run("rate", {"10001"}).exit_code == 64);
    const auto above = stage.run("rate", {"41"});
    CHECK(above.exit_code == 0);
    CHECK(above.out.find("the job says 40: above it the platform may answer 429") != std::string::npos);
    CHECK(stage.run("rate", {"40"}).exit_code == 0);
    CHECK(program->wait().exit_code == 0);
    CHECK(stage.sandbox->counters().most_in_any_second <= 46);  // a busy machine stalls the counting one, too
  }

  TEST_CASE("steer: a rate that is not allowed is refused with 64 whether or not a run is under way") {
    const auto stage = stage_of(3);
    for (const std::string wrong : {"10001", "1e9", "0", "-1", "x", "1e-9", "nan", "inf", "1e999"}) {
      CAPTURE(wrong);
      const auto refused = stage.run("rate", {wrong});
      CHECK(refused.exit_code == 64);
      CHECK(refused.err.find("a number from 0.001 to 10000") != std::string::npos);
    }
    CHECK(stage.run("rate").exit_code == 64);
    CHECK(stage.run("rate", {"nan"}).err.find("rate " + stage.job() + " nan: expected") != std::string::npos);
    CHECK(stage.run("rate", {"0"}).err.find("to send nothing use `cardvoid pause`") != std::string::npos);
    CHECK(stage.run("rate", {"1e9"}).err.find("pause") == std::string::npos);
  }

  TEST_CASE("steer: without a run every command is refused and nothing is made") {
    const auto stage = stage_of(3);
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"pause"}, {"resume"}, {"stop"}, {"rate", "1"}}) {
      CAPTURE(words[0]);
      const auto refused = stage.run(words[0], {words.begin() + 1, words.end()});
      CHECK(refused.exit_code == 75);
      CHECK(refused.out.empty());
      CHECK(refused.err.find("no run is under way on this job") != std::string::npos);
    }
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    CHECK_FALSE(std::filesystem::exists(stage.database().string() + ".lock"));
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    CHECK(stage.run("pause").exit_code == 75);
  }

  TEST_CASE("steer: a run that is still reading its input says so") {
    const auto stage = stage_of(5);
    Circumstances open_ended;
    open_ended.keeps_input_open = true;
    open_ended.standard_input = plain_members(3);
    Program program{stage.words("run", {"--yes", "--set", "input.csv=-"}), open_ended};
    stage.wait_until("TRUE", 0);
    const auto refused = stage.run("pause");
    CHECK(refused.exit_code == 75);
    CHECK(refused.err.find("pid " + std::to_string(program.pid())) != std::string::npos);
    CHECK(refused.err.find("still reading its input") != std::string::npos);
  }

  TEST_CASE("steer: the socket is the owner's alone and lies beside the real database") {
    Arrivals arrivals;
    const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(100)}}};
    std::filesystem::create_symlink("sandbox.db", stage.dir / "link.db");
    const auto link = (stage.dir / "link.db").string();
    const auto program = stage.start("run", {"--yes", "--results", link});
    arrivals.wait_for(3);
    struct stat facts {};
    REQUIRE(::lstat(socket_of(stage).c_str(), &facts) == 0);
    CHECK(S_ISSOCK(facts.st_mode));
    CHECK((facts.st_mode & 07777) == 0600);
    CHECK_FALSE(std::filesystem::exists(link + ".sock"));
    CHECK(stage.run("pause", {"--results", link}).exit_code == 0);
    CHECK(stage.run("stop").exit_code == 0);
    CHECK(program->wait().exit_code == 75);
    CHECK_FALSE(std::filesystem::exists(socket_of(stage)));
  }

  TEST_CASE("steer: a foreign file in the socket's place is left alone and the run goes on") {
    const auto stage = stage_of(5);
    stage.write("sandbox.db.sock", "mine");
    CHECK(stage.run("pause").exit_code == 75);
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("cannot be steered") != std::string::npos);
    CHECK(ended.err.find("sandbox.db.sock") != std::string::npos);
    CHECK(stage.read("sandbox.db.sock") == "mine");
  }

  TEST_CASE("steer: paths and names of any length will do") {
    for (const std::size_t name_length : {20, 240}) {
      CAPTURE(name_length);
      Arrivals arrivals;
      const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(100)}}};
      const auto folder = stage.dir / std::string(100, 'd') / std::string(60, 'e');
      const auto database = (folder / (std::string(name_length, 'n') + ".db")).string();
      const auto program =
          stage.start("run", {"--yes", "--results", database, "--set", "limits.requests_per_second=20"});
      arrivals.wait_for(3);
      CHECK(stage.run("pause", {"--results", database}).exit_code == 0);
      CHECK(std::filesystem::is_socket(database + ".sock"));
      CHECK(stage.run("stop", {"--results", database}).exit_code == 0);
      CHECK(program->wait().exit_code == 75);
      for (const auto& left : std::filesystem::directory_iterator{folder}) {
        CAPTURE(left.path().string());
        CHECK_FALSE(left.is_socket());
      }
    }
  }

  TEST_CASE("steer: a reconcile run is steered like any other") {
    Arrivals arrivals;
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::no_answer_applied, 1.0}};
    const Stage stage{arrivals.watching(settings), {{"members.csv", plain_members(50)}}};
    {
      const auto program = stage.start("run", k_brisk);
      arrivals.wait_for(3);
      program->send_signal(SIGKILL);
      program->wait();
    }
    const auto so_far = arrivals.count();
    const auto program = stage.start("reconcile", {"--set", "limits.requests_per_second=0.2"});
    arrivals.wait_for(so_far + 1);
    CHECK(stage.run("pause", {"--set", "limits.requests_per_second=0.2"}).exit_code == 0);
    CHECK(stage.run("stop").exit_code == 0);
    CHECK(program->ends_within(5s));
    CHECK(program->wait().exit_code == 75);
  }

  TEST_CASE("steer: status shows a pause though the database is locked while it begins") {
    Arrivals arrivals;
    const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(200)}}};
    const auto program = stage.start("run", k_brisk);
    arrivals.wait_for(10);
    {
      sqlite::Connection other{stage.database(), sqlite::Mode::read_write};
      other.execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE");
      CHECK(stage.run("pause").exit_code == 0);  // does not wait for the lock
      other.execute("ROLLBACK");
    }
    const auto deadline = steady_clock::now() + 10s;
    while (!reason(stage, "paused")) REQUIRE(steady_clock::now() < deadline);
    CHECK(stage.run("stop").exit_code == 0);
    CHECK(program->wait().exit_code == 75);
  }

  TEST_CASE("wait-lock: a second run waits for the first one and carries on") {
    Arrivals arrivals;
    const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(60)}}};
    const auto first = stage.start("run", k_brisk);
    arrivals.wait_for(5);
    CHECK(stage.run("pause").exit_code == 0);
    const auto second = stage.start("run", {"--yes", "--wait-lock", "60s"});
    second->wait_for_words("waiting up to 1m 00s for it to end");
    CHECK(second->said().find("pid " + std::to_string(first->pid())) != std::string::npos);
    CHECK_FALSE(second->ends_within(300ms));
    CHECK(stage.run("stop").exit_code == 0);
    CHECK(first->wait().exit_code == 75);
    const auto ended = second->wait();
    INFO(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("waiting up to") == ended.err.rfind("waiting up to"));  // once
    CHECK(stage.count("status = 'invalidated'") == 60);
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("wait-lock: it ends with 75 in time or at a signal and names the holder") {
    Arrivals arrivals;
    const Stage stage{arrivals.watching(sandbox::plain_settings()), {{"members.csv", plain_members(60)}}};
    const auto first = stage.start("run", k_brisk);
    arrivals.wait_for(5);
    CHECK(stage.run("pause").exit_code == 0);
    for (const std::string command : {"run", "plan", "reconcile", "retry"}) {
      CAPTURE(command);
      std::vector<std::string> flags{"--wait-lock", "300ms"};
      if (command == "run") flags.push_back("--yes");
      if (command == "retry") flags.insert(flags.end(), {"--status", "rejected"});
      const auto begun = steady_clock::now();
      const auto ended = stage.run(command, flags);
      CHECK(steady_clock::now() - begun >= 300ms);
      CHECK(ended.exit_code == 75);
      CHECK(ended.err.find("pid " + std::to_string(first->pid()) + " on ") != std::string::npos);
      CHECK(ended.err.find(", since 20") != std::string::npos);
      CHECK(ended.err.find("waited for 300ms in vain") != std::string::npos);
    }
    const auto waiting = stage.start("plan", {"--wait-lock", "1h"});
    waiting->wait_for_words("waiting up to 1h");
    waiting->send_signal(SIGTERM);
    CHECK(waiting->ends_within(2s));
    CHECK(waiting->wait().exit_code == 75);
    CHECK(stage.run("plan", {"--wait-lock", "soon"}).exit_code == 64);
    CHECK(stage.run("status", {"--wait-lock", "1s"}).exit_code == 64);
  }
}
