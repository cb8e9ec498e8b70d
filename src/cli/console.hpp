#pragma once
// Where words go: the answer to standard output, everything else to standard error. log() is thread-safe.

#include <boost/json/object.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/report/step.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "globals.hpp"

namespace cardvoid::report {
class Progress;
}

namespace cardvoid::cli {

// Of what was thrown and should not have been.
Error internal_error(const std::exception& bug);

class Console {
 public:
  enum class Hold { may, never };  // whether a warning is held back, see hold_warnings_back()
  explicit Console(const Globals& globals) : globals_{globals} {}

  // Prints the error, a line for each of its lines, and returns its exit code.
  int fail(const Error& error);
  // What to type next, behind two blanks. `is_failure`: behind an error, and like one; else it is for those
  // who read on.
  void say_next(const std::vector<report::Step>& steps, bool is_failure = true);
  // A part of the command's answer. False when standard output cannot take it, which is told once; the
  // command then ends with io (74) where it would have ended well.
  bool answer(std::string_view text);
  // The same for people: control characters of what others have written are made harmless.
  bool answer_words(std::string_view text);
  // That too in a page's long lines: wrapped to the terminal that standard output is, else whole, for grep.
  bool answer_page(std::string_view page);
  bool has_lost_answer() const { return has_lost_answer_; }
  // Who read the answer has closed the pipe, as `head` does. That is no fault, so no word is said about it.
  bool has_reader_left() const { return has_reader_left_; }
  // `fields` stand beside the text where the log is JSON; they must say nothing that the text does not.
  void log(LogLevel level, std::string_view text, const boost::json::object& fields = {});
  // What `words` makes: in the person's language where a terminal alone shows it, and in English where it is
  // kept, in a file, a journal or as lines with a date.
  void tell(LogLevel level, const std::function<std::string()>& words, Hold hold = Hold::may);
  // With -q, without a terminal and without --log-level: warnings from now on are told by say_held_back()
  // only, or before an error, since a run that ends well must be silent.
  void hold_warnings_back();
  void say_held_back();
  // A warning that is never held back: what it says is not shown by how the run ends.
  void warn_at_once(std::string_view text);
  // From now on every line begins with the local time, unless it goes to a live display or to journald, which
  // have one of their own, or is JSON.
  void begin_times();
  bool has_times() const { return has_times_; }
  const std::string& last_error() const { return last_error_; }  // that fail() printed; else empty
  // Keeps the steps after a failure for programs, in English, one a line.
  void note_steps(const std::vector<report::Step>& steps);
  const std::vector<std::string>& last_steps() const { return last_steps_; }
  // The progress display that log lines must not run into; null takes it away.
  void attach(report::Progress* progress);
  const Globals& globals() const { return globals_; }

 private:
  void log(LogLevel level, std::string_view text, const boost::json::object& fields, Hold hold);
  void print(const std::string& line);
  const Globals& globals_;
  std::mutex mutex_;  // guards what follows, and keeps lines whole
  report::Progress* progress_ = nullptr;
  bool holds_back_ = false, has_times_ = false;
  std::vector<std::string> held_back_;
  std::size_t dropped_ = 0;
  std::string last_error_;
  std::vector<std::string> last_steps_;
  bool has_lost_answer_ = false, has_reader_left_ = false;
};

}  // namespace cardvoid::cli
