#include "console.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cstdio>

namespace cardvoid::cli {

namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::error: return "error";
    case LogLevel::warning: return "warning";
    case LogLevel::info: return "info";
    case LogLevel::debug: return "debug";
  }
  return "";
}

}  // namespace

int Console::fail(const Error& error) {
  for (std::string_view rest = error.what; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    log(LogLevel::error, line);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return static_cast<int>(error.code);
}

bool Console::answer(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

void Console::attach(report::Progress* progress) {
  const std::lock_guard lock{mutex_};
  progress_ = progress;
}

void Console::log(LogLevel level, std::string_view text) {
  if (level > options_.log_level ||
      (options_.quiet && level >= LogLevel::info && options_.log_level < LogLevel::debug))
    return;
  std::string line;
  if (options_.log_json) {
    line = boost::json::serialize(boost::json::object{{"time", format_rfc3339(read_clocks().wall)},
                                                      {"level", name_of(level)},
                                                      {"message", escape_for_terminal(text)}});
  } else {
    line = level <= LogLevel::warning
               ? fmt::format("cardvoid: {}{}", level == LogLevel::warning ? "warning: " : "",
                             escape_for_terminal(text))
               : escape_for_terminal(text);
  }
  const std::lock_guard lock{mutex_};
  if (progress_)
    progress_->say(line);
  else
    put(stderr, line + "\n");
}

}  // namespace cardvoid::cli
