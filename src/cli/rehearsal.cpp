#include "rehearsal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/run/spoken.hpp>
#include <cmath>

#include "exit_codes.hpp"

namespace cardvoid::cli {

namespace {

constexpr double k_most_requests_per_second = 120;  // of this machine, both ends of every connection
constexpr double k_usual_seconds = 15, k_most_seconds = 35;
constexpr std::size_t k_columns = 79;

// `once`: the part that does not grow with the list.
std::int64_t scaled(std::int64_t count, const Rehearsal& r, std::int64_t once = 0) {
  if (r.cards == r.to_send || r.cards <= r.canaries) return count;
  const auto factor = static_cast<double>(r.to_send - r.canaries) / static_cast<double>(r.cards - r.canaries);
  return once + std::llround(static_cast<double>(count - once) * factor);
}

// Windows that the work takes from now on; 0: more than a year.
std::int64_t count_windows(const dispatch::Window& window, WallTime now, WallTime done) {
  std::int64_t windows = 0;
  for (auto at = now; at < done;) {
    if (window.is_open(at)) ++windows;
    const auto change = window.next_change(at);
    if (!change) break;
    at = *change;
  }
  return windows;
}

std::vector<std::string> alerts_of(const Rehearsal& r) {
  std::vector<std::string> alerts;
  const auto stopped = static_cast<int>(Errc::stopped), away = static_cast<int>(Errc::unavailable);
  if (r.exit_code == away)
    alerts.emplace_back(translatable("CardvoidPlatformAway, if it lasts for 26 hours"));
  if (r.exit_code > away && r.exit_code != stopped) alerts.emplace_back("CardvoidStopped");
  if (r.totals.held > 0) alerts.emplace_back("CardvoidHeld");
  if (r.had_many_errors) alerts.emplace_back("CardvoidErrors");
  return alerts;
}

std::string meaning(int exit_code) {
  for (const auto& each : exit_codes())
    if (each.code == exit_code) return tr("{}, {}", exit_code, tr(std::string{each.name}));
  return std::to_string(exit_code);
}

std::string line(std::string_view label, std::string_view text) {
  constexpr std::size_t k_indent = 17;
  return fmt::format("  {:<{}}{}\n", label, k_indent - 2, wrapped(text, k_indent, k_columns));
}

std::string count(std::string_view label, std::int64_t number, std::string_view remark = "") {
  return line(label, fmt::format("{}{}{}", grouped(number), remark.empty() ? "" : "  ", remark));
}

// What went wrong in it, and what came of it.
std::string events_text(const Rehearsal& r) {
  const auto& q = r.requests;
  std::string text;
  const auto add = [&](std::int64_t number, const std::string& words) {
    if (number > 0) text = text.empty() ? words : tr("{}, {}", text, words);
  };
  add(q.throttled, tr_n(q.throttled, "{} time 429", "{} times 429"));
  add(q.lost, tr("{} without an answer", grouped(q.lost)));
  add(q.errors, tr("{} errors", grouped(q.errors)));
  add(q.unsent, tr("{} without a connection", grouped(q.unsent)));
  add(q.by_backup, tr("{} served by the backup", grouped(q.by_backup)));
  return text.empty() ? tr("nothing") : text;
}

std::string rehearsal_part(const Rehearsal& r) {
  auto text = "\n" + tr("In the rehearsal") + "\n";
  if (r.cards > 0)
    text += line(tr("took"), tr("{} here; a real run takes {} for it", spoken_duration(r.took),
                                spoken_duration(r.elapsed)));
  text += count(tr("cards"), r.cards,
                r.cards < r.to_send
                    ? tr("the first of {}: what follows for all of them is scaled up", grouped(r.to_send))
                    : tr("all that are to be sent"));
  constexpr std::int64_t k_small_sample = 200;
  if (r.cards < r.to_send && r.cards < k_small_sample)
    text += line("", tr("so few cards say little of what is rare: the numbers below are rough, and --limit N "
                        "rehearses more of them"));
  text += line(tr("went wrong"), events_text(r));
  if (!r.stopped.empty()) {
    text += count(tr("invalidated"), r.totals.invalidated);
    if (r.totals.rejected > 0) text += count(tr("rejected"), r.totals.rejected);
    if (r.totals.in_doubt() > 0) text += count(tr("in doubt"), r.totals.in_doubt());
  }
  text += line(tr("ended"),
               r.stopped.empty() ? tr("as a run that is done") : escape_for_terminal(run::spoken(r.stopped)));
  return text;
}

std::string window_words(const model::Job& job, const Forecast& f) {
  const auto window = dispatch::to_text(*job.safety.window);
  const auto opens = f.outlook.opens_at ? tr("{} opens next at {}", window, format_local(*f.outlook.opens_at))
                                        : tr("{} is open now", window);
  if (f.windows <= 1) return tr("{}; one is enough", opens);
  return tr(
      "{}; it takes {} of them: all but the last run end with 75, work left, and the next one carries on",
      opens, grouped(f.windows));
}

std::string words_for_done(const Forecast& f) {
  if (!f.outlook.done_at) return tr("not within a year");
  const auto done = format_local(*f.outlook.done_at);
  return f.outlook.opens_at ? tr("{}, if it began then", done) : tr("{}, if it began now", done);
}

std::string forecast_part(const Rehearsal& r, const Forecast& f, const model::Job& job) {
  auto text = "\n" +
              (r.scenario == Scenario::calm ? tr("A real run")
                                            : tr("A real run on such a day ({})", to_text(r.scenario))) +
              "\n";
  text += line(tr("takes"), tr("{} of sending, at most {:.6g} requests/s", spoken_duration(*f.outlook.needed),
                               job.limits.requests_per_second));
  if (job.safety.window) text += line(tr("window"), window_words(job, f));
  text += line(tr("done"), words_for_done(f));
  text += count(tr("requests"), f.invalidations + f.read_backs,
                tr("{} invalidations, {}", grouped(f.invalidations),
                   tr_n(f.read_backs, "{} read-back", "{} read-backs")));
  text += count(tr("invalidated"), f.confirmed + f.already,
                f.already > 0 ? tr("{} of them before us", grouped(f.already)) : "");
  if (f.rejected > 0)
    text += count(tr("rejected"), f.rejected,
                  f.rejected == 1 ? tr("the platform refuses it; it stays valid")
                                  : tr("the platform refuses them; they stay valid"));
  if (f.in_doubt > 0) text += count(tr("in doubt"), f.in_doubt, tr("`cardvoid reconcile` reads them back"));
  return text;
}

// Why a run that is done ends with 1. `rejected`: of the whole list.
std::string losses_text(const ledger::Totals& t, std::int64_t rejected) {
  std::string text;
  const auto add = [&](std::int64_t number, const std::string& words) {
    if (number > 0) text = text.empty() ? words : tr("{}, {}", text, words);
  };
  add(rejected, tr_n(rejected, "{} card is rejected", "{} cards are rejected"));
  add(t.refused_lines(), tr_n(t.refused_lines(), "{} line is refused", "{} lines are refused"));
  add(t.conflicts, tr_n(t.conflicts, "{} card is in conflict", "{} cards are in conflict"));
  add(t.protected_pending, tr_n(t.protected_pending, "{} card is protected", "{} cards are protected"));
  return text;
}

std::string words_for_exit(const Rehearsal& r, const std::optional<Forecast>& f) {
  const auto losses =
      r.exit_code == 1 ? losses_text(r.totals, f ? f->rejected : r.totals.rejected) : std::string{};
  return losses.empty() ? meaning(r.exit_code) : tr("{}: {}", meaning(r.exit_code), losses);
}

std::string ending_part(const Rehearsal& r, const std::optional<Forecast>& f,
                        const std::vector<std::string>& alerts) {
  const auto& t = r.totals;
  auto text = r.stopped.empty() ? std::string{} : "\n" + tr("A real run on such a day") + "\n";
  text += line(tr("exit code"), words_for_exit(r, f));
  if (const auto lines = t.refused_lines(); lines > 0)
    text += count(tr("refused lines"), lines, tr("never sent; `cardvoid plan` shows why"));
  if (t.conflicts > 0)
    text += count(tr("conflicts"), t.conflicts, tr("never sent; `cardvoid plan` shows them"));
  if (t.protected_pending > 0) text += count(tr("protected"), t.protected_pending, tr("never sent"));
  std::string names;
  for (const auto& alert : alerts) {
    const auto one = tr(alert);
    names = names.empty() ? one : tr("{}; {}", names, one);
  }
  text += line(tr("alerts"), names.empty() ? tr("none of those in docs/operating/monitoring.md") : names);
  return text;
}

}  // namespace

Scale choose_scale(std::int64_t to_send, double rate, std::optional<double> speed,
                   std::optional<std::int64_t> limit) {
  Scale scale;
  const auto most_speed = std::clamp(k_most_requests_per_second / rate, 1.0, k_greatest_speed);
  const auto reach = speed.value_or(most_speed) * rate * k_most_seconds;  // cards within the longest time
  scale.cards =
      limit ? std::min(*limit, to_send) : std::min(to_send, std::max<std::int64_t>(std::llround(reach), 1));
  const auto seconds = static_cast<double>(scale.cards) / rate;  // at the real pace
  scale.speed = speed.value_or(std::clamp(std::round(seconds / k_usual_seconds), 1.0, most_speed));
  return scale;
}

std::optional<Forecast> forecast(const Rehearsal& r, const model::Job& job, const run::Remaining& remaining,
                                 WallTime now) {
  if (!r.stopped.empty()) return std::nullopt;
  Forecast f;
  run::Course course;
  if (const auto takes = scaled(r.elapsed.count(), r, r.canary.count()); takes > 0)
    course.measured = static_cast<double>(r.to_send) * 1000 / static_cast<double>(takes);
  f.outlook = run::outlook(job.limits, job.safety.window, remaining, course, now);
  if (const auto& done = f.outlook.done_at; done && job.safety.window)
    f.windows = count_windows(dispatch::Window{*job.safety.window, local_minute}, now, *done);
  f.invalidations = scaled(r.requests.invalidations, r, r.canaries);
  f.read_backs = scaled(r.requests.read_backs, r, std::min(r.canaries, r.requests.read_backs));
  f.already = scaled(r.totals.already, r);
  f.rejected = scaled(r.totals.rejected, r);
  f.in_doubt = scaled(r.totals.in_doubt(), r);
  f.confirmed = r.to_send - f.already - f.rejected - f.in_doubt;
  return f;
}

std::string rehearsal_text(const Rehearsal& r, const std::optional<Forecast>& f, const model::Job& job,
                           const std::vector<std::string>& missing, const std::vector<std::string>& next) {
  auto text = tr("Rehearsal of {}", escape_for_terminal(r.job_file)) + "\n";
  text += line(tr("scenario"), tr("{}: {}", to_text(r.scenario), tr(describe(r.scenario))));
  text += line(tr("reached"),
               tr("nothing but this machine: keys, account, platform and results were the rehearsal's own"));
  text += line(tr("not looked at"), tr("the results database of the job: cards that are done count as new"));
  text += rehearsal_part(r);
  if (f) text += forecast_part(r, *f, job);
  text += ending_part(r, f, alerts_of(r));
  if (!missing.empty()) {
    text += "\n" + tr("Still missing for a real run") + "\n";
    for (const auto& each : missing) text += "  " + wrapped(escape_for_terminal(each), 4, k_columns) + "\n";
  }
  text += "\n" + tr("Next") + "\n";
  for (const auto& each : next) text += fmt::format("  {}\n", each);
  return text;
}

boost::json::object rehearsal_json(const Rehearsal& r, const std::optional<Forecast>& f,
                                   const std::vector<std::string>& missing,
                                   const std::vector<std::string>& next) {
  using boost::json::value;
  const auto seconds = [](milliseconds span) { return static_cast<double>(span.count()) / 1000; };
  const auto time = [](const std::optional<WallTime>& at) {
    return at ? value(format_rfc3339(*at)) : value();
  };
  const auto& q = r.requests;
  const auto& t = r.totals;
  boost::json::object object{{"job", r.job},
                             {"scenario", to_text(r.scenario)},
                             {"speed", r.speed},
                             {"cards_to_send", r.to_send},
                             {"cards_rehearsed", r.cards},
                             {"took_seconds", seconds(r.took)},
                             {"seconds_at_real_pace", seconds(r.elapsed)},
                             {"requests", boost::json::object{{"invalidations", q.invalidations},
                                                              {"read_backs", q.read_backs},
                                                              {"by_backup", q.by_backup},
                                                              {"throttled", q.throttled},
                                                              {"lost", q.lost},
                                                              {"errors", q.errors},
                                                              {"unsent", q.unsent}}},
                             {"outcome", boost::json::object{{"invalidated", t.invalidated},
                                                             {"already", t.already},
                                                             {"read_back", t.read_back},
                                                             {"rejected", t.rejected},
                                                             {"in_doubt", t.in_doubt()},
                                                             {"refused", t.refused},
                                                             {"conflicts", t.conflicts},
                                                             {"protected", t.protected_pending}}},
                             {"stopped", r.stopped.empty() ? value() : value(r.stopped)},
                             {"exit_code", r.exit_code}};
  const auto alerts = alerts_of(r);
  object["alerts"] = boost::json::array(alerts.begin(), alerts.end());
  if (f)
    object["real_run"] = boost::json::object{{"seconds", seconds(*f->outlook.needed)},
                                             {"opens_at", time(f->outlook.opens_at)},
                                             {"done_at", time(f->outlook.done_at)},
                                             {"windows", f->windows},
                                             {"invalidations", f->invalidations},
                                             {"read_backs", f->read_backs},
                                             {"invalidated", f->confirmed + f->already},
                                             {"already", f->already},
                                             {"rejected", f->rejected},
                                             {"in_doubt", f->in_doubt}};
  else
    object["real_run"] = nullptr;
  object["missing"] = boost::json::array(missing.begin(), missing.end());
  object["next"] = boost::json::array(next.begin(), next.end());
  return object;
}

}  // namespace cardvoid::cli
