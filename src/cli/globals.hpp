#pragma once
// The flags that every command has.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/language.hpp>
#include <cardvoid/job/load.hpp>
#include <cardvoid/report/progress_mode.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace cardvoid::cli {

enum class LogLevel { error, warning, info, debug };

struct Globals {
  std::vector<std::string>
      words;            // the command line as it was typed, behind the program's name; no codes, no openids
  std::string command;  // the name of the one that is called; empty before it is known
  // --set and --results, and the proxy of the environment.
  job::Overrides overrides;
  report::ProgressMode progress = report::ProgressMode::automatic;
  LogLevel log_level = LogLevel::info;
  Language lang = Language::english;  // of what people read; `auto` is resolved here
  bool is_lang_named = false;         // by --lang, and not taken from the locale
  bool log_json = false, json = false, quiet = false;
  bool no_color = false;
  bool help = false, version = false;
};

struct Flag;
std::vector<Flag> global_flags(Globals& globals);

// "CARDVOID_LOG_LEVEL" for "--log-level"; empty for --help and --version, which the environment cannot give.
std::string variable_of(const Flag& flag);

// What the environment says of a terminal: NO_COLOR (no-color.org) and TERM; LC_ALL, LC_CTYPE or LANG.
bool has_colour(const Globals& globals, int fd);
bool has_utf8();

// From HTTPS_PROXY and NO_PROXY, and the language of the locale. The variables of the global flags are taken
// with the flags themselves (parse.hpp).
void read_environment(Globals& globals);

// Variables of the environment whose names are nearly those of global flags, with the name that is meant
// each: "CARDVOID_LANGUAGE", "CARDVOID_LANG". They do nothing.
std::vector<std::pair<std::string, std::string>> mistyped_variables();

// The job file, with what the global flags change. `accept_damage`: of plan and run.
Result<model::Job> load_job(const Globals& globals, const std::filesystem::path& file,
                            bool accept_damage = false);

}  // namespace cardvoid::cli
