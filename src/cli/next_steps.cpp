#include "next_steps.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cardvoid::cli {

namespace {

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

// The command, with the job and the flags that this run was given.
std::string command(const Globals& globals, const std::filesystem::path& job_file, std::string_view name,
                    std::string_view flags) {
  auto text = fmt::format("cardvoid {} {}", name, quoted(job_file.string()));
  for (const auto& set : globals.overrides.set) text += " --set " + quoted(set);
  if (const auto& file = globals.overrides.results_database; !file.empty())
    text += " --results " + quoted(file.string());
  if (!flags.empty()) text += fmt::format(" {}", flags);
  return text;
}

std::string flags_for(const Consent& consent) {
  std::string flags = consent.accept_damage ? "--accept-damage" : "";
  const auto add = [&](const std::string& flag) { flags += (flags.empty() ? "" : " ") + flag; };
  if (consent.yes) add("--yes");
  if (!consent.yes && !consent.confirm.empty()) add("--confirm " + consent.confirm);
  return flags;
}

}  // namespace

std::string next_steps(const Globals& globals, const std::filesystem::path& job_file, const Consent& consent,
                       const ledger::Totals& totals) {
  std::string text;
  const auto say = [&](std::string_view what, std::string_view name, std::string_view flags = {}) {
    text += fmt::format("\n  {}: {}", what, command(globals, job_file, name, flags));
  };
  say("see where the job stands", "status");
  if (totals.rejected > 0) say("list the rejected cards", "export", "--status rejected -o rejected.csv");
  if (totals.unresolved > 0) {
    say("list the unresolved cards", "export", "--status unresolved -o unresolved.csv");
    say("read them back", "reconcile");
  }
  if (totals.rejected > 0)
    say("once the cause is gone, to have these cards sent again", "retry", "--status rejected");
  if (totals.unresolved > 0)
    say("once they were looked at, to have these cards sent again", "retry", "--status unresolved");
  if (!consent.confirm.empty() && totals.rejected + totals.unresolved > 0)
    say("after a retry, for the new fingerprint", "plan");
  say("go on with what is left, a canary first", "run", flags_for(consent));
  return text;
}

}  // namespace cardvoid::cli
