#include "support/program.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "support/temp_folder.hpp"

extern char** environ;

namespace cardvoid::support {

namespace {

using namespace std::chrono_literals;

struct Pipe {
  FileDescriptor read, write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"pipe2"};
  return {FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
}

// The XDG_STATE_HOME of every program that this process starts: runs share their pace through files in there.
const std::filesystem::path& state_folder() {
  static const TempFolder folder;
  return folder.path;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** each = environ; *each; ++each) {
    const std::string_view entry{*each};
    if (!added.contains(std::string{entry.substr(0, entry.find('='))})) all.emplace_back(entry);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // it does not want to read more
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace

void Circumstances::set_asan_option(const std::string& option) {
  const char* ours = std::getenv("ASAN_OPTIONS");
  environment["ASAN_OPTIONS"] = (ours ? std::string{ours} + ":" : "") + option;
}

Program::Program(std::vector<std::string> arguments, Circumstances circumstances) {
  arguments.insert(arguments.begin(), CARDVOID_BINARY);
  circumstances.environment.try_emplace("XDG_STATE_HOME", state_folder().string());
  auto environment = environment_with(circumstances.environment);
  const auto argv = pointers(arguments), envp = pointers(environment);
  const auto folder = circumstances.folder.string();
  std::signal(SIGPIPE, SIG_IGN);

  FileDescriptor slave;
  Pipe in, out, err;
  if (circumstances.on_terminal) {
    int master = -1, other_end = -1;
    winsize size{};
    size.ws_row = 30, size.ws_col = 100;
    if (::openpty(&master, &other_end, nullptr, nullptr, &size) != 0) throw std::runtime_error{"openpty"};
    terminal_ = FileDescriptor{master}, slave = FileDescriptor{other_end};
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
  } else {
    in = make_pipe(), out = make_pipe(), err = make_pipe();
  }
  const auto error_to = circumstances.error_to;
  const rlimit file_size{circumstances.file_size_limit_bytes.value_or(RLIM_INFINITY),
                         circumstances.file_size_limit_bytes.value_or(RLIM_INFINITY)};
  const auto most_files = circumstances.open_files_limit.value_or(RLIM_INFINITY);
  const rlimit open_files{most_files, most_files};
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error{"fork"};
  if (pid_ == 0) {  // only async-signal-safe calls from here
    if (slave) ::setsid(), ::ioctl(slave.get(), TIOCSCTTY, 0);
    ::dup2(slave ? slave.get() : in.read.get(), 0);
    ::dup2(slave ? slave.get() : out.write.get(), 1);
    ::dup2(slave ? slave.get() : err.write.get(), 2);
    if (!error_to.empty()) ::dup2(::open(error_to.c_str(), O_WRONLY), 2);
    ::close_range(3, ~0U, 0);  // Asio's sockets would be inherited, and a sandbox could not stop listening
    for (const int stream : circumstances.closed_streams) ::close(stream);
    if (circumstances.umask) ::umask(*circumstances.umask);
    for (const auto& [what, soft] : circumstances.soft_limits) {
      rlimit limit{};
      ::getrlimit(static_cast<__rlimit_resource_t>(what), &limit);
      limit.rlim_cur = soft;
      ::setrlimit(static_cast<__rlimit_resource_t>(what), &limit);
    }
    ::signal(SIGPIPE, SIG_DFL);
    if (file_size.rlim_cur != RLIM_INFINITY) ::setrlimit(RLIMIT_FSIZE, &file_size);
    if (most_files != RLIM_INFINITY) ::setrlimit(RLIMIT_NOFILE, &open_files);
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  if (slave) {
    out_reader_ = std::thread{[this] { collect(terminal_.get(), out_); }};
    return;
  }
  out_pipe_ = std::move(out.read), err_pipe_ = std::move(err.read);
  out_reader_ = std::thread{[this] { collect(out_pipe_.get(), out_); }};
  err_reader_ = std::thread{[this] { collect(err_pipe_.get(), err_); }};
  if (circumstances.keeps_input_open) {
    in_pipe_ = std::move(in.write);
    write_all(in_pipe_.get(), circumstances.standard_input);  // must fit into the pipe
    return;
  }
  in_writer_ = std::thread{[end = std::move(in.write), text = std::move(circumstances.standard_input)] {
    write_all(end.get(), text);
  }};
}

Program::~Program() {
  if (!poll_status(false)) {
    ::kill(pid_, SIGKILL);
    poll_status(true);
  }
  for (auto* thread : {&out_reader_, &err_reader_, &in_writer_})
    if (thread->joinable()) thread->join();
}

void Program::collect(int fd, std::string& into) {
  char buffer[4096];
  for (;;) {
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // a terminal whose other end is closed says EIO
    const std::lock_guard lock{mutex_};
    into.append(buffer, static_cast<std::size_t>(got));
    more_.notify_all();
  }
}

std::optional<int> Program::poll_status(bool block) {
  if (status_) return status_;
  int status = 0;
  if (::waitpid(pid_, &status, block ? 0 : WNOHANG) == pid_) status_ = status;
  return status_;
}

void Program::send_signal(int number) { ::kill(pid_, number); }
void Program::type(std::string_view text) { write_all(terminal_.get(), text); }

std::string Program::said() {
  const std::lock_guard lock{mutex_};
  return out_ + err_;
}

void Program::wait_for_words(std::string_view words) {
  std::unique_lock lock{mutex_};
  const bool came = more_.wait_for(lock, 10s, [&] {
    return out_.find(words) != std::string::npos || err_.find(words) != std::string::npos;
  });
  INFO("waited for: ", std::string{words}, "\nsaid: ", out_, err_);
  REQUIRE(came);
}

bool Program::ends_within(std::chrono::milliseconds patience) {
  // A descriptor that becomes readable when the process ends: waits without polling.
  const FileDescriptor life{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
  pollfd event{life.get(), POLLIN, 0};
  return status_ || ::poll(&event, 1, static_cast<int>(patience.count())) == 1;
}

Ended Program::wait(std::chrono::seconds patience) {
  const bool in_time = ends_within(patience);
  if (!in_time) ::kill(pid_, SIGKILL);
  const int status = poll_status(true).value_or(0);
  for (auto* thread : {&out_reader_, &err_reader_, &in_writer_})
    if (thread->joinable()) thread->join();
  Ended ended;
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  ended.out = out_, ended.err = err_;
  INFO("it did not end in time; said: ", out_, err_);
  REQUIRE(in_time);
  return ended;
}

Ended run(std::vector<std::string> arguments, Circumstances circumstances) {
  return Program{std::move(arguments), std::move(circumstances)}.wait();
}

}  // namespace cardvoid::support
