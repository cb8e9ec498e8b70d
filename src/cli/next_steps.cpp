#include "next_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/translate.hpp>
#include <string_view>

#include "proxy_login.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::string_view k_login = "LOGIN@";  // in place of that of a proxy

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view{"-_./:=,+@%"}.find(c) != std::string_view::npos;
}

// For a POSIX shell.
std::string quoted(const std::string& word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return word;
  std::string text = "'";
  for (const char c : word) c == '\'' ? text += "'\\''" : text += c;
  return text + "'";
}

// Who has named a language is answered in it by the next command too.
std::string language_flag(const Globals& globals) {
  if (!globals.is_lang_named) return {};
  return globals.lang == Language::chinese ? " --lang zh" : " --lang en";
}

class Steps {
 public:
  Steps(const Globals& globals, const std::filesystem::path& job_file, const Ended& ended)
      : globals_{globals}, job_file_{job_file}, ended_{ended} {}

  std::vector<report::Step> take() {
    if (globals_.command == "rehearse")
      after_rehearsal(static_cast<Errc>(ended_.exit_code));
    else if (ended_.exit_code == 1)
      losses();
    else if (ended_.exit_code != 0)
      failure(static_cast<Errc>(ended_.exit_code));
    return std::move(steps_);
  }

 private:
  // Another command on the same job and the same results.
  void say(std::string what, std::string_view name, std::string_view flags = {}) {
    steps_.push_back({std::move(what), command_line(globals_, job_file_, name, flags)});
  }

  // Of what follows --set: is it what the error is about?
  bool is_refused(const std::string& set) const {
    const auto key = set.substr(0, set.find_first_of("= "));
    for (const char behind : {':', '=', '.'})
      if (ended_.why.find("--set " + key + behind) != std::string_view::npos) return true;
    return false;
  }

  // The command line without the --set that is wrong.
  std::vector<std::string> words_but_refused() const {
    constexpr std::string_view k_set = "--set";
    std::vector<std::string> words;
    for (auto word = globals_.words.begin(); word != globals_.words.end(); ++word) {
      const bool has_value = *word == k_set && std::next(word) != globals_.words.end();
      if (has_value && is_refused(*std::next(word)))
        ++word;
      else if (!word->starts_with("--set=") || !is_refused(word->substr(k_set.size() + 1)))
        words.push_back(*word);
    }
    return words;
  }

  // The command itself, as it was typed.
  void say_again(std::string what, std::string_view flags = {}) {
    std::string command = "cardvoid";
    for (const auto& word : words_but_refused()) command += " " + quoted(without_proxy_login(word, k_login));
    if (!flags.empty()) command += fmt::format(" {}", flags);
    steps_.push_back({std::move(what), std::move(command)});
  }

  void say_help() {
    steps_.push_back({tr("see what is to be typed"),
                      fmt::format("cardvoid help {}{}", globals_.command, language_flag(globals_))});
  }

  bool is_given(std::string_view flag) const {
    return std::any_of(globals_.words.begin(), globals_.words.end(), [&](const std::string& word) {
      return word == flag || word.starts_with(std::string{flag} + "=");
    });
  }

  void standing() { say(tr("see where the job stands"), "status"); }
  void look_around() { say(tr("find out what is wrong, without sending"), "check"); }

  // Rows that only a person's decision moves.
  void decisions() {
    const auto& t = ended_.totals;
    if (t.rejected > 0) say(tr("list the rejected cards"), "export", "--status rejected -o rejected.csv");
    if (t.unresolved > 0) {
      say(tr("list the unresolved cards"), "export", "--status unresolved -o unresolved.csv");
      say(tr("read them back"), "reconcile");
    }
    if (t.rejected > 0)
      say(tr("once the cause is gone, to have these cards sent again"), "retry", "--status rejected");
    if (t.unresolved > 0)
      say(tr("once they were looked at, to have these cards sent again"), "retry", "--status unresolved");
    if (t.rejected > 0) say(tr("or to settle them by your word"), "accept", "--status rejected --note 'WHY'");
    if (t.unresolved > 0)
      say(tr("or to settle them by your word"), "accept", "--status unresolved --note 'WHY'");
    if (is_given("--confirm") && t.rejected + t.unresolved > 0)
      say(tr("after a retry, for the new fingerprint"), "plan");
  }

  void losses() {
    if (ended_.totals.refused_lines() > 0)
      say(tr("list the refused lines, with the cause"), "plan", "--refused refused.csv");
    decisions();
    standing();
  }

  void refused_input() {
    if (ended_.stage == Stage::consent)
      return say(tr("see what has changed, and its fingerprint"), "plan", "--diff");
    if (ended_.stage == Stage::sending) return standing();
    say(tr("after correcting the list, see what would be sent"), "plan");
  }

  void work_left() {
    if (ended_.stage == Stage::lock) {
      say(tr("see who holds the job"), "status");
      return is_given("--wait-lock") ? say_again(tr("then carry on"))
                                     : say_again(tr("wait for its end, then carry on"), "--wait-lock 10m");
    }
    if (ended_.stage == Stage::results) say(tr("see who holds the job"), "status");
    const auto& t = ended_.totals;
    // What is held is not moved by the same command.
    const bool is_moved =
        ended_.stage != Stage::sending || ended_.read_back_only || t.to_send() > 0 || t.in_doubt() > t.held;
    if (t.held > 0) decisions();
    if (is_moved)
      say_again(tr("carry on"));
    else
      standing();
  }

  // It has touched nothing, so there is nothing to look at or to carry on.
  void after_rehearsal(Errc code) {
    if (code == Errc::usage) return say_help();
    if (code == Errc::bad_input || code == Errc::no_input || code == Errc::bad_job) look_around();
    say_again(code == Errc::internal ? tr("rehearse again") : tr("after correcting it, rehearse again"));
  }

  void failure(Errc code) {
    switch (code) {
      case Errc::usage:
        if (words_but_refused().size() < globals_.words.size())
          return say_again(tr("correct the --set, or leave it out"));
        if (ended_.stage == Stage::consent) return say(tr("see the plan and its fingerprint"), "plan");
        if (ended_.stage == Stage::proxy) return say_again(tr("after correcting it"));
        return say_help();
      case Errc::bad_input: return refused_input();
      case Errc::no_input:
        if (ended_.stage == Stage::job) {
          say_help();
          std::error_code ignored;
          if (std::filesystem::is_directory(job_file_, ignored)) return;
          return say(tr("or have a job file written"), "init");
        }
        if (ended_.stage == Stage::results) return say(tr("make the results database"), "plan");
        look_around();
        return say_again(tr("once the file is there"));
      case Errc::unavailable:
        say(tr("see which endpoint fails, and why"), "check");
        return say_again(tr("run again later"));
      case Errc::internal: standing(); return say_again(tr("carry on, with the results as they are"));
      case Errc::cannot_create: return look_around();
      case Errc::io:
        if (ended_.stage == Stage::job) return say_again(tr("once it can be written"));
        standing();
        return say_again(tr("once it can be written, carry on"));
      case Errc::stopped: return work_left();
      case Errc::tripped:
        standing();
        if (ended_.trip == model::TripCause::already) {
          say(tr("is it the right list, for the right results database"), "plan");
          say_again(tr("where such cards are expected, go on"), "--set safety.expect_already=true");
        }
        decisions();
        return say_again(tr("go on with what is left, a canary first"));
      case Errc::bad_job:
        if (ended_.stage != Stage::job) look_around();  // else it would say the same
        if (ended_.stage == Stage::job && job_file_.extension() != ".toml")
          return say_help();  // no job file at all
        if (words_but_refused().size() < globals_.words.size())
          return say_again(tr("correct the --set, or leave it out"));
        return say_again(tr("after correcting it"));
      case Errc::bad_credentials: look_around(); return say_again(tr("after correcting it"));
    }
  }

  const Globals& globals_;
  const std::filesystem::path& job_file_;
  const Ended& ended_;
  std::vector<report::Step> steps_;
};

}  // namespace

std::string command_line(const Globals& globals, const std::filesystem::path& job_file, std::string_view name,
                         std::string_view flags) {
  auto text = fmt::format("cardvoid {} {}", name, quoted(job_file.string()));
  for (const auto& set : globals.overrides.set) text += " --set " + quoted(without_proxy_login(set, k_login));
  if (const auto& file = globals.overrides.results_database; !file.empty())
    text += " --results " + quoted(file.string());
  if (const auto& shard = globals.overrides.shard) text += " --shard " + model::to_text(*shard);
  text += language_flag(globals);
  if (!flags.empty()) text += fmt::format(" {}", flags);
  return text;
}

std::vector<report::Step> next_steps(const Globals& globals, const std::filesystem::path& job_file,
                                     const Ended& ended) {
  return Steps{globals, job_file, ended}.take();
}

int fail(Console& console, const std::filesystem::path& job_file, Stage stage, const Error& error) {
  const int exit_code = console.fail(error);
  const auto steps = [&] {
    return next_steps(console.globals(), job_file,
                      {.exit_code = exit_code, .stage = stage, .why = error.what});
  };
  console.say_next(steps());
  const InEnglish of_programs;
  console.note_steps(steps());
  return exit_code;
}

}  // namespace cardvoid::cli
