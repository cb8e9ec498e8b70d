#include <cardvoid/cli/app.hpp>
#include <exception>
#include <string_view>

#include "console.hpp"
#include "parse.hpp"
#include "process.hpp"
#include "service_manager.hpp"

namespace cardvoid::cli {

namespace {

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
  prepare_process();
  ServiceManager::get();
  Globals unread;
  unread.log_json = wants_json_log(argc, argv);
  Console before_parsing{unread};
  try {
    Globals globals;
    const auto call = parse(argc, argv, globals);
    if (!call) return before_parsing.fail(call.error());
    Console console{globals};
    int exit_code = call->run(console);
    // Work that ended otherwise keeps its own code.
    if (console.has_lost_answer() && exit_code <= 1) exit_code = static_cast<int>(Errc::io);
    if (exit_code != 0) console.say_held_back();
    return exit_code;
  } catch (const std::exception& bug) {
    return before_parsing.fail(internal_error(bug));
  }
}

}  // namespace cardvoid::cli
