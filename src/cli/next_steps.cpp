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

std::string command(const Options& options, std::string_view name, std::string_view flags = {}) {
  auto text = fmt::format("cardvoid {} {}", name, quoted(options.job_file.string()));
  for (const auto& set : options.overrides.set) text += " --set " + quoted(set);
  if (const auto& file = options.overrides.results_database; !file.empty())
    text += " --results " + quoted(file.string());
  if (!flags.empty()) text += fmt::format(" {}", flags);
  return text;
}

}  // namespace

std::string next_steps(const Options& options, const ledger::Totals& totals) {
  std::string text;
  const auto say = [&](std::string_view what, const std::string& line) {
    text += fmt::format("\n  {}: {}", what, line);
  };
  say("see where the job stands", command(options, "status"));
  if (totals.rejected > 0)
    say("list the rejected cards", command(options, "export", "--status rejected -o rejected.csv"));
  if (totals.unresolved > 0) {
    say("list the unresolved cards", command(options, "export", "--status unresolved -o unresolved.csv"));
    say("read them back", command(options, "reconcile"));
  }
  if (totals.rejected > 0)
    say("once the cause is gone, to have these cards sent again",
        command(options, "retry", "--status rejected"));
  if (totals.unresolved > 0)
    say("once they were looked at, to have these cards sent again",
        command(options, "retry", "--status unresolved"));
  std::string consent = options.yes ? "--yes" : options.confirm.empty() ? "" : "--confirm " + options.confirm;
  if (options.overrides.accept_damage) consent = "--accept-damage" + (consent.empty() ? "" : " " + consent);
  if (!options.confirm.empty() && totals.rejected + totals.unresolved > 0)
    say("after a retry, for the new fingerprint", command(options, "plan"));
  say("go on with what is left, a canary first", command(options, "run", consent));
  return text;
}

}  // namespace cardvoid::cli
