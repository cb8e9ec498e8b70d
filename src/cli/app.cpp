#include <fmt/format.h>

#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/cli/app.hpp>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "console.hpp"
#include "parse.hpp"
#include "process.hpp"
#include "service_manager.hpp"

namespace cardvoid::cli {

namespace {

std::string_view value_of(std::string_view flag, const char* variable, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    if (word == flag && i + 1 < argc) return argv[i + 1];
    if (word.starts_with(flag) && word.substr(flag.size()).starts_with('='))
      return word.substr(flag.size() + 1);
  }
  const char* const value = std::getenv(variable);
  return value ? value : "";
}

// What a message depends on before the command line is read, and when it cannot be.
void look_ahead(Globals& globals, int argc, const char* const* argv) {
  read_environment(globals);
  globals.log_json = value_of("--log-format", "CARDVOID_LOG_FORMAT", argc, argv) == "json";
  const auto lang = value_of("--lang", "CARDVOID_LANG", argc, argv);
  if (lang == "zh") globals.lang = Language::chinese;
  if (lang == "en") globals.lang = Language::english;
}
}  // namespace

int run(int argc, const char* const* argv) {
  prepare_process();
  ServiceManager::get();
  Globals unread;
  look_ahead(unread, argc, argv);
  speak(unread.lang, own_catalogues());
  Console before_parsing{unread};
  try {
    Globals globals;
    const auto call = parse(argc, argv, globals);
    if (!call) return before_parsing.fail(call.error());
    if (globals.json || globals.log_json || globals.progress == report::ProgressMode::json)
      speak(Language::english, {});  // programs read it
    Console console{globals};
    for (const auto& [variable, meant] : mistyped_variables())
      console.log(LogLevel::warning,
                  tr("{}: there is no such variable, and it does nothing; did you mean {}?",
                     escape_for_terminal(variable), meant));
    int exit_code = call->run(console);
    // Work that was done keeps its code when its reader has left, and what ended otherwise keeps its own.
    if (console.has_reader_left()) {
      if (exit_code == static_cast<int>(Errc::io)) end_by_broken_pipe();
    } else if (console.has_lost_answer() && exit_code <= 1) {
      exit_code = static_cast<int>(Errc::io);
    }
    if (exit_code != 0) console.say_held_back();
    return exit_code;
  } catch (const std::exception& bug) {
    return before_parsing.fail(internal_error(bug));
  }
}

}  // namespace cardvoid::cli
