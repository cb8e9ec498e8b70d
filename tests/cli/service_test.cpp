// What a service manager hears (sd_notify(3)), on a real socket of its kind.

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/sqlite/connection.hpp>
#include <csignal>
#include <cstring>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  // Listens as systemd does. `name`: a path, or with '@' in front an abstract one.
  class Manager {
   public:
    explicit Manager(std::string name) : name_{std::move(name)} {
      socket_ = FileDescriptor{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, name_.data(), name_.size());
      if (name_[0] == '@') address.sun_path[0] = '\0';
      REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())) == 0);
    }

    // Until this has been said; the test fails after twenty seconds.
    void wait_for(std::string_view words) {
      const auto deadline = std::chrono::steady_clock::now() + 20s;
      while (!has(words)) {
        const auto left =
            std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        REQUIRE_MESSAGE(left > 0, "waited in vain for ", std::string{words});
        hear(static_cast<int>(left));
      }
    }
    const std::vector<std::string>& all() {
      while (hear(0)) {
      }
      return heard_;
    }
    void forget() { heard_.clear(); }
    bool has(std::string_view words) const { return index(words) < heard_.size(); }
    std::size_t index(std::string_view words) const {
      return static_cast<std::size_t>(
          std::find_if(heard_.begin(), heard_.end(),
                       [&](const std::string& text) { return text.find(words) != std::string::npos; }) -
          heard_.begin());
    }
    Circumstances circumstances() const {
      Circumstances c;
      c.environment = {{"NOTIFY_SOCKET", name_}, {"WATCHDOG_USEC", "600000"}};
      return c;
    }

   private:
    bool hear(int patience_ms) {
      pollfd event{socket_.get(), POLLIN, 0};
      if (::poll(&event, 1, patience_ms) != 1) return false;
      char text[4096];
      const auto got = ::recv(socket_.get(), text, sizeof text, 0);
      heard_.emplace_back(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      return true;
    }
    std::string name_;
    FileDescriptor socket_;
    std::vector<std::string> heard_;
  };

  }  // namespace

  TEST_CASE("service: a manager hears that a run is ready and alive and how far it is and that it ends") {
    const auto stage = stage_of(60);
    stage.write("notify.sh", "#!/bin/sh\nenv >variables\n");
    ::chmod((stage.dir / "notify.sh").c_str(), 0700);
    const auto path = (stage.dir / "notify").string();
    for (const auto& name : {path, "@cardvoid-test-" + std::to_string(::getpid())}) {
      CAPTURE(name);
      Manager manager{name};
      Program program{
          stage.words("run", {"--yes", "--results", name[0] == '@' ? "b.db" : "a.db", "--set",
                              "limits.requests_per_second=20", "--set", "results.on_finish=./notify.sh"}),
          [&] {
            auto c = manager.circumstances();
            c.folder = stage.dir;
            return c;
          }()};
      manager.wait_for("WATCHDOG=1");
      program.send_signal(SIGTERM);
      program.wait();
      const auto heard = manager.all();
      CHECK(manager.index("READY=1") == 0);
      CHECK(manager.has("/60 "));  // STATUS=0/60 …
      CHECK(manager.index("STATUS=") < manager.index("STOPPING=1"));
      CHECK(manager.has("STOPPING=1"));
      CHECK(std::count(heard.begin(), heard.end(), "READY=1") == 1);
      CHECK(std::count(heard.begin(), heard.end(), "STOPPING=1") == 1);
      CHECK(heard.back().starts_with("STATUS=ended with exit code"));
      CHECK(stage.read("variables").find("NOTIFY_SOCKET") == std::string::npos);
      CHECK(stage.read("variables").find("WATCHDOG_USEC") == std::string::npos);
    }
  }

  TEST_CASE("service: the watchdog is told twice in its time while a run waits for its answers") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 2500ms;
    const auto stage = stage_of(1, settings);
    Manager manager{(stage.dir / "notify").string()};
    Program program{stage.words("run", {"--yes"}), manager.circumstances()};
    CHECK(program.wait().exit_code == 0);
    const auto heard = manager.all();
    CHECK(std::count(heard.begin(), heard.end(), "WATCHDOG=1") >= 4);  // 2.5 s at 0.3 s each, some slack
  }

  TEST_CASE("service: the watchdog is told while a run is paused and while its database is locked") {
    const auto stage = stage_of(200);
    Manager manager{(stage.dir / "notify").string()};
    Program program{stage.words("run", {"--yes", "--set", "limits.requests_per_second=20"}),
                    manager.circumstances()};
    stage.wait_until("status = 'invalidated'", 1);
    // One more from now on, three times: not what was said before.
    const auto is_told = [&](const char* while_it) {
      CAPTURE(while_it);
      for (int i = 0; i < 3; ++i) {
        manager.all();
        manager.forget();
        manager.wait_for("WATCHDOG=1");
      }
    };
    REQUIRE(stage.run("pause").exit_code == 0);
    is_told("paused");
    REQUIRE(stage.run("resume").exit_code == 0);
    sqlite::Connection other{stage.database(), sqlite::Mode::read_write};
    other.on_busy([](milliseconds waited) { return waited < 10s; });
    other.execute("BEGIN IMMEDIATE");
    is_told("locked");
    program.send_signal(SIGTERM);
    is_told("locked and ending");
    other.execute("COMMIT");
    CHECK(program.wait().exit_code == 75);
  }

  TEST_CASE("service: an end that counts as success was ready and a failed start was not") {
    const auto stage = stage_of(40);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=10"});
    stage.wait_until("status = 'invalidated'", 1);
    Manager held{(stage.dir / "held").string()};
    CHECK(Program{stage.words("run", {"--yes"}), held.circumstances()}.wait().exit_code == 75);
    held.all();
    CHECK(held.has("READY=1"));
    stage.write("no_key.pem", "this is no key");
    Manager failed{(stage.dir / "failed").string()};
    CHECK(Program{stage.words("run", {"--yes", "--set", "merchant.private_key_file=no_key.pem"}),
                  failed.circumstances()}
              .wait()
              .exit_code == 77);
    failed.all();
    CHECK_FALSE(failed.has("READY=1"));
  }

  TEST_CASE("service: a manager that is not there or does not listen holds nothing up") {
    const auto stage = stage_of(2);
    for (const auto& name :
         {std::string{"/nowhere/notify"}, std::string{"relative"}, std::string(200, '@')}) {
      Circumstances circumstances;
      circumstances.environment = {{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "no number"}};
      CHECK(Program{stage.words("run", {"--yes"}), circumstances}.wait().exit_code == 0);
    }
    // One whose queue is full.
    Manager deaf{(stage.dir / "deaf").string()};
    auto circumstances = deaf.circumstances();
    circumstances.environment["WATCHDOG_USEC"] = "2";
    CHECK(Program{stage.words("run", {"--yes"}), circumstances}.wait().exit_code == 0);
  }
}
