#include "process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/error.hpp>
#include <cstdlib>
#include <optional>

namespace cardvoid::cli {

namespace {

constexpr int k_ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM};

// As prepare_process() found them; nothing in a test that has not called it.
struct Callers {
  mode_t umask;
  rlimit core, files;
};
std::optional<Callers> callers;

// The lowest free number is given out first, so each call fills the gap that it found. Opened the wrong way
// round: reading from 0 and writing to 1 and 2 fail with EBADF.
void reserve_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened < 0) opened = ::open("/", O_PATH);  // in a chroot without devices
    if (opened != fd) std::_Exit(static_cast<int>(Errc::io));
  }
}

void set_soft_limit(int what, rlimit limit, rlim_t soft) {
  limit.rlim_cur = soft;  // the hard one stays, so that the caller's can be set again
  ::setrlimit(static_cast<__rlimit_resource_t>(what), &limit);
}

}  // namespace

sigset_t ignored_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : k_ignored) sigaddset(&set, signal);
  return set;
}

void prepare_process() {
  reserve_standard_streams();
  Callers found{::umask(077), {}, {}};
  ::getrlimit(RLIMIT_CORE, &found.core);
  ::getrlimit(RLIMIT_NOFILE, &found.files);
  callers = found;
  // Keys and openids stay out of core dumps.
  set_soft_limit(RLIMIT_CORE, found.core, 0);
#ifndef __SANITIZE_ADDRESS__  // its leak check must be able to look at the process
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  // Every request in flight or prepared has a connection of its own.
  constexpr rlim_t k_most_files = 65'536;
  if (found.files.rlim_cur < found.files.rlim_max)
    set_soft_limit(RLIMIT_NOFILE, found.files, std::min(found.files.rlim_max, k_most_files));
  for (const int signal : k_ignored) std::signal(signal, SIG_IGN);
}

void end_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

CallersRights::CallersRights() : our_umask_{::umask(callers ? callers->umask : 077)} {
  ::getrlimit(RLIMIT_CORE, &our_core_);
  ::getrlimit(RLIMIT_NOFILE, &our_files_);
  if (!callers) return;
  ::setrlimit(RLIMIT_CORE, &callers->core);
  ::setrlimit(RLIMIT_NOFILE, &callers->files);
}

CallersRights::~CallersRights() {
  ::umask(our_umask_);
  ::setrlimit(RLIMIT_CORE, &our_core_);
  ::setrlimit(RLIMIT_NOFILE, &our_files_);
}

}  // namespace cardvoid::cli
