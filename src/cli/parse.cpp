#include "parse.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cstdlib>
#include <filesystem>

#include "commands.hpp"
#include "help.hpp"

namespace cardvoid::cli {

namespace {

Error usage(const std::string& what, std::string_view command = {}) {
  return {Errc::usage, command.empty() ? tr("{}; see `cardvoid --help`", what)
                                       : tr("{}; see `cardvoid {} --help`", what, command)};
}

std::string joined(const std::vector<std::string>& names, std::string_view last_separator) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? std::string{last_separator} : ", ") + names[i];
  return text;
}

// The flags and positionals of a command, or the global flags, and where CLI11 keeps what it read for them.
class Bound {
 public:
  Bound(CLI::App& app, Words words) : words_{std::move(words)} {
    for (auto& positional : words_.positionals) {
      positionals_.push_back(add(app, std::string{positional.name}));
      if (positional.repeatable) positionals_.back()->expected(-1);
    }
    for (auto& flag : words_.flags) {
      const auto names = (flag.letter ? fmt::format("-{},", flag.letter) : "") + std::string{flag.name};
      if (has_optional_value(flag))
        flags_.push_back(add(app, names)->expected(0, 1));
      else
        flags_.push_back(flag.is_switch() ? app.add_flag(names)->disable_flag_override() : add(app, names));
    }
  }

  const Flag* find(std::string_view name) const {
    const auto found = std::find_if(words_.flags.begin(), words_.flags.end(), [&](const Flag& flag) {
      return flag.name == name || (flag.letter && name == std::string{'-', flag.letter});
    });
    return found == words_.flags.end() ? nullptr : &*found;
  }
  const std::vector<Flag>& flags() const { return words_.flags; }

  bool is_given(std::string_view name) const {
    for (std::size_t i = 0; i < flags_.size(); ++i)
      if (words_.flags[i].name == name) return flags_[i]->count() > 0;
    return false;
  }

  // The variables of the environment that stand for flags. A flag that is given wins, also over a variable
  // that it excludes.
  Result<void> take_environment() const {
    for (std::size_t i = 0; i < flags_.size(); ++i) {
      const auto& flag = words_.flags[i];
      const auto value = value_of_variable(flag);
      if (value.empty() || (flags_[i]->count() > 0 && !flag.repeatable) || is_overruled(flag)) continue;
      const auto variable = variable_of(flag);
      if (const auto* other = find(flag.excludes); other && !value_of_variable(*other).empty())
        return Error{Errc::usage, tr("{} and {} cannot be set together", variable, variable_of(*other))};
      if (const auto taken =
              flag.is_switch() ? take_switch(flag, variable) : take_values(flag, value, variable);
          !taken)
        return taken;
    }
    return {};
  }

  // Hands each value to its setter.
  Result<void> take() const {
    const auto* const stray = stray_positional();
    for (std::size_t i = 0; i < positionals_.size(); ++i) {
      const bool is_stray = stray && positionals_[i]->count() == 0 && words_.positionals[i].required;
      if (const auto taken = take(words_.positionals[i], is_stray ? *stray : *positionals_[i]); !taken)
        return taken;
    }
    for (std::size_t i = 0; i < flags_.size(); ++i) {
      if (flags_[i] == stray) {
        *words_.flags[i].is_on = true;
        continue;
      }
      if (const auto taken = take(words_.flags[i], *flags_[i]); !taken) return taken;
    }
    return {};
  }

 private:
  static bool has_optional_value(const Flag& flag) { return flag.is_on && !flag.value.empty(); }

  // `plan --diff JOB`: what stands behind a flag whose value is optional is the command's own word when that
  // is missing otherwise.
  const CLI::Option* stray_positional() const {
    if (positionals_.empty() || positionals_.front()->count() > 0) return nullptr;
    for (std::size_t i = 0; i < flags_.size(); ++i)
      if (has_optional_value(words_.flags[i]) && flags_[i]->count() == 1 &&
          !flags_[i]->results().front().empty())
        return flags_[i];
    return nullptr;
  }

  // Only collects: conversion and its messages are the setters'.
  static CLI::Option* add(CLI::App& app, const std::string& names) {
    return app.add_option(names, [](const CLI::results_t&) { return true; })
        ->expected(1)
        ->allow_extra_args(false)  // else CLI11 takes "[a,b]" apart, and takes what is the command's
        ->take_all();
  }

  static Result<void> take(const Positional& positional, const CLI::Option& option) {
    if (option.count() == 0) {
      if (!positional.required) return {};
      return Error{Errc::usage, tr("{} is required", positional.name)};
    }
    for (const auto& word : option.results())
      if (const auto set = positional.set(word); !set || !positional.repeatable) return set;
    return {};
  }

  Result<void> take(const Flag& flag, const CLI::Option& option) const {
    if (option.count() == 0) {
      if (!flag.required) return {};
      return Error{Errc::usage, tr("{} {} is required", flag.name, flag.value)};
    }
    if (!flag.excludes.empty() && is_given(flag.excludes))
      return Error{Errc::usage, tr("{} and {} cannot be used together", flag.name, flag.excludes)};
    if (flag.is_on) *flag.is_on = true;
    if (flag.is_switch()) return flag.set ? flag.set({}) : Result<void>{};
    if (has_optional_value(flag) && option.results().front().empty()) return {};
    if (option.results().size() > 1 && !flag.repeatable)
      return Error{Errc::usage, tr("{} is given more than once", flag.name)};
    for (const auto& value : option.results()) {
      if (is_like_flag(value))
        return Error{Errc::usage, tr("{} needs a value: {} {}", flag.name, flag.name, flag.value)};
      if (const auto set = set_value(flag, value, flag.name); !set) return set;
    }
    return {};
  }

  // `-o --excel`: the value was forgotten, and the flag behind it would be lost without a word.
  static bool is_like_flag(std::string_view word) {
    return word.size() > 3 && word.starts_with("--") && std::all_of(word.begin() + 2, word.end(), [](char c) {
             return c == '-' || (c >= 'a' && c <= 'z');
           });
  }

  // `name`: of the flag or of its variable.
  static Result<void> set_value(const Flag& flag, const std::string& value, std::string_view name) {
    const auto& allowed = flag.choices;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end())
      return Error{Errc::usage, tr("{} {}: expected {}", name, value, joined(allowed, tr(" or ")))};
    if (const auto set = flag.set(value); !set) return with_context(set.error(), std::string{name});
    return {};
  }

  // Empty also for a switch that is off.
  static std::string value_of_variable(const Flag& flag) {
    const auto name = variable_of(flag);
    const char* const text = name.empty() ? nullptr : std::getenv(name.c_str());
    const std::string value{text ? text : ""};
    constexpr std::string_view k_off[] = {"0", "false", "no", "off"};
    const bool is_off =
        flag.is_switch() && std::find(std::begin(k_off), std::end(k_off), value) != std::end(k_off);
    return is_off ? std::string{} : value;
  }

  static Result<void> take_switch(const Flag& flag, const std::string& variable) {
    constexpr std::string_view k_on[] = {"1", "true", "yes", "on"};
    if (const auto value = value_of_variable(flag);
        std::find(std::begin(k_on), std::end(k_on), value) == std::end(k_on))
      return Error{Errc::usage, tr("{} {}: expected 1 (on) or 0 (off)", variable, value)};
    if (flag.is_on) *flag.is_on = true;
    return flag.set ? flag.set({}) : Result<void>{};
  }

  // Of a repeatable flag one a line.
  static Result<void> take_values(const Flag& flag, std::string_view lines, const std::string& variable) {
    while (!lines.empty()) {
      const auto line = flag.repeatable ? lines.substr(0, lines.find('\n')) : lines;
      if (!line.empty())
        if (const auto set = set_value(flag, std::string{line}, variable); !set) return set;
      lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    }
    return {};
  }

  // By a flag that is given and cannot stand beside it.
  bool is_overruled(const Flag& flag) const {
    if (!flag.excludes.empty() && is_given(flag.excludes)) return true;
    return std::any_of(words_.flags.begin(), words_.flags.end(), [&](const Flag& other) {
      return other.excludes == flag.name && is_given(other.name);
    });
  }

  Words words_;
  std::vector<CLI::Option*> positionals_, flags_;
};

struct Sub {
  Command command;
  Call call;
  CLI::App* app;
  Bound words;
};

class Parser {
 public:
  explicit Parser(Globals& globals) : globals_{globals} {
    app_.set_help_flag();
    app_.require_subcommand(0, 1);
    app_.fallthrough();   // global flags may stand behind the command
    app_.allow_extras();  // so that the words about them are ours
    global_.emplace(app_, Words{{}, global_flags(globals)});
    for (const auto make : k_commands) {
      auto command = make();
      auto call = command.call();
      auto* app = app_.add_subcommand(std::string{command.name});
      Bound words{*app, call.words};
      subs_.push_back({std::move(command), std::move(call), app, std::move(words)});
    }
  }

  Result<Call> parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      chosen_ = find_chosen();
      return usage(words_for(error), name());
    }
    chosen_ = find_chosen();
    const auto taken_globals = take_globals();
    if (globals_.help) return help_call(chosen_ ? &chosen_->command : nullptr);
    if (globals_.version) return version_command().call();
    auto extras = app_.remaining(true);
    std::erase(extras, "--");  // flags end there; CLI11 counts it as one of the words that it does not know
    if (!extras.empty()) return words_for(extras, argc, argv);
    if (!taken_globals) return usage(escape_for_terminal(taken_globals.error().what));
    if (!chosen_) return usage(tr("no command given"));
    globals_.command = chosen_->command.name;
    if (const auto taken = chosen_->words.take(); !taken)
      return usage(escape_for_terminal(taken.error().what), name());
    if (const auto& shard = chosen_->call.words.shard) globals_.overrides.shard = *shard;
    if (chosen_->call.check)
      if (const auto checked = chosen_->call.check(globals_); !checked) return checked.error();
    return std::move(chosen_->call);
  }

 private:
  // First the environment, so that the flags win. --help and --version are read also where another is wrong.
  Result<void> take_globals() {
    globals_.help = global_->is_given("--help");
    globals_.version = global_->is_given("--version");
    const auto of_environment = global_->take_environment();
    globals_.overrides.set_by_environment = globals_.overrides.set.size();
    const auto given = global_->take();
    return of_environment ? given : of_environment;
  }

  Sub* find_chosen() {
    const auto found =
        std::find_if(subs_.begin(), subs_.end(), [](const Sub& sub) { return sub.app->parsed(); });
    return found == subs_.end() ? nullptr : &*found;
  }
  std::string_view name() const { return chosen_ ? chosen_->command.name : std::string_view{}; }

  // CLI11 finds little by itself: a value that is missing or that a switch does not take.
  std::string words_for(const CLI::ParseError& error) const {
    const std::string_view what{error.what()};
    // "--limit: 1 required N missing", "yes was given a disallowed flag override"
    std::string flag_name{what.substr(0, what.find_first_of(": "))};
    if (!flag_name.starts_with('-')) flag_name.insert(0, "--");
    const auto* flag = chosen_ ? chosen_->words.find(flag_name) : nullptr;
    if (!flag) flag = global_->find(flag_name);
    if (flag && dynamic_cast<const CLI::ArgumentMismatch*>(&error))
      return flag->is_switch() ? tr("{} takes no value", flag->name)
                               : tr("{} needs a value: {} {}", flag->name, flag->name, flag->value);
    return escape_for_terminal(what);
  }

  // A word with this many digits is likely a code whose flag was forgotten, and logs keep what we print.
  static std::string shown(const std::string& word) {
    constexpr auto k_digits_of_code = 6;
    return std::count_if(word.begin(), word.end(), is_digit) >= k_digits_of_code ? mask(word) : word;
  }

  // `cardvoid gold.toml run`: the job file stands where the command belongs.
  static bool is_job_file(const std::string& word) {
    std::error_code ignored;
    return word.ends_with(".toml") || std::filesystem::is_regular_file(word, ignored);
  }
  static bool is_list(const std::string& word) {
    const auto extension = std::filesystem::path{word}.extension();
    return extension == ".csv" || extension == ".tsv" || extension == ".db" || extension == ".sqlite";
  }

  Error words_for(const std::vector<std::string>& extras, int argc, const char* const* argv) const {
    const auto is_flag = [](const std::string& word) { return word.size() > 1 && word.front() == '-'; };
    const auto& first = extras.front();
    const auto file = escape_for_terminal(first);
    if (chosen_ && is_job_file(first) &&
        std::find(argv, argv + argc, first) < std::find(argv, argv + argc, name()))
      return usage(is_list(first) ? tr("{0} is a list, not a job file; `cardvoid init --list {0}` writes the "
                                       "job file, and then: cardvoid {1} JOB.toml",
                                       file, name())
                                  : tr("put the command first: cardvoid {} {}", name(), file),
                   name());
    if (!chosen_ && is_job_file(first))
      return usage(
          is_list(first)
              ? tr("{0} is a list, not a command; `cardvoid init --list {0}` writes a job file for "
                   "it, and then: cardvoid plan JOB.toml",
                   file)
              : tr("{0} is a file, not a command; put a command first, for example: cardvoid plan {0}",
                   file));
    if (!chosen_ && !is_flag(extras.front())) return unknown_command(extras.front());
    const auto flag = std::find_if(extras.begin(), extras.end(), is_flag);
    if (flag != extras.end()) return unknown_flag(flag->substr(0, flag->find('=')));
    return usage(tr("unexpected argument {}", escape_for_terminal(shown(extras.front()))), name());
  }

  Error unknown_flag(const std::string& word) const {
    const auto shown = escape_for_terminal(word);
    if (chosen_ && chosen_->words.find(word))
      return usage(tr("{} must stand after {}", shown, name()), name());
    std::vector<std::string> owners, near;  // those of the command first
    for (const auto& sub : subs_) {
      if (sub.words.find(word)) owners.emplace_back(sub.command.name);
      if (&sub == chosen_ || !chosen_)
        for (const auto& flag : sub.words.flags()) near.emplace_back(flag.name);
    }
    for (const auto& flag : global_->flags()) near.emplace_back(flag.name);
    if (!owners.empty())
      return usage(tr("{} is a flag of {}{}", shown, joined(owners, tr(" and ")),
                      chosen_ ? tr(", not of {}", name()) : ""),
                   name());
    const auto meant = nearest(word, near);
    return usage(tr("unknown flag {}{}", shown, meant ? tr("; did you mean {}?", *meant) : ""), name());
  }

  Globals& globals_;
  CLI::App app_{"", "cardvoid"};
  std::optional<Bound> global_;
  std::vector<Sub> subs_;
  Sub* chosen_ = nullptr;
};

}  // namespace

Error unknown_command(std::string_view word) {
  std::vector<std::string> names;
  for (const auto make : k_commands) names.emplace_back(make().name);
  const auto meant = nearest(word, names);
  return usage(tr("there is no command {}{}", escape_for_terminal(word),
                  meant ? tr("; did you mean {}?", *meant) : ""));
}

namespace {

// Messages repeat the command line as what to type next, and neither a whole card code nor an openid.
void hide_personal_data(std::vector<std::string>& words) {
  constexpr std::pair<std::string_view, std::string_view> k_flags[] = {{"--code", "CODE"},
                                                                       {"--openid", "OPENID"}};
  for (std::size_t i = 0; i < words.size(); ++i)
    for (const auto& [flag, value] : k_flags) {
      if (words[i] == flag && i + 1 < words.size()) words[++i] = value;
      if (words[i].starts_with(fmt::format("{}=", flag))) words[i] = fmt::format("{}={}", flag, value);
    }
}

}  // namespace

Result<Call> parse(int argc, const char* const* argv, Globals& globals) {
  globals.words.assign(argv + std::min(argc, 1), argv + argc);
  hide_personal_data(globals.words);
  read_environment(globals);
  return Parser{globals}.parse(argc, argv);
}

}  // namespace cardvoid::cli
