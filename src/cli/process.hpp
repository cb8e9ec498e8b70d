#pragma once
// What this process is to the system: its standard streams, rights, limits and signals.

#include <sys/resource.h>
#include <sys/types.h>

#include <csignal>

namespace cardvoid::cli {

// The very first thing, before any file is opened. Reserves the descriptors 0 to 2 where the caller has
// closed them: using them fails as before, but no file of ours gets their number. Then: no core dumps, no
// look from outside, files for this user alone, as many descriptors as allowed, and the signals of
// ignored_signals().
void prepare_process();

// Signals that would end us and do not: a stream or file that takes no more is an error to report (PIPE,
// XFSZ), and some people ask programs how they stand with USR1, which a run under way answers.
sigset_t ignored_signals();

// Ends the process as a pipe without a reader ends any other program. Returns where the caller blocks
// SIGPIPE.
void end_by_broken_pipe();

// While it lives, this process has the umask and the limits that its caller has given it, for a program that
// is started then. No other thread may make files meanwhile.
class CallersRights {
 public:
  CallersRights();
  CallersRights(const CallersRights&) = delete;
  CallersRights& operator=(const CallersRights&) = delete;
  ~CallersRights();

 private:
  mode_t our_umask_;
  rlimit our_core_{}, our_files_{};
};

}  // namespace cardvoid::cli
