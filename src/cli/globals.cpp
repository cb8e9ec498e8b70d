#include "globals.hpp"

#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
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

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

Language language_of_environment() {
  return language_of({.lc_all = environment("LC_ALL"),
                      .lc_messages = environment("LC_MESSAGES"),
                      .lang = environment("LANG"),
                      .language = environment("LANGUAGE")});
}

Flag log_level(Globals& globals) {
  auto flag =
      choice("--log-level", "LEVEL", translatable("What to log (debug: each request too)"), globals.log_level,
             {{"error", LogLevel::error},
              {"warning", LogLevel::warning},
              {"info", LogLevel::info},
              {"debug", LogLevel::debug}});
  flag.excludes = "--verbose";
  return flag;
}

}  // namespace

std::vector<Flag> global_flags(Globals& globals) {
  using report::ProgressMode;
  return {
      {.name = "--lang",
       .value = "LANGUAGE",
       .help = translatable("Of what people read; auto follows LC_ALL, LC_MESSAGES, LANG and LANGUAGE"),
       .choices = {"auto", "en", "zh"},
       .set = [&globals](const std::string& word) -> Result<void> {
         globals.is_lang_named = word != "auto";
         globals.lang = word == "auto" ? language_of_environment()
                        : word == "zh" ? Language::chinese
                                       : Language::english;
         return {};
       }},
      {.name = "--set",
       .value = "KEY=VALUE",
       .help =
           translatable("Override a key of the job file, such as limits.requests_per_second=2; repeatable"),
       .repeatable = true,
       .set = into(globals.overrides.set)},
      {.name = "--results",
       .value = "FILE",
       .help = translatable("Use this results database, not the job's"),
       .kind = ValueKind::file,
       .set = into(globals.overrides.results_database)},
      choice("--progress", "MODE", translatable("How a run shows its progress on standard error"),
             globals.progress,
             {{"auto", ProgressMode::automatic},
              {"live", ProgressMode::live},
              {"plain", ProgressMode::plain},
              {"json", ProgressMode::json},
              {"none", ProgressMode::none}}),
      log_level(globals),
      choice("--log-format", "FORMAT", translatable("How to log on standard error"), globals.log_json,
             {{"text", false}, {"json", true}}),
      {.name = "--verbose",
       .letter = 'v',
       .help = translatable("Log each request too, as --log-level debug"),
       .excludes = "--quiet",
       .set = [&globals](const std::string&) -> Result<void> {
         globals.log_level = LogLevel::debug;
         return {};
       }},
      {.name = "--json",
       .help = translatable("Print the command's answer as JSON on standard output"),
       .is_on = &globals.json},
      {.name = "--no-color",
       .help = translatable("No colours; NO_COLOR in the environment says the same"),
       .is_on = &globals.no_color},
      {.name = "--quiet",
       .letter = 'q',
       .help = translatable("No progress, and no output when all is well"),
       .is_on = &globals.quiet},
      {.name = "--version", .help = translatable("Same as `cardvoid version`"), .is_on = &globals.version},
      {.name = "--help",
       .letter = 'h',
       .help = translatable("Same as `cardvoid help COMMAND`"),
       .is_on = &globals.help},
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

std::string variable_of(const Flag& flag) {
  if (flag.name == "--help" || flag.name == "--version") return {};
  std::string text{"CARDVOID_"};
  for (const char c : flag.name.substr(2)) text += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return text;
}

void read_environment(Globals& globals) {
  globals.lang = language_of_environment();
  globals.overrides.https_proxy = from_environment("https_proxy", "HTTPS_PROXY");
  globals.overrides.no_proxy = from_environment("no_proxy", "NO_PROXY");
}

std::vector<std::pair<std::string, std::string>> mistyped_variables() {
  constexpr std::string_view k_ours{"CARDVOID_"};
  Globals unread;
  std::vector<std::string> known{"EXIT_CODE"};  // of a program that on_finish has started
  for (const auto& flag : global_flags(unread))
    if (const auto name = variable_of(flag); !name.empty()) known.push_back(name.substr(k_ours.size()));
  std::vector<std::pair<std::string, std::string>> mistyped;
  for (char** each = environ; each && *each; ++each) {
    const std::string_view variable{*each};
    if (!variable.starts_with(k_ours)) continue;
    const std::string name{variable.substr(k_ours.size(), variable.find('=') - k_ours.size())};
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto longer =
        std::find_if(known.begin(), known.end(), [&](const auto& of) { return name.starts_with(of); });
    auto meant = nearest(name, known);
    const auto most = std::max<std::size_t>(name.size() / 3, 1);  // a user may have variables of that kind
    if (meant && edit_distance(name, *meant) > most) meant.reset();
    if (longer != known.end()) meant = *longer;
    if (meant) mistyped.emplace_back(std::string{k_ours} + name, std::string{k_ours} + *meant);
  }
  return mistyped;
}

Result<model::Job> load_job(const Globals& globals, const std::filesystem::path& file, bool accept_damage) {
  auto overrides = globals.overrides;
  overrides.accept_damage = accept_damage;
  return job::load(file, overrides);
}

}  // namespace cardvoid::cli
