#pragma once
// Words to the service manager that started us (sd_notify(3)): systemd, where the unit says Type=notify. The
// protocol is a datagram of NAME=VALUE lines, promised to stay as it is, so no library is needed for it.

#include <cardvoid/base/file.hpp>
#include <cardvoid/base/time.hpp>
#include <mutex>
#include <string>
#include <string_view>

namespace cardvoid::cli {

// Is this stream of ours journald's, by JOURNAL_STREAM (systemd.exec(5))? It stamps every line itself.
bool goes_to_journal(int fd);

// Thread-safe. Without a service manager, or when it does not listen, everything does nothing.
class ServiceManager {
 public:
  // The one of this process. The first call takes its variables out of the environment, so that no program
  // that we start speaks in our name: call it before any thread is there.
  static ServiceManager& get();

  bool is_there() const { return static_cast<bool>(socket_); }
  void ready();  // what comes before may take as long as it wants
  // Called several times a second by what is alive; speaks when half of the watchdog's time has passed.
  void alive();
  void status(std::string_view text);
  void stopping();

 private:
  ServiceManager();
  void tell(std::string_view lines);

  FileDescriptor socket_;  // connected
  std::chrono::microseconds watchdog_{0};
  std::mutex mutex_;  // guards next_ping_
  Instant next_ping_{};
  bool ready_ = false, stopping_ = false;
};

}  // namespace cardvoid::cli
