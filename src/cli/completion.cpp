#include "completion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "commands.hpp"
#include "console.hpp"

namespace cardvoid::cli {

extern const std::string_view k_bash_functions;  // completion.bash

namespace {

struct Spoken {
  std::string name;  // of the command; empty: the global flags
  std::string_view purpose;
  Words words;
};

std::vector<Spoken> all_commands() {
  std::vector<Spoken> all;
  for (const auto make : k_commands) {
    const auto command = make();
    all.push_back({std::string{command.name}, command.purpose, command.call().words});
  }
  return all;
}

std::string names_of(const std::vector<Spoken>& commands) {
  std::string text;
  for (const auto& each : commands) text += (text.empty() ? "" : " ") + each.name;
  return text;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// For sh and its kin, and for fish, which reads \' within quotes.
std::string quoted(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }
std::string quoted_for_fish(std::string_view text) {
  return "'" + replaced(replaced(std::string{text}, "\\", "\\\\"), "'", "\\'") + "'";
}

bool has_optional_value(const Flag& flag) { return flag.value.starts_with('['); }

// ---- bash ----

template <class Word>
std::string bash_kind(const Word& word) {
  if (!word.choices.empty()) return fmt::format("words {}", fmt::join(word.choices, " "));
  switch (word.kind) {
    case ValueKind::text: return "text";
    case ValueKind::job_file: return "job";
    case ValueKind::file: return "file";
    case ValueKind::folder: return "folder";
  }
  return "";
}

std::string bash_values(const Spoken& command) {
  std::string lines;
  const auto add = [&](const std::string& flag, const std::string& kind) {
    const auto pattern = command.name.empty() ? "*" + quoted(" " + flag) : quoted(command.name + " " + flag);
    lines += fmt::format("    {}) echo {} ;;\n", pattern, quoted(kind));
  };
  for (const auto& flag : command.words.flags) {
    if (flag.is_switch()) continue;
    add(std::string{flag.name}, bash_kind(flag));
    if (flag.letter) add({'-', flag.letter}, bash_kind(flag));
  }
  return lines;
}

std::string bash_flags(const std::vector<Flag>& flags) {
  std::string text;
  for (const auto& flag : flags) {
    text += fmt::format(" {}", flag.name);
    if (flag.letter) text += fmt::format(" -{}", flag.letter);
  }
  return text;
}

std::string bash_script(const std::vector<Spoken>& commands, const Spoken& globals) {
  std::string values, flags, places;
  for (const auto& command : commands) {
    values += bash_values(command);
    flags += fmt::format("    {}) echo {} ;;\n", command.name, quoted(bash_flags(command.words.flags)));
    for (std::size_t i = 0; i < command.words.positionals.size(); ++i)
      places += command.words.positionals[i].repeatable
                    ? fmt::format("    {}*) echo {} ;;\n", quoted(command.name + " "),
                                  quoted(bash_kind(command.words.positionals[i])))
                    : fmt::format("    {}) echo {} ;;\n", quoted(fmt::format("{} {}", command.name, i)),
                                  quoted(bash_kind(command.words.positionals[i])));
  }
  return fmt::format(
      "# Completion of cardvoid for bash, made by `cardvoid completion bash`.\n\n"
      "_cardvoid_commands={}\n\n"
      "# What stands behind flag $2 of command $1; fails for a switch.\n"
      "_cardvoid_value() {{\n  case \"$1 $2\" in\n{}{}    *) return 1 ;;\n  esac\n}}\n\n"
      "_cardvoid_flags() {{\n  echo {}\n  case $1 in\n{}  esac\n}}\n\n"
      "# What stands at a place behind the command: \"run 0\".\n"
      "_cardvoid_place() {{\n  case $1 in\n{}  esac\n}}\n{}",
      quoted(names_of(commands)), values, bash_values(globals), quoted(bash_flags(globals.words.flags)),
      flags, places, k_bash_functions);
}

// ---- zsh ----

std::string zsh_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

template <class Word>
std::string zsh_action(const Word& word) {
  if (!word.choices.empty()) return fmt::format("({})", fmt::join(word.choices, " "));
  switch (word.kind) {
    case ValueKind::text: return " ";
    case ValueKind::job_file: return "_files -g \"*.toml(-.)\"";
    case ValueKind::file: return "_files";
    case ValueKind::folder: return "_files -/";
  }
  return "";
}

// The specs of _arguments (zshcompsys(1)), one for each spelling.
std::string zsh_flag(const Flag& flag, std::string_view indent) {
  const auto letter = flag.letter ? fmt::format("-{}", flag.letter) : std::string{};
  std::string value;
  if (!flag.is_switch())
    value =
        fmt::format("{}{}:{}", has_optional_value(flag) ? "::" : ":", zsh_text(flag.value), zsh_action(flag));
  auto before = fmt::format("({} {} {})", letter, flag.name, flag.excludes);
  if (flag.repeatable) before = "*";
  const auto spec = [&](std::string_view spelling, std::string_view sign) {
    return fmt::format(
        "{}{}\n", indent,
        quoted(fmt::format("{}{}{}[{}]{}", before, spelling, sign, zsh_text(flag.help), value)));
  };
  const bool needs_value = !flag.is_switch() && !has_optional_value(flag);
  return spec(flag.name, needs_value ? "=" : "") + (flag.letter ? spec(letter, needs_value ? "+" : "") : "");
}

std::string zsh_command(const Spoken& command) {
  std::string specs;
  for (std::size_t i = 0; i < command.words.positionals.size(); ++i) {
    const auto& word = command.words.positionals[i];
    const auto place =
        word.repeatable ? std::string{"*:"} : fmt::format("{}{}", i + 1, word.required ? ":" : "::");
    specs += fmt::format("          {}\n",
                         quoted(fmt::format("{}{}:{}", place, zsh_text(word.name), zsh_action(word))));
  }
  for (const auto& flag : command.words.flags) specs += zsh_flag(flag, "          ");
  return fmt::format("        {})\n          words_of_command=(\n{}          )\n          ;;\n", command.name,
                     specs);
}

std::string zsh_script(const std::vector<Spoken>& commands, const Spoken& globals) {
  std::string global_specs, descriptions, cases;
  for (const auto& flag : globals.words.flags) global_specs += zsh_flag(flag, "    ");
  for (const auto& command : commands) {
    descriptions += fmt::format("    {}\n", quoted(command.name + ":" + zsh_text(command.purpose)));
    cases += zsh_command(command);
  }
  return fmt::format(
      "#compdef cardvoid\n# Completion of cardvoid for zsh, made by `cardvoid completion zsh`.\n\n"
      "_cardvoid() {{\n"
      "  local curcontext=$curcontext context state state_descr line ret=1\n"
      "  typeset -A opt_args\n"
      "  local -a global_flags commands words_of_command\n"
      "  global_flags=(\n{}  )\n  commands=(\n{}  )\n"
      "  _arguments -C $global_flags '1:command:->command' '*::word:->words' && ret=0\n"
      "  case $state in\n"
      "    command) _describe -t commands command commands && ret=0 ;;\n"
      "    words)\n      case $words[1] in\n{}      esac\n"
      "      _arguments $global_flags $words_of_command && ret=0\n      ;;\n"
      "  esac\n  return ret\n}}\n\n"
      "if [[ $funcstack[1] == _cardvoid ]]; then\n  _cardvoid \"$@\"\nelse\n  compdef _cardvoid "
      "cardvoid\nfi\n",
      global_specs, descriptions, cases);
}

// ---- fish ----

template <class Word>
std::string fish_action(const Word& word) {
  if (!word.choices.empty())
    return fmt::format(" -x -a {}", quoted_for_fish(fmt::format("{}", fmt::join(word.choices, " "))));
  switch (word.kind) {
    case ValueKind::text: return " -x";
    case ValueKind::job_file: return " -k -x -a '(__fish_complete_suffix .toml)'";
    case ValueKind::file: return " -r -F";
    case ValueKind::folder: return " -x -a '(__fish_complete_directories)'";
  }
  return "";
}

std::string fish_flags(const Spoken& command) {
  const auto condition =
      command.name.empty() ? std::string{} : fmt::format(" -n '__cardvoid_is {}'", command.name);
  std::string lines;
  for (const auto& flag : command.words.flags) {
    lines += fmt::format("complete -c cardvoid{} -l {}", condition, flag.name.substr(2));
    if (flag.letter) lines += fmt::format(" -s {}", flag.letter);
    if (!flag.is_switch() && !has_optional_value(flag)) lines += fish_action(flag);
    lines += fmt::format(" -d {}\n", quoted_for_fish(flag.help));
  }
  return lines;
}

std::string fish_words(const Spoken& command) {
  std::string lines;
  for (const auto& word : command.words.positionals)
    if (word.kind != ValueKind::text || !word.choices.empty())
      lines += fmt::format("complete -c cardvoid -n '__cardvoid_is {}'{}\n", command.name, fish_action(word));
  return lines;
}

std::string fish_script(const std::vector<Spoken>& commands, const Spoken& globals) {
  std::string with_value, names, lines;
  for (const auto& flag : globals.words.flags)
    if (!flag.is_switch()) with_value += fmt::format(" {}", flag.name);
  for (const auto& command : commands) {
    names += fmt::format("complete -c cardvoid -n '__cardvoid_is \"\"' -a {} -d {}\n", command.name,
                         quoted_for_fish(command.purpose));
    lines += fish_words(command) + fish_flags(command);
  }
  return fmt::format(
      "# Completion of cardvoid for fish, made by `cardvoid completion fish`.\n\n"
      "# Whether this is the command so far; \"\": there is none yet.\n"
      "function __cardvoid_is\n"
      "    set -l is_value 0\n    set -l command ''\n"
      "    for word in (commandline -opc)[2..-1]\n"
      "        if test $is_value -eq 1\n            set is_value 0\n            continue\n        end\n"
      "        switch $word\n"
      "            case{}\n                set is_value 1\n"
      "            case '-*'\n"
      "            case '*'\n                set command $word\n                break\n"
      "        end\n    end\n"
      "    test \"$command\" = \"$argv[1]\"\nend\n\n"
      "complete -c cardvoid -f\n{}{}{}",
      with_value, names, fish_flags(globals), lines);
}

// ---- the command ----

struct Options {
  Shell shell = Shell::bash;
};

Words words(Options& options) {
  Positional shell{
      .name = "SHELL", .help = translatable("bash, zsh or fish"), .choices = {"bash", "zsh", "fish"}};
  shell.set = [&options](const std::string& word) -> Result<void> {
    if (word != "bash" && word != "zsh" && word != "fish")
      return Error{Errc::usage, tr("{}: expected bash, zsh or fish", word)};
    options.shell = word == "bash" ? Shell::bash : word == "zsh" ? Shell::zsh : Shell::fish;
    return {};
  };
  return {{std::move(shell)}, {}};
}

int completion(Console& console, const Options& options) {
  return console.answer(completion_script(options.shell)) ? 0 : static_cast<int>(Errc::io);
}

}  // namespace

std::string completion_script(Shell shell) {
  const auto commands = all_commands();
  Globals unused;
  const Spoken globals{{}, {}, {{}, global_flags(unused)}};
  switch (shell) {
    case Shell::bash: return bash_script(commands, globals);
    case Shell::zsh: return zsh_script(commands, globals);
    case Shell::fish: return fish_script(commands, globals);
  }
  return {};
}

Command completion_command() {
  return {
      .name = "completion",
      .group = translatable("Other"),
      .purpose = translatable("Prints the completion of commands, flags and files for a shell"),
      .about = translatable("For one session, source it. To keep it, write it where the shell looks for it:\n"
                            "  bash  ~/.local/share/bash-completion/completions/cardvoid\n"
                            "  zsh   _cardvoid in a folder of $fpath\n"
                            "  fish  ~/.config/fish/completions/cardvoid.fish\n"
                            "The Debian package has put them there for everybody."),
      .examples = {{"cardvoid completion bash > cardvoid.bash && source cardvoid.bash"}},
      .call = call_of(words, completion)};
}

}  // namespace cardvoid::cli
