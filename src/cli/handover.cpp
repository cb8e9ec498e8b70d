#include "handover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/own_files.hpp>

#include "next_steps.hpp"

namespace cardvoid::cli {

namespace {

std::optional<model::TripCause> trip_of(const ledger::RunRecord& run) {
  using enum model::TripCause;
  for (const auto cause : {canary, failure_rate, unknown_answer, wrong_card, contradiction, already})
    if (run.tripped_by == model::to_text(cause)) return cause;
  return std::nullopt;
}

bool has_reason(const std::optional<ledger::Pulse>& pulse, std::string_view kind) {
  return pulse && std::any_of(pulse->reasons_to_wait.begin(), pulse->reasons_to_wait.end(),
                              [&](const auto& reason) { return reason.kind == kind; });
}

bool sends(const ledger::LockHolder& holder) {
  return holder.command.starts_with("run") || holder.command == "reconcile";
}

class Maker {
 public:
  Maker(const Globals& globals, const model::Job& job, const Situation& now)
      : globals_{globals}, file_{whole(job.file)}, now_{now} {
    if (auto& file = globals_.overrides.results_database; !file.empty()) file = whole(file);
  }

  std::vector<report::Step> take(State state) {
    switch (state) {
      case State::never_ran: otherwise(); break;
      case State::ended: after(*now_.last); break;
      case State::window_closed: wait_for_window(); break;
      case State::elsewhere: elsewhere(*now_.holder); break;
      case State::under_way:
      case State::throttled:
      case State::paused:
      case State::suspended:
      case State::paused_and_suspended: while_held(state, *now_.holder);
    }
    return std::move(steps_);
  }

 private:
  static std::filesystem::path whole(const std::filesystem::path& file) {
    std::error_code ignored;
    return std::filesystem::absolute(file, ignored).lexically_normal();
  }

  std::string command(std::string_view name, std::string_view flags = {}) const {
    return command_line(globals_, file_, name, flags);
  }
  void say(std::string words, std::string command = {}) {
    steps_.push_back({std::move(words), std::move(command)});
  }

  void while_held(State state, const ledger::LockHolder& holder) {
    const auto who = holder.command.empty() ? std::string{"cardvoid"} : "cardvoid " + holder.command;
    const auto go_on = fmt::format("kill -CONT {}", holder.pid);
    if (state == State::suspended) {
      say(tr("{} (pid {}) is suspended (Ctrl-Z or SIGSTOP): it sends nothing and keeps the job", who,
             holder.pid));
      return say(tr("let it go on, or type fg where it was started"), go_on);
    }
    if (state == State::paused_and_suspended) {
      say(tr("{} (pid {}) was paused with cardvoid pause, and is suspended (Ctrl-Z or SIGSTOP) besides", who,
             holder.pid));
      return say(tr("let it go on: it takes both"), go_on + " && " + command("resume"));
    }
    if (state == State::paused) {
      say(tr("{} (pid {}) is paused with cardvoid pause: it sends nothing and keeps the job", who,
             holder.pid));
      return say(tr("let it go on"), command("resume"));
    }
    if (state == State::throttled)
      say(tr("{} (pid {}) stands still after a 429, too many requests, and goes on by itself: leave it alone",
             who, holder.pid));
    else
      say(tr("{} (pid {}) is under way: leave it alone", who, holder.pid));
    say(tr("see how it goes on"), command("status", "--watch"));
    if (!sends(holder)) return;
    say(tr("let it wait"), command("pause"));
    say(tr("end it softly"), command("stop"));
  }

  // Its process cannot be looked at or signalled from here.
  void elsewhere(const ledger::LockHolder& holder) {
    say(tr("cardvoid {} is under way on {} (pid {}): only there can it be steered", holder.command,
           holder.host, holder.pid));
    say(tr("see how it goes on"), command("status", "--watch"));
  }

  void wait_for_window() {
    say(now_.opens_at
            ? tr("the window is closed, and nothing is sent before {}", format_local(*now_.opens_at))
            : tr("the window is closed, and nothing is sent now"));
    return now_.last ? after(*now_.last) : otherwise();
  }

  // As the run's own last lines said it, but for the flags that it was given: the plan is agreed to again.
  void after(const ledger::RunRecord& run) {
    constexpr int k_with_losses = 1;
    const auto& totals = now_.totals;
    int code = run.exit_code.value_or(static_cast<int>(Errc::stopped));  // died
    const bool is_left = totals.to_send() > 0 || totals.in_doubt() > 0;
    if (!is_left && totals.rejected + totals.refused > 0) code = k_with_losses;
    if (!is_left && code != k_with_losses) return otherwise();
    if (is_left && code <= k_with_losses) return otherwise();
    const bool reads_back = run.command == "reconcile";
    auto as_then = globals_;
    as_then.command = reads_back ? "reconcile" : "run";
    as_then.words = {as_then.command, file_.string()};
    for (const auto& set : globals_.overrides.set) as_then.words.insert(as_then.words.end(), {"--set", set});
    if (const auto& database = globals_.overrides.results_database; !database.empty())
      as_then.words.insert(as_then.words.end(), {"--results", database.string()});
    for (auto& step : next_steps(
             as_then, file_,
             {.exit_code = code, .trip = trip_of(run), .totals = totals, .read_back_only = reads_back}))
      steps_.push_back(std::move(step));
  }

  // After no run, or after one that left nothing.
  void otherwise() {
    const auto& totals = now_.totals;
    if (totals.to_send() > 0) return say(tr("send it, which shows the plan and asks first"), command("run"));
    if (totals.in_doubt() > 0) return say(tr("read back the cards in doubt"), command("reconcile"));
    if (totals.rows() == 0) return say(tr("import the list"), command("plan"));
    say(tr("nothing is left to do"));
  }

  Globals globals_;
  const std::filesystem::path file_;
  const Situation& now_;
  std::vector<report::Step> steps_;
};

std::vector<Handover::Path> paths_of(const model::Job& job) {
  std::vector<Handover::Path> paths;
  for (const auto& file : model::own_files(job)) {
    if (file.kind == model::OwnFile::Kind::companion) continue;
    std::error_code ignored;
    paths.push_back(
        {std::string{file.key}, std::filesystem::absolute(file.path, ignored).lexically_normal().string()});
  }
  return paths;
}

std::string words_for_path(const std::string& key) {
  if (key.empty()) return tr("job file");
  if (key == "merchant.private_key_file") return tr("merchant private key");
  if (key == "platform.public_key_file") return tr("WeChat Pay public key");
  if (key == "platform.certificates_dir") return tr("platform certificates");
  if (key == "input.csv" || key == "input.sqlite") return tr("list");
  if (key == "safety.protect") return tr("list of protected cards");
  if (key == "results.database") return tr("results database");
  if (key == "results.report_file") return tr("report");
  return key;
}

}  // namespace

std::string_view to_text(State state) {
  switch (state) {
    case State::never_ran: return "never_ran";
    case State::ended: return "ended";
    case State::window_closed: return "window_closed";
    case State::under_way: return "under_way";
    case State::throttled: return "throttled";
    case State::paused: return "paused";
    case State::suspended: return "suspended";
    case State::paused_and_suspended: return "paused_and_suspended";
    case State::elsewhere: return "elsewhere";
  }
  return "";
}

State state_of(const Situation& now) {
  if (!now.holder) {
    if (!now.is_open && now.totals.to_send() > 0) return State::window_closed;
    return now.last ? State::ended : State::never_ran;
  }
  if (!now.holder->host.empty() && now.holder->host != host_name()) return State::elsewhere;
  const bool is_paused = has_reason(now.pulse, "paused");
  if (now.is_suspended) return is_paused ? State::paused_and_suspended : State::suspended;
  if (is_paused) return State::paused;
  return has_reason(now.pulse, "throttled") ? State::throttled : State::under_way;
}

Handover hand_over(const Globals& globals, const model::Job& job, const Situation& situation) {
  const auto state = state_of(situation);
  return {state,       Maker{globals, job, situation}.take(state), user_name(), host_name(), paths_of(job),
          job.contacts};
}

std::string handover_text(const Handover& handover) {
  auto text = "\n" + tr("What to do next, as {} on {}:", handover.user, handover.host) + "\n";
  for (const auto& step : handover.steps) text += "  " + escape_for_terminal(report::to_line(step)) + "\n";
  text += fmt::format("\n{}\n", tr("Paths:"));
  for (const auto& [key, path] : handover.paths)
    text += "  " + tr("{}: {}", words_for_path(key), escape_for_terminal(path)) + "\n";
  text += fmt::format("\n{}\n", tr("Contacts:"));
  if (handover.contacts.empty())
    return text + "  " +
           tr("the job file names none; add a line like this above its first table: {}",
              tr("contacts = \"Li Lei, operations, +86 10 5555 0100\"")) +
           "\n";
  for (std::string_view rest = handover.contacts; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    if (!line.empty()) text += fmt::format("  {}\n", escape_for_terminal(line));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return text;
}

boost::json::object handover_json(const Handover& handover) {
  using boost::json::value;
  boost::json::array commands, paths;
  for (const auto& step : handover.steps)
    if (!step.command.empty()) commands.emplace_back(step.command);
  for (const auto& [key, path] : handover.paths)
    paths.push_back(boost::json::object{{"key", key.empty() ? value() : value(key)}, {"path", path}});
  return {{"state", to_text(handover.state)},
          {"commands", std::move(commands)},
          {"user", handover.user},
          {"host", handover.host},
          {"paths", std::move(paths)},
          {"contacts", handover.contacts.empty() ? value() : value(handover.contacts)}};
}

}  // namespace cardvoid::cli
