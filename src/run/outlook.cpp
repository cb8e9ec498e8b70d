#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/run/look_ahead.hpp>
#include <cardvoid/run/spoken.hpp>

namespace cardvoid::run {

namespace {

using namespace std::chrono_literals;

// Rows that share one quota.
double rows_in_line(const model::Limits& limits, const Remaining& remaining) {
  const bool by_brand = limits.per == model::QuotaPer::brand && remaining.rows_of_one_brand > 0;
  return static_cast<double>(by_brand ? remaining.rows_of_one_brand : remaining.rows);
}

Course course_of(const std::vector<model::ReasonToWait>& reasons) {
  Course course;
  for (const auto& reason : reasons) {
    course.is_throttled |= reason.kind == "throttled";
    course.is_held_up |= reason.holds_up();
  }
  return course;
}

bool has(const std::vector<model::ReasonToWait>& reasons, std::string_view kind) {
  return std::any_of(reasons.begin(), reasons.end(), [&](const auto& reason) { return reason.kind == kind; });
}

dispatch::Window window_of(const std::optional<model::DailyWindow>& hours) {
  return {hours.value_or(model::DailyWindow{0, 24 * 60}), local_minute};
}

std::string words_for_rate(double per_second) {
  return per_second < 100 ? fmt::format("{:.3g}", per_second) : fmt::format("{:.0f}", per_second);
}

// nullopt: no one can tell.
std::optional<double> seconds_needed(const Outlook& view, double in_line,
                                     const std::optional<Course>& course) {
  const auto at_limit = in_line / view.limit;
  if (!course) return at_limit;
  if (course->is_held_up) return std::nullopt;
  if (course->is_canary) return at_limit;
  if (course->measured > 0) return std::max(at_limit, static_cast<double>(view.rows) / course->measured);
  if (course->is_throttled) return std::nullopt;
  return at_limit;  // it has only begun
}

}  // namespace

Course course_of(const dispatch::Snapshot& snapshot, const model::Limits& limits) {
  auto course = course_of(snapshot.reasons_to_wait);
  course.measured = snapshot.measured;
  course.is_canary = snapshot.canary > 0;
  if (snapshot.limit > 0 && snapshot.limit != limits.requests_per_second) course.set = snapshot.limit;
  return course;
}

Course course_of(const ledger::Pulse& pulse, const model::Limits& limits) {
  auto course = course_of(pulse.reasons_to_wait);
  course.measured = pulse.rate;
  course.is_canary = pulse.canary > 0;
  if (has(pulse.reasons_to_wait, "rate_set") && limits.per == model::QuotaPer::merchant)
    course.set = pulse.allowed_rate;
  return course;
}

Outlook outlook(const model::Limits& limits, const std::optional<model::DailyWindow>& hours,
                const Remaining& remaining, const std::optional<Course>& course, WallTime now) {
  Outlook view;
  view.rows = remaining.rows;
  view.limit = course && course->set ? *course->set : limits.requests_per_second;
  view.measured = course ? course->measured : 0;
  const auto window = window_of(hours);
  view.is_open = window.is_open(now);
  if (!view.is_open) view.opens_at = window.next_change(now);
  const auto seconds = seconds_needed(view, rows_in_line(limits, remaining), course);
  if (!seconds) return view;
  view.per_second = *seconds > 0 ? static_cast<double>(view.rows) / *seconds : view.limit;
  // A century is for ever, and more would overflow.
  view.needed = milliseconds{static_cast<std::int64_t>(std::min(*seconds, 3.2e9) * 1000)};
  view.done_at = window.end_of(now, *view.needed);
  if (view.done_at) view.left = std::max(*view.needed, *view.done_at - now);
  if (!hours) view.left = view.needed, view.done_at = now + *view.needed;
  return view;
}

Result<Outlook> look_ahead(const model::Limits& limits, const std::optional<model::DailyWindow>& window,
                           ledger::Ledger& ledger, const ledger::Totals& totals, bool only_reads_back,
                           const std::optional<ledger::Pulse>& pulse, WallTime now) {
  Remaining remaining{only_reads_back ? totals.in_doubt() : totals.to_send()};
  if (limits.per == model::QuotaPer::brand && !only_reads_back) {
    const auto most = ledger::most_to_send_of_a_brand(ledger);
    if (!most) return most.error();
    remaining.rows_of_one_brand = *most;
  }
  std::optional<Course> course;
  if (pulse) course = course_of(*pulse, limits);
  return outlook(limits, only_reads_back ? std::nullopt : window, remaining, course, now);
}

std::string to_text(const Outlook& view) {
  auto text = tr_n(view.rows, "{} row is left", "{} rows are left");
  if (view.needed)
    text = tr("{}; at {} requests/s that needs {} more", text, words_for_rate(view.per_second),
              spoken_duration(*view.needed));
  if (view.is_open)
    return view.done_at ? tr("{}, until {} if it went on now", text, format_local(*view.done_at)) : text;
  if (view.opens_at) text = tr("{}; the window opens next at {}", text, format_local(*view.opens_at));
  if (view.done_at) text = tr("{}, and all would be done at {}", text, format_local(*view.done_at));
  return text;
}

std::string words_for_pace(const Outlook& view, const model::Limits& limits,
                           const std::vector<model::ReasonToWait>& reasons, WallTime now) {
  auto told = reasons;
  const bool is_held_up = std::any_of(told.begin(), told.end(), [](const auto& r) { return r.holds_up(); });
  if (is_held_up) {  // then no one asks how slow it would be
    std::erase_if(told, [](const auto& reason) { return reason.kind == "slowed"; });
    std::stable_partition(told.begin(), told.end(), [](const auto& reason) { return reason.holds_up(); });
  }
  std::string why;
  for (const auto& reason : told) {
    auto one = reason.found_rate ? tr("limit found: {}/s", words_for_rate(*reason.found_rate))
                                 : escape_for_terminal(spoken(reason.words));
    if (reason.since) one = tr("{} since {}", one, short_time(*reason.since, now));
    if (reason.until) one = tr("{} until {}", one, format_local_clock(*reason.until));
    why = why.empty() ? one : tr("{}, {}", why, one);
  }
  if (is_held_up) return tr("held up: {}", why);
  auto text =
      view.measured > 0 ? tr("{:.1f}/s of {:g}", view.measured, view.limit) : tr("limit {:g}/s", view.limit);
  if (limits.per == model::QuotaPer::brand) text = tr("{} a brand", text);
  return why.empty() ? text : tr("{}, {}", text, why);
}

std::string words_for_end(const Outlook& view, WallTime now) {
  if (view.rows == 0) return tr("nothing left");
  if (!view.done_at || !view.left) return tr("no telling when it is done");
  return tr("done at {} ({})", short_time(*view.done_at, now), spoken_duration(*view.left));
}

std::string short_time(WallTime time, WallTime now) {
  const auto day = format_local_day(time);  // "Fri 2026-11-27 +0800"
  const auto clock = format_local_clock(time).substr(0, 5);
  if (day == format_local_day(now)) return clock;
  if (time > now && time - now < 144h) return spoken_weekday(day) + " " + clock;
  return spoken_day(day.substr(0, 14));
}

bool is_open(const model::DailyWindow& window, WallTime now) {
  return dispatch::Window{window, local_minute}.is_open(now);
}

}  // namespace cardvoid::run
