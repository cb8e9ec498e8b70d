// The program of results.on_finish, misbehaving. Its patience is shorter here than a run's.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <ostream>

#include "finish_hook.hpp"
#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  namespace {

  // A folder with a hook in it; what the console said goes to a file there.
  class Place {
   public:
    explicit Place(const std::string& script) {
      REQUIRE(write_private_file(dir / "hook.sh", script).has_value());
      ::chmod((dir / "hook.sh").c_str(), 0700);
      std::signal(SIGPIPE, SIG_IGN);  // as the program has it
    }

    std::string run(std::string_view summary, milliseconds patience = 20s) {
      std::fflush(stderr);
      const FileDescriptor kept{::dup(2)};
      {
        const FileDescriptor log{
            ::open((dir / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
        ::dup2(log.get(), 2);
      }
      cli::Globals globals;
      cli::Console console{globals};
      cli::run_hook(console, dir / "hook.sh", dir, summary, 75, patience);
      ::dup2(kept.get(), 2);
      return read("log");
    }
    std::string read(const char* name) const {
      return read_file(dir / name, 1 << 26, Errc::no_input).value();
    }

   private:
    support::TempFolder folder_;

   public:
    const std::filesystem::path& dir = folder_.path;
  };

  }  // namespace

  TEST_CASE("on_finish: gets its summary whole and in its folder and its words become log lines") {
    Place place{"#!/bin/sh\ncat >got; echo said; echo \"exit $CARDVOID_EXIT_CODE\" >&2; printf unended\n"};
    const std::string summary(300'000, 'x');  // more than a pipe holds
    const auto log = place.run(summary);
    CHECK(place.read("got") == summary);
    CHECK(log == "on_finish: said\non_finish: exit 75\non_finish: unended\n");
  }

  TEST_CASE("on_finish: has the proxy of the environment and not its login") {
    const std::map<std::string, std::string> given{{"HTTPS_PROXY", "http://me:s3cret@proxy.example:3128"},
                                                   {"https_proxy", "me:s3cr@et@proxy.example:3128"},
                                                   {"ALL_PROXY", "socks5://me:s3/cret@proxy.example:1080/"},
                                                   {"NO_PROXY", "a@b"},
                                                   {"HTTP_PROXY", "http://proxy.example:3128"},
                                                   {"CARDVOID_SET",
                                                    "limits.requests_per_second=2 "
                                                    "endpoints.proxy=http://me:s3@p:1"},
                                                   {"OTHER", "http://me:mine@host"}};
    for (const auto& [name, value] : given) ::setenv(name.c_str(), value.c_str(), 1);
    Place place{"#!/bin/sh\nenv >got\n"};
    CHECK(place.run("") == "");
    for (const auto& [name, value] : given) ::unsetenv(name.c_str());
    const auto got = "\n" + place.read("got");
    CHECK(got.find("s3") == std::string::npos);
    for (const char* line : {"HTTPS_PROXY=http://proxy.example:3128", "https_proxy=proxy.example:3128",
                             "ALL_PROXY=socks5://proxy.example:1080/", "HTTP_PROXY=http://proxy.example:3128",
                             "CARDVOID_SET=limits.requests_per_second=2 endpoints.proxy=http://p:1",
                             "OTHER=http://me:mine@host"})
      CHECK_MESSAGE(got.find(fmt::format("\n{}\n", line)) != std::string::npos, line);
  }

  TEST_CASE("on_finish: one that does not read is no broken pipe to us") {
    Place place{"#!/bin/sh\nexec 0<&-\nexit 0\n"};
    CHECK(place.run(std::string(300'000, 'x')) == "");
  }

  TEST_CASE("on_finish: one that hangs is ended with what it has started") {
    Place place{"#!/bin/sh\ntrap '' TERM\nsleep 300 &\necho $! >child\nwait\nsleep 300\n"};
    const auto begun = std::chrono::steady_clock::now();
    const auto log = place.run("{}", 300ms);
    CHECK(std::chrono::steady_clock::now() - begun < 15s);
    CHECK(log.find("did not end within 300ms and was ended") != std::string::npos);
    // The kernel takes a moment to end a process. A descriptor of it becomes readable then; there is none of
    // one that is gone.
    const FileDescriptor child{
        static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(place.read("child")), 0))};
    pollfd end{child.get(), POLLIN, 0};
    CHECK((!child || ::poll(&end, 1, 20'000) == 1));
  }

  TEST_CASE("on_finish: one that leaves somebody behind who holds its output is not waited for") {
    Place place{"#!/bin/sh\nsleep 30 &\necho $! >child\necho done\n"};
    const auto begun = std::chrono::steady_clock::now();
    CHECK(place.run("{}") == "on_finish: done\n");
    CHECK(std::chrono::steady_clock::now() - begun < 10s);
    ::kill(std::stoi(place.read("child")), SIGKILL);
  }

  TEST_CASE("on_finish: one that never falls silent is ended in time and fills no disk") {
    Place place{"#!/bin/sh\nexec yes\n"};
    auto begun = std::chrono::steady_clock::now();
    const auto log = place.run("{}", 300ms);
    CHECK(std::chrono::steady_clock::now() - begun < 10s);
    CHECK(std::count(log.begin(), log.end(), '\n') < 110);
    CHECK(log.find(" more lines are left out") != std::string::npos);
    CHECK(log.find("did not end within 300ms and was ended") != std::string::npos);

    Place leaves{"#!/bin/sh\nyes &\necho $! >child\n"};
    begun = std::chrono::steady_clock::now();
    leaves.run("{}");
    CHECK(std::chrono::steady_clock::now() - begun < 10s);
    ::kill(std::stoi(leaves.read("child")), SIGKILL);
  }

  TEST_CASE("on_finish: one that fails is a warning that says how") {
    CHECK(Place{"#!/bin/sh\nexit 3\n"}.run("{}").find("ended with exit code 3; the job's exit code stays") !=
          std::string::npos);
    CHECK(Place{"#!/bin/sh\nkill -9 $$\n"}.run("{}").find("was ended by SIGKILL") != std::string::npos);
    CHECK(Place{"echo no interpreter\n"}.run("{}").find("#!/bin/sh?") != std::string::npos);
    const auto no_shell = Place{"#!/no/such/shell\n"}.run("{}");
    CHECK(no_shell.find("cannot be started: No such file") != std::string::npos);
    CHECK(no_shell.find("names an interpreter that is not there, \"/no/such/shell\"") != std::string::npos);
    const auto windows = Place{"#!/bin/sh\r\ntrue\r\n"}.run("{}");
    CHECK(windows.find("it has Windows line endings, and \"/bin/sh\" with one is no interpreter") !=
          std::string::npos);
  }

  TEST_CASE("on_finish: what it writes without end is cut into lines") {
    Place place{"#!/bin/sh\nhead -c 5000 /dev/zero | tr '\\0' a\n"};
    const auto log = place.run("{}");
    CHECK(log.size() > 5000);
    CHECK(log.find(std::string(2001, 'a')) == std::string::npos);
  }
}
