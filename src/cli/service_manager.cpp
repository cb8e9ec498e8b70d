#include "service_manager.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cardvoid/base/text.hpp>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace cardvoid::cli {

namespace {

std::string taken_from_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value ? value : "";
  ::unsetenv(name);
  return text;
}

template <class Number>
Number number_in(const std::string& text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

// A path, or with '@' in front a name in the abstract namespace (unix(7)).
FileDescriptor connect_to(const std::string& name) {
  sockaddr_un address{};
  if (name.size() < 2 || name.size() >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@'))
    return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  FileDescriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return {};
  return socket;
}

}  // namespace

bool goes_to_journal(int fd) {
  const char* const stream = std::getenv("JOURNAL_STREAM");  // "device:inode"
  struct stat state {};
  return stream && ::fstat(fd, &state) == 0 &&
         std::to_string(state.st_dev) + ":" + std::to_string(state.st_ino) == stream;
}

ServiceManager& ServiceManager::get() {
  static ServiceManager one;
  return one;
}

ServiceManager::ServiceManager() {
  const auto name = taken_from_environment("NOTIFY_SOCKET");
  const auto microseconds = number_in<std::int64_t>(taken_from_environment("WATCHDOG_USEC"));
  const auto pid = taken_from_environment("WATCHDOG_PID");
  if (!name.empty()) socket_ = connect_to(name);
  if (pid.empty() || number_in<pid_t>(pid) == ::getpid()) watchdog_ = std::chrono::microseconds{microseconds};
}

void ServiceManager::tell(std::string_view lines) {
  // Full or gone: what it misses is said again soon, and it is no reason to wait.
  if (socket_) (void)::send(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void ServiceManager::ready() {
  if (std::exchange(ready_, true)) return;
  tell("READY=1");
}

void ServiceManager::alive() {
  if (!socket_ || watchdog_.count() <= 0) return;
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock{mutex_};
    if (now < next_ping_) return;
    next_ping_ = now + watchdog_ / 2;
  }
  tell("WATCHDOG=1");
}

void ServiceManager::status(std::string_view text) {
  if (socket_) tell("STATUS=" + escape_for_terminal(text));  // a line break would end it
}

void ServiceManager::stopping() {
  if (std::exchange(stopping_, true)) return;
  tell("STOPPING=1");
}

}  // namespace cardvoid::cli
