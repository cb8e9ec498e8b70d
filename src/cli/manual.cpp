#include "manual.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

// The number of a character that begins at text[at], which moves to its last byte. The texts are ours and
// valid UTF-8.
unsigned take_character(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  unsigned character = first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i)
    character = character << 6 | (static_cast<unsigned char>(text[++at]) & 0x3Fu);
  return character;
}

// As roff reads it: no line is a request, a hyphen is one, and what is not ASCII is named by its number.
std::string roff(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\')
      escaped += "\\e";
    else if (c == '-')
      escaped += "\\-";
    else if (c == '`')
      escaped += "\\(ga";
    else if (c == '\'')
      escaped += "\\(aq";
    else if (c == '^')
      escaped += "\\(ha";
    else if (c == '~')
      escaped += "\\(ti";
    else if (static_cast<unsigned char>(c) < 0x80)
      escaped += c;
    else
      escaped += fmt::format("\\[u{:04X}]", take_character(text, i));
  }
  return escaped;
}

std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", roff(text)); }
std::string italic(std::string_view text) { return fmt::format("\\fI{}\\fR", roff(text)); }

// An indented paragraph with a label.
std::string entry(std::string_view label, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", label, roff(text));
}

std::string label_of(const Flag& flag) {
  auto label = flag.letter ? fmt::format("{}, ", bold(std::string{'-', flag.letter})) : std::string{};
  label += bold(flag.name);
  return flag.value.empty() ? label : label + " " + italic(flag.value);
}

std::string flag_entry(const Flag& flag) {
  std::string text{flag.help};
  if (!flag.choices.empty()) text += fmt::format(": {}", fmt::join(flag.choices, ", "));
  if (!flag.excludes.empty()) text += fmt::format("; not with {}", flag.excludes);
  if (flag.required) text += "; required";
  return entry(label_of(flag), text);
}

// A line that begins with a blank is part of a table and stays as it is.
std::string paragraphs(std::string_view text) {
  std::string page{".PP\n"};
  bool is_table = false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with(' ') != is_table) {
      is_table = !is_table;
      page += is_table ? ".RS\n.nf\n" : ".fi\n.RE\n.PP\n";
    }
    page += roff(is_table ? line.substr(line.find_first_not_of(' ')) : line) + "\n";
  }
  return page + (is_table ? ".fi\n.RE\n" : "");
}

std::string example(std::string_view line) {
  return fmt::format(".PP\n.RS\n.nf\n{}\n.fi\n.RE\n", bold(line));
}

std::string command_section(const Command& command) {
  const auto words = command.call().words;
  auto heading = fmt::format("cardvoid {}", command.name);
  for (const auto& each : words.positionals)
    heading += each.repeatable ? fmt::format(" {}…", each.name)
               : each.required ? fmt::format(" {}", each.name)
                               : fmt::format(" [{}]", each.name);
  auto page = fmt::format(".SS {}\n{}.\n", roff(heading), roff(command.purpose));
  for (const auto& flag : words.flags) page += flag_entry(flag);
  if (!command.about.empty()) page += paragraphs(command.about);
  if (!command.exits.empty()) page += ".PP\nExit codes:\n";
  for (const auto& each : command.exits) page += entry(std::to_string(each.code), each.text);
  for (const auto& each : command.examples) page += example(each.line);
  return page;
}

std::string environment_section(const std::vector<Flag>& flags) {
  std::string page{".SH ENVIRONMENT\n"};
  page += roff(
      "A flag wins over its variable, an empty variable is as none, and a wrong value is an error. Switches "
      "take 1 or 0.\n");
  for (const auto& flag : flags)
    if (const auto variable = variable_of(flag); !variable.empty())
      page += entry(
          bold(variable),
          fmt::format("As {}{}", flag.name, flag.repeatable ? "; several values stand on a line each" : ""));
  page += entry(bold("NO_COLOR"), "As --no-color");
  page += entry(bold("HTTPS_PROXY") + ", " + bold("NO_PROXY"), "For a job without endpoints.proxy");
  page += entry(bold("LC_ALL") + ", " + bold("LC_MESSAGES") + ", " + bold("LANG") + ", " + bold("LANGUAGE"),
                "The language for --lang auto");
  return page + entry(bold("TZ"), "The time zone of a job without safety.timezone");
}

}  // namespace

std::string manual_page() {
  Globals unused;
  const auto globals = global_flags(unused);
  auto page = fmt::format(
      ".\\\" Made by `cardvoid help --man`.\n.TH CARDVOID 1 \"{}\" \"cardvoid {}\" \"User Commands\"\n",
      k_date, k_version);
  page += ".SH NAME\ncardvoid \\- invalidates WeChat Pay brand membership cards in bulk\n";
  page += fmt::format(".SH SYNOPSIS\n{} {} [{}]\n", bold("cardvoid"), italic("COMMAND"), italic("FLAGS"));
  page +=
      ".SH DESCRIPTION\n" +
      roff(
          "A job file says who signs, where to send, what to read, how fast and how safe. A results database "
          "has every card, every request and every run; the same command carries on after any interruption. "
          "An invalidation cannot be undone.\n");
  page += example("cardvoid check gold.toml && cardvoid plan gold.toml && cardvoid run gold.toml");
  page += ".SH COMMANDS\n";
  for (const auto make : k_commands) page += command_section(make());
  page += ".SH GLOBAL FLAGS\n" + roff("Before or after the command.\n");
  for (const auto& flag : globals) page += flag_entry(flag);
  page += environment_section(globals);
  page += ".SH EXIT STATUS\n" +
          roff("The same for every command; the commands above say what is special to them.\n");
  for (const auto& each : exit_codes()) page += entry(std::to_string(each.code), each.meaning);
  return page;
}

}  // namespace cardvoid::cli
