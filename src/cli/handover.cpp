#include "handover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cardvoid/base/host.hpp>
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

class Maker {
 public:
  Maker(const Globals& globals, const model::Job& job, const ledger::Totals& totals)
      : globals_{globals}, file_{whole(job.file)}, totals_{totals} {
    if (auto& file = globals_.overrides.results_database; !file.empty()) file = whole(file);
  }

  std::vector<std::string> take() { return std::move(lines_); }

  void while_held(const ledger::LockHolder& holder) {
    lines_.push_back(tr("{} is under way (pid {} on {}): leave it alone",
                        holder.command.empty() ? "cardvoid" : holder.command, holder.pid, holder.host));
    say(tr("see how it goes on"), "status", "--watch");
    if (holder.command != "run" && holder.command != "reconcile") return;
    say(tr("let it wait, and go on"), "pause");
    say(tr("end it softly"), "stop");
  }

  // As the run's own last lines said it, but for the flags that it was given: the plan is agreed to again.
  void after(const ledger::RunRecord& run) {
    constexpr int k_with_losses = 1;
    int code = run.exit_code.value_or(static_cast<int>(Errc::stopped));  // died
    const bool is_left = totals_.to_send() > 0 || totals_.in_doubt() > 0;
    if (!is_left && totals_.rejected + totals_.refused > 0) code = k_with_losses;
    if (!is_left && code != k_with_losses) return otherwise();
    if (is_left && code <= k_with_losses) return otherwise();
    const bool reads_back = run.command == "reconcile";
    auto as_then = globals_;
    as_then.command = reads_back ? "reconcile" : "run";
    as_then.words = {as_then.command, file_.string()};
    for (const auto& set : globals_.overrides.set) as_then.words.insert(as_then.words.end(), {"--set", set});
    if (const auto& database = globals_.overrides.results_database; !database.empty())
      as_then.words.insert(as_then.words.end(), {"--results", database.string()});
    lines_ = next_steps(
        as_then, file_,
        {.exit_code = code, .trip = trip_of(run), .totals = totals_, .read_back_only = reads_back});
  }

  // After no run, or after one that left nothing.
  void otherwise() {
    if (totals_.to_send() > 0) {
      say(tr("see what would be sent"), "plan");
      return say(tr("send it: it asks first"), "run");
    }
    if (totals_.in_doubt() > 0) return say(tr("read back the cards in doubt"), "reconcile");
    if (totals_.rows() == 0) return say(tr("import the list"), "plan");
    lines_.emplace_back(tr("nothing is left to do"));
  }

 private:
  static std::filesystem::path whole(const std::filesystem::path& file) {
    std::error_code ignored;
    return std::filesystem::absolute(file, ignored).lexically_normal();
  }

  void say(std::string_view what, std::string_view name, std::string_view flags = {}) {
    lines_.push_back(tr("{}: {}", what, command_line(globals_, file_, name, flags)));
  }

  Globals globals_;
  const std::filesystem::path file_;
  const ledger::Totals& totals_;
  std::vector<std::string> lines_;
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
  if (key.empty()) return std::string{tr("job file")};
  if (key == "merchant.private_key_file") return std::string{tr("merchant private key")};
  if (key == "platform.public_key_file") return std::string{tr("WeChat Pay public key")};
  if (key == "platform.certificates_dir") return std::string{tr("platform certificates")};
  if (key == "input.csv" || key == "input.sqlite") return std::string{tr("list")};
  if (key == "safety.protect") return std::string{tr("list of protected cards")};
  if (key == "results.database") return std::string{tr("results database")};
  if (key == "results.report_file") return std::string{tr("report")};
  return key;
}

// The command of a line, or nothing.
std::string command_of(const std::string& line) {
  const auto at = line.find(": cardvoid ");
  return at == std::string::npos ? std::string{} : line.substr(at + 2);
}

}  // namespace

Handover hand_over(const Globals& globals, const model::Job& job, const ledger::Totals& totals,
                   const std::optional<ledger::LockHolder>& holder,
                   const std::optional<ledger::RunRecord>& last) {
  Maker maker{globals, job, totals};
  if (holder)
    maker.while_held(*holder);
  else if (last)
    maker.after(*last);
  else
    maker.otherwise();
  return {maker.take(), user_name(), host_name(), paths_of(job), job.contacts};
}

std::string handover_text(const Handover& handover) {
  auto text = "\n" + tr("What to do next, as {} on {}:", handover.user, handover.host) + "\n";
  for (const auto& line : handover.carry_on) text += "  " + escape_for_terminal(line) + "\n";
  text += fmt::format("\n{}\n", tr("Paths:"));
  for (const auto& [key, path] : handover.paths)
    text += "  " + tr("{}: {}", words_for_path(key), escape_for_terminal(path)) + "\n";
  text += fmt::format("\n{}\n", tr("Contacts:"));
  if (handover.contacts.empty())
    return text + "  " +
           tr("the job file names none; add a line like this above its first table: {}",
              R"(contacts = "Li Lei, operations, +86 10 5555 0100")") +
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
  for (const auto& line : handover.carry_on)
    if (const auto command = command_of(line); !command.empty()) commands.emplace_back(command);
  for (const auto& [key, path] : handover.paths)
    paths.push_back(boost::json::object{{"key", key.empty() ? value() : value(key)}, {"path", path}});
  return {{"commands", std::move(commands)},
          {"user", handover.user},
          {"host", handover.host},
          {"paths", std::move(paths)},
          {"contacts", handover.contacts.empty() ? value() : value(handover.contacts)}};
}

}  // namespace cardvoid::cli
