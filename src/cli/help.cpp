#include "help.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/version.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "exit_codes.hpp"
#include "manual.hpp"
#include "parse.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_columns = 100, k_widest_label = 26;

struct Entry {
  std::string label, text;
};

// The table of commands is English, and the manual and the completions print it as it is.
std::string spoken(std::string_view english) {
  constexpr const char* k_with_numbers[] = {translatable("Requests/s, from {} to {}; may be fractional"),
                                            translatable("N is no number from {} to {}")};
  return tr_stored(english, k_with_numbers);
}

// By their headings, each in the order of its first entry.
using Grouped = std::vector<std::pair<std::string_view, std::vector<Entry>>>;

void add(Grouped& groups, std::string_view heading, Entry entry) {
  const auto group =
      std::find_if(groups.begin(), groups.end(), [&](const auto& each) { return each.first == heading; });
  if (group != groups.end())
    group->second.push_back(std::move(entry));
  else
    groups.push_back({heading, {std::move(entry)}});
}

// Lists under their headings, with all texts of them below each other.
std::string listed(const Grouped& groups) {
  std::size_t columns = 0;
  for (const auto& [heading, entries] : groups)
    for (const auto& entry : entries)
      if (entry.label.size() <= k_widest_label) columns = std::max(columns, entry.label.size());
  const auto indent = columns + 4;
  std::string page;
  for (const auto& [heading, entries] : groups) {
    page += "\n" + tr("{}:", spoken(heading)) + "\n";
    for (const auto& [label, text] : entries) {
      page += fmt::format("  {:<{}}", label, columns);
      page += label.size() > columns ? "\n" + std::string(indent, ' ') : "  ";
      page += wrapped(text, indent, k_columns) + "\n";
    }
  }
  return page;
}

Entry entry_for(const Flag& flag) {
  auto label = flag.letter ? fmt::format("-{}, {}", flag.letter, flag.name) : std::string{flag.name};
  if (!flag.value.empty()) label += fmt::format(" {}", flag.value);
  auto text = spoken(flag.help);
  if (!flag.choices.empty()) text = tr("{}: {}", text, fmt::format("{}", fmt::join(flag.choices, ", ")));
  if (!flag.excludes.empty()) text = tr("{}; not with {}", text, flag.excludes);
  if (flag.required) text = tr("{}; required", text);
  return {std::move(label), std::move(text)};
}

void add(Grouped& groups, const std::vector<Flag>& flags, std::string_view heading) {
  for (const auto& flag : flags) add(groups, flag.group.empty() ? heading : flag.group, entry_for(flag));
}

void add_exit(Grouped& groups, int code, std::string_view meaning) {
  add(groups, translatable("Exit codes"), {fmt::format("{:>2}", code), spoken(meaning)});
}

std::string usage_line(const Command& command, const Words& words) {
  auto line = fmt::format("cardvoid {}", command.name);
  for (const auto& each : words.positionals)
    line += each.repeatable ? fmt::format(" {}…", each.name)
            : each.required ? fmt::format(" {}", each.name)
                            : fmt::format(" [{}]", each.name);
  for (const auto& flag : words.flags)
    if (flag.required) line += fmt::format(" {} {}", flag.name, flag.value);
  const bool has_more =
      std::any_of(words.flags.begin(), words.flags.end(), [](const Flag& flag) { return !flag.required; });
  return line + (has_more ? " [FLAGS]" : "");
}

std::string version_text() {
  return fmt::format("cardvoid {}\nBoost {}.{}.{}\n{}\nSQLite {}\n", k_version, BOOST_VERSION / 100000,
                     BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100, OpenSSL_version(OPENSSL_VERSION),
                     sqlite3_libversion());
}

std::string version_json() {
  return to_json_line({{"version", k_version},
                       {"boost", fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                                             BOOST_VERSION % 100)},
                       {"openssl", OpenSSL_version(OPENSSL_VERSION)},
                       {"sqlite", sqlite3_libversion()}});
}

int print(Console& console, const std::string& text) {
  return console.answer(text) ? 0 : static_cast<int>(Errc::io);
}

struct HelpOptions {
  std::string command;
  bool as_manual = false;
};

Words help_words(HelpOptions& options) {
  Positional command{.name = "COMMAND", .help = translatable("The command to explain"), .required = false};
  for (const auto make : k_commands) command.choices.emplace_back(make().name);
  command.set = into(options.command);
  return {{std::move(command)},
          {{.name = "--man",
            .help = translatable("Print the whole manual page, for `man -l`"),
            .is_on = &options.as_manual}}};
}

int help(Console& console, const HelpOptions& options) {
  if (options.as_manual) return print(console, manual_page());
  if (options.command.empty()) return print(console, main_help());
  for (const auto make : k_commands)
    if (const auto command = make(); command.name == options.command)
      return print(console, command_help(command));
  return console.fail(unknown_command(options.command));
}

struct VersionOptions {};

}  // namespace

std::string main_help() {
  std::string page =
      tr("Invalidates WeChat Pay brand membership cards in bulk.") + "\n\n" +
      tr("Usage:    {}", "cardvoid COMMAND [FLAGS]") + "\n" +
      tr("Example:  {}", "cardvoid check gold.toml && cardvoid plan gold.toml && cardvoid run gold.toml") +
      "\n";
  Grouped groups;
  for (const auto make : k_commands) {
    const auto command = make();
    add(groups, command.group, {std::string{command.name}, spoken(command.purpose)});
  }
  Globals unused;
  add(groups, global_flags(unused), translatable("Global flags, before or after the command"));
  for (const auto& each : exit_codes()) add_exit(groups, each.code, each.meaning);
  return page + listed(groups) + "\n" + tr("`cardvoid help COMMAND` explains a command.") + "\n";
}

std::string command_help(const Command& command) {
  const auto words = command.call().words;
  auto page = spoken(command.purpose) + "\n\n" + tr("Usage:    {}", usage_line(command, words)) + "\n";
  for (const auto& example : command.examples) page += tr("Example:  {}", example.line) + "\n";
  Grouped words_listed, exits;
  for (const auto& each : words.positionals)
    add(words_listed, translatable("Arguments"), {std::string{each.name}, spoken(each.help)});
  add(words_listed, words.flags, translatable("Flags"));
  page += listed(words_listed);
  if (!command.about.empty()) page += "\n" + wrapped(spoken(command.about), 0, k_columns) + "\n";
  for (const auto& each : command.exits) add_exit(exits, each.code, each.text);
  page += listed(exits);
  return page + "\n" + tr("Global flags and all exit codes: `cardvoid --help`") + "\n";
}

Call help_call(const Command* command) {
  Call call;
  call.run = [page = command ? command_help(*command) : main_help()](Console& console) {
    return print(console, page);
  };
  return call;
}

Command help_command() {
  return {.name = "help",
          .group = translatable("Other"),
          .purpose = translatable("Explains a command, or lists them all"),
          .examples = {{"cardvoid help run"}},
          .call = call_of<HelpOptions>(help_words, help)};
}

Command version_command() {
  return {.name = "version",
          .group = translatable("Other"),
          .purpose = translatable("Prints the version of cardvoid and of its libraries"),
          .examples = {{"cardvoid version"}},
          .call = call_of<VersionOptions>([](VersionOptions&) -> Words { return {}; },
                                          [](Console& console, const VersionOptions&) {
                                            return print(console, console.globals().json ? version_json()
                                                                                         : version_text());
                                          })};
}

}  // namespace cardvoid::cli
