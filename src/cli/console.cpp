#include "console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/progress.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "service_manager.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_held_back = 100;

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

Error internal_error(const std::exception& bug) {
  return {Errc::internal, tr("internal error: {}; please report this", bug.what())};
}

int Console::fail(const Error& error) {
  say_held_back();
  last_error_ = error.what;
  for (std::string_view rest = error.what; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    log(LogLevel::error, line);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return static_cast<int>(error.code);
}

void Console::say_next(const std::vector<report::Step>& steps, bool is_failure) {
  for (const auto& step : steps)
    log(is_failure || globals_.quiet ? LogLevel::error : LogLevel::info, "  " + report::to_line(step));
}

void Console::note_steps(const std::vector<report::Step>& steps) {
  last_steps_.clear();
  for (const auto& step : steps) last_steps_.push_back(report::to_line(step));
}

bool Console::answer_words(std::string_view text) { return answer(escape_lines(text)); }

bool Console::answer_page(std::string_view text) {
  if (!::isatty(STDOUT_FILENO)) return answer(escape_lines(text));
  return answer(folded(escape_lines(text), terminal_columns(stdout) - 1));
}

bool Console::answer(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  const int why = errno;
  has_reader_left_ = has_reader_left_ || why == EPIPE;
  if (!std::exchange(has_lost_answer_, true) && !has_reader_left_)
    log(LogLevel::error, tr("standard output: cannot write to it: {}", system_words(why)));
  return false;
}

void Console::attach(report::Progress* progress) {
  const std::lock_guard lock{mutex_};
  progress_ = progress;
}

void Console::log(LogLevel level, std::string_view text, const boost::json::object& fields) {
  log(level, text, fields, Hold::may);
}

void Console::warn_at_once(std::string_view text) { log(LogLevel::warning, text, {}, Hold::never); }

void Console::tell(LogLevel level, const std::function<std::string()>& words, Hold hold) {
  if (!has_times_ && !globals_.log_json && ::isatty(STDERR_FILENO)) {
    const ForPeople in_their_language;
    return log(level, words(), {}, hold);
  }
  const InEnglish of_log;
  log(level, words(), {}, hold);
}

void Console::log(LogLevel level, std::string_view text, const boost::json::object& fields, Hold hold) {
  if (level > globals_.log_level ||
      (globals_.quiet && level >= LogLevel::info && globals_.log_level < LogLevel::debug))
    return;
  std::string line;
  if (globals_.log_json) {
    boost::json::object object{{"time", format_rfc3339(read_clocks().wall)},
                               {"level", name_of(level)},
                               {"message", escape_for_terminal(text)}};
    for (const auto& field : fields) object.insert(field);
    line = to_json(object);
  } else {
    line = escape_for_terminal(text);
    if (level == LogLevel::warning) line = tr("warning: {}", line);
    if (level <= LogLevel::warning) line.insert(0, "cardvoid: ");
  }
  if (has_times_) line.insert(0, report::time_stamp(read_clocks().wall));
  const std::lock_guard lock{mutex_};
  if (level == LogLevel::warning && holds_back_ && hold == Hold::may) {
    if (held_back_.size() < k_most_held_back)
      held_back_.push_back(std::move(line));
    else
      ++dropped_;
    return;
  }
  print(line);
}

void Console::hold_warnings_back() {
  const std::lock_guard lock{mutex_};
  holds_back_ = globals_.quiet && globals_.log_level == LogLevel::info && !::isatty(STDERR_FILENO);
}

void Console::begin_times() {
  using enum report::ProgressMode;
  // With -q a terminal shows no more than what is wrong.
  const bool is_bare = !globals_.quiet && (globals_.progress == plain || globals_.progress == none ||
                                           (globals_.progress == automatic && !report::can_move_cursor()));
  has_times_ = !globals_.log_json && (is_bare || !::isatty(STDERR_FILENO)) && !goes_to_journal(STDERR_FILENO);
}

void Console::say_held_back() {
  std::size_t dropped = 0;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& line : std::exchange(held_back_, {})) print(line);
    dropped = std::exchange(dropped_, 0);
  }
  if (dropped > 0)
    log(LogLevel::error, tr_n(static_cast<std::int64_t>(dropped), "{} further warning is left out",
                              "{} further warnings are left out"));
}

// With the lock held.
void Console::print(const std::string& line) {
  if (progress_)
    progress_->say(line);
  else
    put(stderr, line + "\n");
}

}  // namespace cardvoid::cli
