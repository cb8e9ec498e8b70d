#include "globals.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "command.hpp"

namespace cardvoid::cli {

namespace {

// The lower-case name goes first, as with curl.
std::string from_environment(const char* lower, const char* upper) {
  for (const char* name : {lower, upper})
    if (const char* value = std::getenv(name); value && *value) return value;
  return {};
}

}  // namespace

std::vector<Flag> global_flags(Globals& globals) {
  using report::ProgressMode;
  return {
      {.name = "--set",
       .value = "KEY=VALUE",
       .help = "Override a key of the job file, such as limits.requests_per_second=2; repeatable",
       .repeatable = true,
       .set = into(globals.overrides.set)},
      {.name = "--results",
       .value = "FILE",
       .help = "Use this results database, not the job's",
       .kind = ValueKind::file,
       .set = into(globals.overrides.results_database)},
      choice("--progress", "MODE", "How a run shows its progress on standard error", globals.progress,
             {{"auto", ProgressMode::automatic},
              {"live", ProgressMode::live},
              {"plain", ProgressMode::plain},
              {"json", ProgressMode::json},
              {"none", ProgressMode::none}}),
      choice("--log-level", "LEVEL", "What to log (debug: each request too)", globals.log_level,
             {{"error", LogLevel::error},
              {"warning", LogLevel::warning},
              {"info", LogLevel::info},
              {"debug", LogLevel::debug}}),
      choice("--log-format", "FORMAT", "How to log on standard error", globals.log_json,
             {{"text", false}, {"json", true}}),
      {.name = "--json",
       .help = "Print the command's answer as JSON on standard output",
       .is_on = &globals.json},
      {.name = "--no-color",
       .help = "No colours; NO_COLOR in the environment says the same",
       .is_on = &globals.no_color},
      {.name = "--quiet",
       .letter = 'q',
       .help = "No progress, and no output when all is well",
       .is_on = &globals.quiet},
      {.name = "--version", .help = "Same as `cardvoid version`", .is_on = &globals.version},
      {.name = "--help", .letter = 'h', .help = "Same as `cardvoid help COMMAND`", .is_on = &globals.help},
  };
}

bool has_colour(const Globals& globals, int fd) {
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return !globals.no_color && !(no_colour && *no_colour) && terminal &&
         std::string_view{terminal} != "dumb" && ::isatty(fd);
}

bool has_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* locale = std::getenv(name); locale && *locale)
      return ::strcasestr(locale, "UTF-8") || ::strcasestr(locale, "UTF8");
  return false;
}

void read_environment(Globals& globals) {
  globals.overrides.https_proxy = from_environment("https_proxy", "HTTPS_PROXY");
  globals.overrides.no_proxy = from_environment("no_proxy", "NO_PROXY");
}

Result<model::Job> load_job(const Globals& globals, const std::filesystem::path& file, bool accept_damage) {
  auto overrides = globals.overrides;
  overrides.accept_damage = accept_damage;
  return job::load(file, overrides);
}

}  // namespace cardvoid::cli
