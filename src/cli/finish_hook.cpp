#include "finish_hook.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "interrupt.hpp"
#include "process.hpp"
#include "proxy_login.hpp"
#include "service_manager.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;
constexpr auto k_beat = 250ms;
constexpr auto k_grace = 5s;  // between SIGTERM and SIGKILL
constexpr std::size_t k_longest_line = 2000;
constexpr int k_most_lines = 100;  // so that a program that prints without end cannot fill a disk
constexpr int k_most_reads = 16;   // at a time: as much as a pipe holds, then the clock is looked at again

struct Pipe {
  FileDescriptor read, write;
};

std::optional<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
}

void make_nonblocking(const FileDescriptor& fd) { ::fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

// As it goes to the hook: HTTPS_PROXY and the like, and CARDVOID_SET, without a login.
std::string for_the_hook(std::string_view variable) {
  const auto end = variable.find('=');
  if (end == std::string_view::npos) return std::string{variable};
  const auto name = variable.substr(0, end), value = variable.substr(end + 1);
  constexpr std::string_view k_ending = "_proxy";
  const bool is_proxy =
      name.size() > k_ending.size() &&
      ::strncasecmp(name.data() + name.size() - k_ending.size(), k_ending.data(), k_ending.size()) == 0;
  const auto shown = is_proxy                 ? without_login(value)
                     : name == "CARDVOID_SET" ? without_proxy_login(value)
                                              : std::string{value};
  return fmt::format("{}={}", name, shown);
}

// Why the system does not start a program that is there and may be executed.
std::string words_for_start(int error, const std::string& program) {
  const auto head = read_start(program, 256);  // an interpreter's line is no longer (man 2 execve)
  const auto line = std::string_view{head}.substr(0, head.find('\n'));
  const bool is_script = line.starts_with("#!");
  if (is_script && line.ends_with('\r'))
    return tr(
        "{}: it has Windows line endings, and \"{}\" with one is no interpreter; convert it: sed -i "
        "'s/\\r$//' {}",
        system_words(error), escape_for_terminal(line.substr(2, line.size() - 3)), program);
  if (is_script && error == ENOENT)
    return tr("{}: its first line names an interpreter that is not there, \"{}\"", system_words(error),
              escape_for_terminal(line.substr(2)));
  if (error == ENOEXEC)
    return tr("{}; does its first line name an interpreter, #!/bin/sh?", system_words(error));
  return system_words(error);
}

// Our own ends of the pipes must not block us, and ours only: theirs are other descriptions.
class Hook {
 public:
  Hook(Console& console, std::string name) : console_{console}, name_{std::move(name)} {}
  void start(const std::filesystem::path& program, const std::filesystem::path& folder, int exit_code);
  void attend(std::string_view summary, milliseconds patience);

 private:
  void feed(std::string_view& left);
  void listen();
  void say_lines(bool is_end);
  void signal_group(int number);
  void warn(const std::string& what) {
    console_.log(LogLevel::warning, tr("on_finish: {} {}; the job's exit code stays as it is", name_, what));
  }

  Console& console_;
  std::string name_;
  pid_t pid_ = -1;
  FileDescriptor to_, from_, life_;
  std::string words_;
  int lines_ = 0;
};

// posix_spawn, since it goes without copying us and reports why a program cannot be started.
void Hook::start(const std::filesystem::path& program, const std::filesystem::path& folder, int exit_code) {
  auto in = make_pipe(), out = make_pipe();
  if (!in || !out) return warn(tr("cannot be started: {}", system_words(errno)));
  std::vector<std::string> variables;
  for (char** each = environ; *each; ++each)
    if (!std::string_view{*each}.starts_with("CARDVOID_EXIT_CODE=")) variables.push_back(for_the_hook(*each));
  variables.push_back(fmt::format("CARDVOID_EXIT_CODE={}", exit_code));
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  auto path = program.string();
  char* arguments[] = {path.data(), nullptr};

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, in->read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out->write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out->write.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  ::posix_spawn_file_actions_addchdir_np(&files, folder.c_str());
  posix_spawnattr_t how;
  ::posix_spawnattr_init(&how);
  const auto ignored_by_us = ignored_signals();
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&how, &ignored_by_us);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setpgroup(&how, 0);  // so that what it starts can be ended with it
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const int error = [&] {
    const CallersRights given_back;
    return ::posix_spawn(&pid_, path.c_str(), &files, &how, arguments, environment.data());
  }();
  ::posix_spawnattr_destroy(&how);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    pid_ = -1;
    return warn(tr("cannot be started: {}", words_for_start(error, path)));
  }
  to_ = std::move(in->write), from_ = std::move(out->read);
  make_nonblocking(to_), make_nonblocking(from_);
  life_ = FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
}

void Hook::feed(std::string_view& left) {
  while (!left.empty()) {
    const auto put = ::write(to_.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put <= 0) break;  // it does not want to read (more)
    left.remove_prefix(static_cast<std::size_t>(put));
  }
  left = {};
  to_ = FileDescriptor{};  // its end of file
}

void Hook::listen() {
  char buffer[4096];
  for (int i = 0; from_ && i < k_most_reads; ++i) {
    const auto got = ::read(from_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) {
      from_ = FileDescriptor{};
      return;
    }
    words_.append(buffer, static_cast<std::size_t>(got));
    say_lines(false);
  }
}

void Hook::say_lines(bool is_end) {
  for (;;) {
    auto length = words_.find('\n');
    const bool is_whole = length != std::string::npos;
    if (!is_whole && words_.size() < k_longest_line && !(is_end && !words_.empty())) return;
    length = std::min({length, words_.size(), k_longest_line});
    if (lines_++ < k_most_lines)
      console_.log(LogLevel::info, fmt::format("on_finish: {}", std::string_view{words_}.substr(0, length)));
    words_.erase(0, length + (length < words_.size() && words_[length] == '\n'));
  }
}

void Hook::signal_group(int number) {
  ::kill(-pid_, number);
  ::kill(pid_, number);  // should it have left its group
}

void Hook::attend(std::string_view summary, milliseconds patience) {
  if (pid_ < 0) return;
  using Clock = std::chrono::steady_clock;
  const auto begun = Clock::now();
  std::optional<Clock::time_point> ended_by_us;
  int status = 0;
  for (bool killed = false;;) {
    pollfd events[] = {{life_.get(), POLLIN, 0}, {from_.get(), POLLIN, 0}, {to_.get(), POLLOUT, 0}};
    ::poll(events, 3, static_cast<int>(milliseconds{k_beat}.count()));
    ServiceManager::get().alive();
    if (to_) feed(summary);
    listen();
    if (::waitpid(pid_, &status, WNOHANG) == pid_) break;
    const auto now = Clock::now();
    if (!ended_by_us && (now - begun >= patience || Interrupt::has_come())) {
      ended_by_us = now;
      signal_group(SIGTERM);
    } else if (ended_by_us && !killed && now - *ended_by_us >= k_grace) {
      killed = true;
      signal_group(SIGKILL);
    }
  }
  listen();  // its last lines; programs that it has started may go on, but no one reads them
  say_lines(true);
  if (lines_ > k_most_lines)
    console_.log(LogLevel::info, tr_n(lines_ - k_most_lines, "on_finish: {} more line is left out",
                                      "on_finish: {} more lines are left out"));
  if (ended_by_us) {
    ::kill(-pid_, SIGKILL);  // what has ignored SIGTERM
    return warn(Interrupt::has_come() ? tr("was ended by the signal")
                                      : tr("did not end within {} and was ended", spoken_duration(patience)));
  }
  if (WIFSIGNALED(status)) return warn(tr("was ended by SIG{}", ::sigabbrev_np(WTERMSIG(status))));
  if (WEXITSTATUS(status) != 0) warn(tr("ended with exit code {}", WEXITSTATUS(status)));
}

}  // namespace

Result<void> check_hook(const std::filesystem::path& program) {
  struct stat facts {};
  if (::stat(program.c_str(), &facts) != 0)
    return Error{Errc::no_input,
                 tr("results.on_finish: {}: {}; expected the path of a program, without arguments",
                    program.string(), system_words(errno))};
  if (!S_ISREG(facts.st_mode) || ::access(program.c_str(), X_OK) != 0)
    return Error{Errc::bad_job,
                 tr("results.on_finish: {}: {}; expected a program that may be executed (chmod +x)",
                    program.string(), S_ISREG(facts.st_mode) ? system_words(errno) : tr("is no file"))};
  if (const auto fault = why_others_decide(program, facts); !fault.empty())
    return Error{Errc::bad_job, tr("results.on_finish: {}: {}; no one else may decide what this user runs",
                                   program.string(), fault)};
  return {};
}

void run_hook(Console& console, const std::filesystem::path& program, const std::filesystem::path& folder,
              std::string_view summary, int exit_code, milliseconds patience) {
  const Interrupt interrupt;  // but it: the run is over, and its exit code stands
  Hook hook{console, program.string()};
  std::error_code ignored;
  hook.start(std::filesystem::absolute(program, ignored),
             folder.empty() ? "." : std::filesystem::absolute(folder, ignored), exit_code);
  hook.attend(summary, patience);
}

}  // namespace cardvoid::cli
