#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/report/progress.hpp>
#include <utility>

namespace cardvoid::report {

namespace {

using namespace std::chrono_literals;
constexpr auto k_plain_interval = 30s;

std::int64_t settled(const ledger::RunCounts& counts) {
  return counts.confirmed + counts.rejected + counts.unresolved;
}

}  // namespace

std::string count_line(std::string_view label, int label_columns, std::int64_t count,
                       std::string_view remark) {
  return fmt::format("  {:<{}}{:>14}{}{}\n", label, label_columns, grouped(count), remark.empty() ? "" : "  ",
                     remark);
}

std::string summary_text(const Ending& ending) {
  const auto& t = ending.standing.totals;
  auto text = counted(t.rows(), "row") + " in the job\n" + standing_text(ending.standing);
  if (t.refused > 0)
    text += counted(t.refused, "input line") + " refused: cardvoid plan shows them by cause\n";
  text += fmt::format(
      "this run: {} sent, {}, {}, {} 429, {}\n", counted(ending.counts.sent, "invalidation"),
      counted(static_cast<std::int64_t>(ending.last.read_backs), "read-back"),
      ending.last.retries == 1 ? "1 retry"
                               : grouped(static_cast<std::int64_t>(ending.last.retries)) + " retries",
      counted(static_cast<std::int64_t>(ending.last.throttled), "time"), humanize_duration(ending.elapsed));
  if (!ending.stopped.empty()) text += fmt::format("stopped: {}\n", escape_for_terminal(ending.stopped));
  return text;
}

std::string summary_line(const Ending& ending) {
  const auto& t = ending.standing.totals;
  auto text = fmt::format("{} {}: exit {}, {} of {} cards invalidated", ending.command, ending.job,
                          ending.exit_code, grouped(t.invalidated), grouped(t.rows()));
  if (t.already > 0) text += fmt::format(" ({} of them before us)", grouped(t.already));
  const auto say = [&](std::int64_t count, const char* words) {
    if (count > 0) text += fmt::format(", {} {}", grouped(count), words);
  };
  say(t.rejected, "rejected");
  say(t.accepted(), "accepted");
  say(t.in_doubt(), "in doubt");
  say(t.pending_to_send(), "pending");
  say(t.protected_pending, "protected");
  say(t.conflicts, "in conflict with the input");
  say(t.left, "left the list");
  say(t.refused, t.refused == 1 ? "input line refused" : "input lines refused");
  text +=
      fmt::format("; this run sent {} in {}", grouped(ending.counts.sent), humanize_duration(ending.elapsed));
  if (!ending.stopped.empty()) text += fmt::format("; stopped: {}", escape_for_terminal(ending.stopped));
  return text;
}

std::string summary_json(const Ending& ending) {
  boost::json::object object{{"job", ending.job}, {"command", ending.command}, {"run_id", ending.run}};
  add_standing(object, ending.standing);
  object["run"] =
      boost::json::object{{"sent", ending.counts.sent},           {"confirmed", ending.counts.confirmed},
                          {"rejected", ending.counts.rejected},   {"unresolved", ending.counts.unresolved},
                          {"read_backs", ending.last.read_backs}, {"retries", ending.last.retries},
                          {"throttled", ending.last.throttled},   {"commits", ending.commits},
                          {"elapsed_ms", ending.elapsed.count()}};
  object["stopped"] = ending.stopped.empty() ? boost::json::value() : boost::json::value(ending.stopped);
  object["tripped_by"] =
      ending.trip ? boost::json::value(model::to_text(ending.trip->cause)) : boost::json::value();
  boost::json::array culprits;
  if (ending.trip)
    for (const auto row : ending.trip->rows) culprits.push_back(row);
  object["culprits"] = std::move(culprits);
  object["log_bytes"] = ending.log_bytes;
  object["next"] = boost::json::array(ending.next.begin(), ending.next.end());
  object["exit_code"] = ending.exit_code;
  return to_json_line(object);
}

Progress::Progress(ProgressMode mode, std::FILE* stream, std::int64_t to_send)
    : mode_{mode},
      stream_{stream},
      to_send_{to_send},
      begun_{std::chrono::steady_clock::now()},
      next_plain_{begun_ + k_plain_interval} {
  if (mode_ == ProgressMode::automatic)
    mode_ = ::isatty(::fileno(stream)) ? ProgressMode::live : ProgressMode::plain;
}

Progress::~Progress() { finish(); }

std::string Progress::line(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts,
                           Instant now) const {
  using State = dispatch::EndpointHealth::State;
  const auto done = settled(counts);
  const auto elapsed = std::chrono::duration_cast<milliseconds>(now - begun_);
  std::string text =
      fmt::format("{}/{} {:.1f}%  ok {}", grouped(done), grouped(to_send_),
                  to_send_ > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(to_send_) : 100.0,
                  grouped(counts.confirmed));
  if (counts.rejected > 0) text += fmt::format("  rejected {}", grouped(counts.rejected));
  if (counts.unresolved > 0) text += fmt::format("  unresolved {}", grouped(counts.unresolved));
  text += fmt::format("  {:.1f}/s  in flight {}",
                      elapsed.count() > 0
                          ? 1000.0 * static_cast<double>(counts.sent) / static_cast<double>(elapsed.count())
                          : 0.0,
                      snapshot.in_flight);
  if (snapshot.canary > 0) text += fmt::format("  canary {} of {}", snapshot.canary_passed, snapshot.canary);
  if (snapshot.canary > 0 && snapshot.canary_already > 0)
    text += fmt::format(" ({} already)", snapshot.canary_already);
  if (snapshot.waiting > 0) text += fmt::format("  waiting {}", snapshot.waiting);
  for (const auto& reason : snapshot.reasons_to_wait) text += "  " + escape_for_terminal(reason.words);
  const bool primary = snapshot.primary == State::closed, backup = snapshot.backup == State::closed;
  text += primary ? "  primary" : backup ? "  on backup" : "  no endpoint serves";
  // No forecast before one percent or a hundred rows: it would be a guess.
  if (done >= 100 || (to_send_ > 0 && done * 100 >= to_send_ && done > 0))
    text += fmt::format(
        "  left {}",
        humanize_duration(milliseconds{elapsed.count() * std::max<std::int64_t>(to_send_ - done, 0) / done}));
  return text;
}

void Progress::update(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Instant now) {
  const std::lock_guard lock{mutex_};
  switch (mode_) {
    case ProgressMode::automatic:
    case ProgressMode::none: return;
    case ProgressMode::live: {
      const auto text = fit_to_width(line(snapshot, counts, now), terminal_columns(stream_) - 1);
      if (text == shown_) return;
      shown_ = text;
      put(stream_, "\r\x1B[K" + shown_);
      return;
    }
    case ProgressMode::plain:
      if (is_due(now)) put(stream_, line(snapshot, counts, now) + "\n");
      return;
    case ProgressMode::json: {
      const boost::json::object object{{"type", "progress"},
                                       {"to_send", to_send_},
                                       {"sent", counts.sent},
                                       {"confirmed", counts.confirmed},
                                       {"rejected", counts.rejected},
                                       {"unresolved", counts.unresolved},
                                       {"in_flight", snapshot.in_flight},
                                       {"waiting", snapshot.waiting},
                                       {"rate", snapshot.rate},
                                       {"canary", snapshot.canary},
                                       {"canary_passed", snapshot.canary_passed},
                                       {"canary_already", snapshot.canary_already},
                                       {"reasons_to_wait", ledger::as_json(snapshot.reasons_to_wait)}};
      unsaid_ = to_json_line(object);
      if (is_due(now)) put(stream_, std::exchange(unsaid_, {}));
      return;
    }
  }
}

bool Progress::is_due(Instant now) {
  if (now < next_plain_) return false;
  next_plain_ = now + k_plain_interval;
  return true;
}

void Progress::say(std::string_view text) {
  const std::lock_guard lock{mutex_};
  put(stream_, fmt::format("{}{}\n{}", shown_.empty() ? "" : "\r\x1B[K", escape_for_terminal(text), shown_));
}

void Progress::finish() {
  const std::lock_guard lock{mutex_};
  if (!std::exchange(shown_, {}).empty()) put(stream_, "\r\x1B[K");
  // Machines that follow the events get the last state too; people have the summary.
  if (!unsaid_.empty()) put(stream_, std::exchange(unsaid_, {}));
}

}  // namespace cardvoid::report
