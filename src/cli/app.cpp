#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fmt/format.h>
#include <algorithm>
#include <cardvoid/cli/app.hpp>
#include <csignal>
#include <exception>
#include <string_view>

#include "console.hpp"
#include "parse.hpp"
#include "service_manager.hpp"

namespace cardvoid::cli {

namespace {

// Keys and openids stay out of core dumps, and files with personal data belong to this user alone.
void harden_process() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__  // its leak check must be able to look at the process
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  ::umask(077);
  // Every request in flight or prepared has a connection of its own.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 65'536);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its size limit is an error to report, not a reason to die
}

// For the message about a command line that cannot be read.
bool wants_json_log(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    if (word == "--log-format=json") return true;
    if (word == "--log-format" && i + 1 < argc) return std::string_view{argv[i + 1]} == "json";
  }
  return false;
}
}  // namespace

int run(int argc, const char* const* argv) {
  harden_process();
  ServiceManager::get();
  Globals unread;
  unread.log_json = wants_json_log(argc, argv);
  Console before_parsing{unread};
  try {
    Globals globals;
    const auto call = parse(argc, argv, globals);
    if (!call) return before_parsing.fail(call.error());
    Console console{globals};
    const int exit_code = call->run(console);
    if (exit_code != 0) console.say_held_back();
    return exit_code;
  } catch (const std::exception& bug) {
    return before_parsing.fail(internal_error(bug));
  }
}

}  // namespace cardvoid::cli
