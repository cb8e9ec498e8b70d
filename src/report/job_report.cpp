#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/report/page.hpp>
#include <cardvoid/run/spoken.hpp>
#include <set>

#include "chart.hpp"
#include "figures.hpp"
#include "report_words.hpp"

namespace cardvoid::report {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::size_t k_templates_shown = 5, k_reasons_shown = 5, k_answers_shown = 25, k_causes_shown = 15,
                      k_runs_shown = 50, k_refused_shown = 30;
constexpr std::size_t k_most_columns_of_words = 300;

// A line of a fact.
object line(std::string text, bool is_code = false) {
  return {{"text", std::move(text)}, {"is_code", is_code}};
}
// What stands between backticks is a command; a backtick alone is text.
array marked(std::string_view text) {
  array pieces;
  const auto add = [&](std::string_view piece, bool is_code) {
    if (!piece.empty()) pieces.push_back(line(std::string{piece}, is_code));
  };
  while (!text.empty()) {
    const auto begin = text.find('`'), end = begin == text.npos ? begin : text.find('`', begin + 1);
    if (end == text.npos) break;
    add(text.substr(0, begin), false);
    add(text.substr(begin + 1, end - begin - 1), true);
    text.remove_prefix(end + 1);
  }
  add(text, false);
  return pieces;
}
// "4.9", "5".
std::string plain(double number) {
  auto text = fmt::format("{:.1f}", number);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

class Writer {
 public:
  Writer(const model::Job& job, const Figures& figures, const ReportOrder& order,
         const std::optional<ExportDigest>& digest)
      : job_{job}, f_{figures}, order_{order}, digest_{digest} {}
  object values() const;

 private:
  // head
  std::pair<std::string, std::string> verdict() const;  // look and words
  value time_left() const;                              // null: no run is under way
  array tiles() const;
  // asked
  array asked() const;
  array merchant() const;
  array templates() const;
  array reasons() const;
  array list() const;
  array plan() const;
  array senders() const;
  array limits() const;
  // outcome
  array outcome() const;
  object outcome_line(std::string_view id, std::string label, std::int64_t count, std::string_view meaning,
                      std::string_view look = "", bool is_part = false) const;
  array outcome_notes() const;
  // charts
  void name_times(Chart& chart) const;
  void add_shades(Chart& chart) const;
  Chart progress() const;
  Chart rate() const;
  Chart latency() const;
  std::string word_for(Shade::Kind kind) const;
  // tables
  array waits() const;
  array latencies() const;
  array answers() const;
  object answer(const AnswerKind& kind) const;
  array endpoints() const;
  array causes() const;
  std::string advice(const Cause& cause) const;
  array held_back() const;
  array refused() const;
  array runs() const;
  std::string end_of(const ledger::PastRun& run) const;

  std::string time_of(std::chrono::microseconds took) const;
  std::int64_t lost() const {  // of the plan's rows, those that are not invalidated
    return f_.totals.rows() - f_.totals.invalidated;
  }

  const model::Job& job_;
  const Figures& f_;
  const ReportOrder& order_;
  const std::optional<ExportDigest>& digest_;
};

// ---- head ----

std::pair<std::string, std::string> Writer::verdict() const {
  const auto& t = f_.totals;
  const auto all = grouped(t.rows()), left = grouped(t.pending_to_send() + t.in_doubt() - t.held);
  if (t.rows() == 0) return {"warn", say("verdict_none")};
  if (f_.is_under_way) return {"", say("verdict_running", left, all)};
  if (f_.runs.empty()) return {"", say("verdict_untouched", all)};
  if (order_.rehearsed > 0)
    return {"", say("verdict_sample", grouped(order_.rehearsed), grouped(order_.of_cards))};
  if (t.to_send() > 0) return {"warn", say("verdict_left", left, all)};
  if (t.in_doubt() + t.pending > 0) return {"warn", say("verdict_held", grouped(lost()), all)};
  if (lost() > 0) return {"warn", say("verdict_losses", grouped(lost()), all)};
  return {"good", say("verdict_done")};
}

value Writer::time_left() const {
  if (!f_.outlook) return {};
  const auto& ahead = *f_.outlook;
  const auto as_of = format_local(f_.outlook_at);
  if (ahead.rows == 0) return value(say("left_nothing", as_of));
  const auto pace = plain(ahead.measured);
  if (!ahead.left || !ahead.done_at)
    return value(ahead.measured > 0 ? say("left_untold_pace", as_of, pace) : say("left_untold", as_of));
  const auto left = spoken_duration(*ahead.left), done = format_local(*ahead.done_at);
  return value(ahead.measured > 0 ? say("left_pace", as_of, left, done, pace)
                                  : say("left", as_of, left, done));
}

array Writer::tiles() const {
  const auto& t = f_.totals;
  array tiles;
  // What was left out of a rehearsal is no outcome of it.
  const auto left_out = order_.rehearsed > 0 ? t.pending_to_send() : 0;
  const auto add = [&](const char* id, const char* look, std::string label, std::int64_t count,
                       bool is_outcome = true) {
    tiles.push_back(object{{"id", id},
                           {"look", count > 0 ? look : "quiet"},
                           {"label", std::move(label)},
                           {"count", grouped(count)},
                           {"share", is_outcome ? percent(count, t.rows() - left_out) : ""}});
  };
  add("invalidated", "good", say("tile_invalidated"), t.invalidated);
  add("rejected", "bad", say("tile_rejected"), t.rejected + t.accepted_rejected);
  add("doubt", "doubt", say("tile_doubt"), t.in_doubt() + t.accepted_unresolved);
  add("pending", "warn", say("tile_pending"), t.pending - left_out);
  if (left_out > 0) add("left_out", "quiet", say("tile_left_out"), left_out, false);
  return tiles;
}

// ---- asked ----

array Writer::merchant() const {
  const bool is_brand = job_.merchant.api == model::Api::brand;
  return {
      line(is_brand ? say("api_brand", job_.merchant.brand_id) : say("api_partner", job_.merchant.mchid))};
}

array Writer::templates() const {
  array lines;
  std::int64_t others = 0, other_rows = 0;
  for (const auto& each : f_.templates) {
    if (lines.size() < k_templates_shown)
      lines.push_back(line(say("template", each.name, each.second, grouped(each.rows))));
    else
      ++others, other_rows += each.rows;
  }
  if (others > 0) lines.push_back(line(say("template_more", grouped(others), grouped(other_rows))));
  return lines;
}

array Writer::reasons() const {
  array lines;
  std::int64_t others = 0, other_rows = 0;
  for (const auto& each : f_.reasons) {
    if (lines.size() >= k_reasons_shown)
      ++others, other_rows += each.rows;
    else
      lines.push_back(line(each.name.empty() ? say("reason_none", grouped(each.rows))
                                             : say("reason", each.name, grouped(each.rows))));
  }
  if (others > 0) lines.push_back(line(say("reason_more", grouped(others), grouped(other_rows))));
  return lines;
}

array Writer::list() const {
  array lines;
  if (f_.imports.empty()) return lines;
  const auto& last = f_.imports.front();
  auto file = last.file.name.empty() ? last.source : last.file.name;
  if (last.file.changed_at) file = say("list_changed", file, format_local(*last.file.changed_at));
  lines.push_back(line(std::move(file)));
  if (!last.file.sha256.empty()) lines.push_back(line("SHA-256 " + last.file.sha256, true));
  lines.push_back(line(last.read_by.empty() ? say("list_read", format_local(last.read_at))
                                            : say("list_read_by", format_local(last.read_at), last.read_by)));
  const auto kept_out = f_.totals.refused_protected;  // of the newest list, as are all that are refused
  lines.push_back(line(
      say("list_lines", grouped(last.lines), grouped(last.duplicates), grouped(last.refused - kept_out))));
  if (kept_out > 0) lines.push_back(line(say("list_protected", grouped(kept_out))));
  if (f_.import_count > 1) lines.push_back(line(say("list_more", grouped(f_.import_count - 1))));
  return lines;
}

array Writer::plan() const {
  array lines;
  const auto fingerprint = [&](const std::string& digits) {
    lines.push_back(line(say("fingerprint") + " " + digits, true));
  };
  if (const auto& plan = f_.plan) {
    fingerprint(plan->fingerprint);
    const auto made = format_local(plan->made_at), agreed = format_local(plan->confirmed_at);
    lines.push_back(line(plan->made_by.empty()
                             ? say("plan_made", made, grouped(plan->to_send))
                             : say("plan_made_by", made, plan->made_by, grouped(plan->to_send))));
    lines.push_back(line(plan->confirmed_by.empty() ? say("plan_confirmed", agreed)
                                                    : say("plan_confirmed_by", agreed, plan->confirmed_by)));
  } else if (!f_.runs.empty() && !f_.runs.back().fingerprint.empty()) {
    fingerprint(f_.runs.back().fingerprint);
  }
  return lines;
}

array Writer::senders() const {
  std::set<std::string> names;
  for (const auto& run : f_.runs)
    names.insert(run.user.empty() ? run.host : say("sent_by_one", run.user, run.host));
  array lines;
  for (const auto& name : names) {
    if (lines.size() == k_templates_shown) break;
    lines.push_back(line(name));
  }
  return lines;
}

array Writer::limits() const {
  const auto noted = f_.runs.empty() ? std::nullopt : f_.runs.back().requests_per_second;
  const auto rate = fmt::format("{:g}", noted.value_or(job_.limits.requests_per_second));
  array lines{line(job_.limits.per == model::QuotaPer::brand ? say("limit_brand", rate)
                                                             : say("limit_merchant", rate))};
  const auto& safety = job_.safety;
  lines.push_back(line(say("limit_canary", grouped(safety.canary))));
  if (safety.max_failure_rate < 1)
    lines.push_back(line(say("limit_failures", fmt::format("{:g}%", safety.max_failure_rate * 100))));
  if (safety.window) {
    const auto clock = [](int minute) { return fmt::format("{:02}:{:02}", minute / 60, minute % 60); };
    lines.push_back(line(say("limit_window", fmt::format("{}-{} {}", clock(safety.window->opens),
                                                         clock(safety.window->closes), safety.timezone))));
  }
  if (!safety.protect.empty())
    lines.push_back(line(say("limit_protect", safety.protect.filename().string())));
  return lines;
}

array Writer::asked() const {
  array facts;
  const auto add = [&](std::string name, array lines) {
    if (lines.empty()) lines.push_back(line(say("not_noted")));
    facts.push_back(object{{"name", std::move(name)}, {"lines", std::move(lines)}});
  };
  add(say("job"), {line(job_.name)});
  add(say("merchant"), merchant());
  add(say("platform"), {line(say("hosts", job_.endpoints.primary.text(), job_.endpoints.backup.text()))});
  add(say("templates"), templates());
  add(say("reasons"), reasons());
  const auto& authority = f_.runs.empty() ? job_.safety.acknowledge : f_.runs.back().acknowledge;
  add(say("acknowledge"), authority.empty() ? array{} : array{line(authority)});
  add(say("list"), list());
  add(say("plan"), plan());
  if (!f_.runs.empty()) add(say("sent_by"), senders());
  add(say("limits"), limits());
  return facts;
}

// ---- outcome ----

object Writer::outcome_line(std::string_view id, std::string label, std::int64_t count,
                            std::string_view meaning, std::string_view look, bool is_part) const {
  return {{"id", id},
          {"label", std::move(label)},
          {"count", grouped(count)},
          {"share", percent(count, f_.totals.rows())},
          {"meaning", marked(meaning)},
          {"look", look},
          {"is_part", is_part},
          {"is_sum", false}};
}

// The lines that are no part of another one add up to the last one.
array Writer::outcome() const {
  const auto& t = f_.totals;
  array lines;
  const auto part = [&](std::string_view id, std::int64_t count, std::string label,
                        std::string_view meaning) {
    if (count > 0) lines.push_back(outcome_line(id, std::move(label), count, meaning, "", true));
  };
  lines.push_back(outcome_line("invalidated", say("invalidated"), t.invalidated, "", "good"));
  part("answer", t.by_answer(), say("by_answer"), say("by_answer_means"));
  part("read_back", t.read_back, say("by_read_back"), say("by_read_back_means"));
  part("already", t.already, say("by_already"), say("by_already_means"));
  lines.push_back(outcome_line("rejected", say("rejected"), t.rejected, say("rejected_means"), "bad"));
  lines.push_back(outcome_line("doubt", say("doubt"), t.in_doubt(), say("doubt_means"), "doubt"));
  part("held", t.held, say("held"), say("held_means"));
  if (t.accepted() > 0)
    lines.push_back(
        outcome_line("accepted", say("accepted"), t.accepted(),
                     say("accepted_means", grouped(t.accepted_rejected), grouped(t.accepted_unresolved))));
  lines.push_back(outcome_line("pending", say("pending"), t.pending, "", "warn"));
  if (order_.rehearsed > 0)
    part("left_out", t.pending_to_send(), say("left_out"), say("left_out_means"));
  else
    part("to_send", t.pending_to_send(), say("to_send"), say("to_send_means"));
  part("left", t.left, say("left_list"), say("left_list_means"));
  part("conflicts", t.conflicts, say("conflicts"), say("conflicts_means"));
  part("protected", t.protected_pending, say("protected"), say("protected_means"));
  auto sum = outcome_line("rows", say("total"), t.rows(), "");
  sum["is_sum"] = true;
  lines.push_back(std::move(sum));
  return lines;
}

array Writer::outcome_notes() const {
  array notes;
  if (const auto lines = f_.totals.refused_lines(); lines > 0)
    notes.emplace_back(say("refused_beside", grouped(lines)));
  if (f_.totals.protected_invalidated > 0)
    notes.emplace_back(say("protected_late", grouped(f_.totals.protected_invalidated)));
  if (f_.forgotten > 0) notes.emplace_back(say("forgotten_rows", grouped(f_.forgotten)));
  return notes;
}

// ---- charts ----

void Writer::name_times(Chart& chart) const {
  const auto& timeline = f_.timeline;
  for (const auto at : ticks(timeline.from, timeline.to))
    chart.label_x(timeline.at(at), tick_text(at, timeline.from, timeline.to));
}

std::string Writer::word_for(Shade::Kind kind) const {
  switch (kind) {
    case Shade::outage: return say("shade_outage");
    case Shade::paused: return say("shade_paused");
    case Shade::slowed: return say("shade_slowed");
    case Shade::closed: return say("shade_closed");
    case Shade::idle: return say("shade_idle");
  }
  return {};
}

void Writer::add_shades(Chart& chart) const {
  static constexpr std::array<std::string_view, 5> k_looks{"outage", "paused", "slowed", "closed", "idle"};
  std::set<Shade::Kind> kinds;
  for (const auto& shade : f_.shades) {
    const auto look = k_looks[static_cast<std::size_t>(shade.kind)];
    if (kinds.insert(shade.kind).second) chart.explain(look, word_for(shade.kind));
    chart.shade(
        f_.timeline.at(shade.from), f_.timeline.at(shade.to), look,
        fmt::format("{}: {} – {}", word_for(shade.kind), format_local(shade.from), format_local(shade.to)));
  }
}

Chart Writer::progress() const {
  const auto& t = f_.totals;
  const auto& timeline = f_.timeline;
  const auto top = nice_ceiling(static_cast<double>(t.rows()));
  Chart chart{say("progress"),
              say("progress_alt", format_local(timeline.from), format_local(timeline.ended),
                  grouped(t.invalidated), grouped(t.rejected + t.accepted_rejected), grouped(t.rows())),
              top};
  chart.explain("good", say("tile_invalidated"));
  if (t.rejected + t.accepted_rejected > 0) chart.explain("bad", say("tile_rejected"));
  chart.explain("limit", say("all_cards"));
  add_shades(chart);
  const auto running_total = [](std::vector<double> values) {
    for (std::size_t i = 1; i < values.size(); ++i) values[i] += values[i - 1];
    return values;
  };
  const auto invalidated = running_total(f_.invalidated);
  chart.area(invalidated, "good");
  chart.area(running_total(f_.rejected), "bad", invalidated);
  chart.line(std::vector<double>(timeline.parts, static_cast<double>(t.rows())), "limit");
  for (const double part : {0.0, 0.5, 1.0})
    chart.label_y(top * part, grouped(static_cast<std::int64_t>(top * part)));
  name_times(chart);
  return chart;
}

Chart Writer::rate() const {
  double most = 0;
  for (const auto rate : f_.rates) most = std::max(most, rate);
  for (const auto limit : f_.limits) most = std::max(most, limit);
  const auto running = std::max<std::int64_t>(f_.running.count(), 1);
  const auto top = nice_ceiling(most * 1.02);
  Chart chart{
      say("rate"),
      say("rate_alt", grouped(f_.request_count), spoken_duration(f_.running),
          plain(static_cast<double>(f_.request_count) * 1000 / static_cast<double>(running))) +
          (f_.busiest_minute ? say("rate_busiest", plain(*f_.busiest_minute)) : "") +
          (f_.least_limit < f_.highest_limit ? say("rate_limits", fmt::format("{:g}", f_.least_limit),
                                                   fmt::format("{:g}", f_.highest_limit))
                                             : say("rate_limit_was", fmt::format("{:g}", f_.highest_limit))),
      top};
  chart.explain("same", say("requests_per_second"));
  chart.explain("limit", say("rate_limit"));
  add_shades(chart);
  chart.area(f_.rates, "same");
  chart.line(f_.limits, "limit");
  for (const double part : {0.0, 0.5, 1.0}) chart.label_y(top * part, fmt::format("{:g}", top * part));
  name_times(chart);
  return chart;
}

std::string Writer::time_of(std::chrono::microseconds took) const {
  const auto ms = static_cast<double>(took.count()) / 1000;
  if (ms < 10) return fmt::format("{:.1f} ms", ms);
  return ms < 10'000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} s", ms / 1000);
}

// Bars of a fixed scale, from the first one that is not empty to the last.
Chart Writer::latency() const {
  using std::chrono::microseconds;
  constexpr auto& k_bounds = AnswerTimes::k_bounds_ms;
  const auto& counts = f_.latencies.bars();
  std::size_t first = 0, last = counts.size() - 1;
  while (first < last && counts[first] == 0) ++first;
  while (last > first && counts[last] == 0) --last;
  const auto bound = [&](std::size_t i) {
    return time_of(microseconds{i == 0 ? 0 : k_bounds[i - 1] * 1000});
  };
  std::vector<double> values;
  std::vector<std::string> titles;
  for (auto i = first; i <= last; ++i) {
    values.push_back(static_cast<double>(counts[i]));
    titles.push_back(i == k_bounds.size() ? say("bar_above", grouped(counts[i]), bound(i))
                                          : say("bar_up_to", grouped(counts[i]), bound(i), bound(i + 1)));
  }
  const auto top = nice_ceiling(*std::max_element(values.begin(), values.end()));
  const auto percentile = [&](double percent) { return time_of(f_.latencies.percentile(percent)); };
  Chart chart{say("latency"),
              say("latency_alt", percentile(50), percentile(95), percentile(99), percentile(100)), top};
  chart.bars(values, "same", titles);
  for (const double part : {0.0, 0.5, 1.0})
    chart.label_y(top * part, top < 2 && part == 0.5 ? "" : grouped(static_cast<std::int64_t>(top * part)));
  const auto every = values.size() / 8 + 1;
  for (std::size_t i = 0; i <= values.size(); i += every)
    if (first + i <= k_bounds.size())
      chart.label_x(static_cast<double>(i) / static_cast<double>(values.size()), bound(first + i));
  return chart;
}

// ---- tables ----

array Writer::waits() const {
  array rows;
  for (const auto& wait : f_.waits) {
    const bool is_by_person = model::ReasonToWait::is_by_person(wait.kind);
    const auto words = wait_in_words(wait.words);
    rows.push_back(object{
        {"why", say_by_name("wait", wait.kind, wait.words)},
        {"words", is_by_person ? value(words.text) : value()},
        {"is_english", words.is_english},
        {"times", grouped(wait.times)},
        {"in_all", spoken_duration(wait.in_all)},
        {"longest", say("longest_since", spoken_duration(wait.longest), format_local(wait.longest_since))}});
  }
  return rows;
}

array Writer::latencies() const {
  array rows;
  const auto add = [&](const char* id, std::string name, const AnswerTimes& latencies) {
    const auto percentile = [&](double percent) {
      return latencies.count() == 0 ? std::string{"–"} : time_of(latencies.percentile(percent));
    };
    rows.push_back(object{{"id", id},
                          {"name", std::move(name)},
                          {"count", grouped(latencies.count())},
                          {"p50", percentile(50)},
                          {"p90", percentile(90)},
                          {"p95", percentile(95)},
                          {"p99", percentile(99)},
                          {"slowest", percentile(100)}});
  };
  add("primary", say("primary"), f_.endpoints[0].latencies);
  add("backup", say("backup"), f_.endpoints[1].latencies);
  add("both", say("both"), f_.latencies);
  return rows;
}

object Writer::answer(const AnswerKind& kind) const {
  std::int64_t all = 0;
  for (const auto& each : f_.answers) all += each.count;
  return {
      {"id", fmt::format("{}-{}-{}", kind.outcome, kind.http_status, kind.error_code)},
      {"what", kind.outcome.empty() ? say("answer_open") : say_by_name("answer", kind.outcome, kind.outcome)},
      {"http", kind.http_status > 0 ? std::to_string(kind.http_status) : "–"},
      {"code", kind.error_code.empty() ? "–" : kind.error_code},
      {"count", grouped(kind.count)},
      {"share", percent(kind.count, all)},
      {"part",
       plain(100 * static_cast<double>(kind.count) / static_cast<double>(std::max<std::int64_t>(all, 1)))}};
}

array Writer::answers() const {
  array rows;
  AnswerKind others;
  std::int64_t kinds = 0;
  for (const auto& kind : f_.answers) {
    if (rows.size() < k_answers_shown)
      rows.push_back(answer(kind));
    else
      others.count += kind.count, ++kinds;
  }
  if (kinds > 0) {
    auto row = answer(others);
    row["what"] = say("others", grouped(kinds));
    rows.push_back(std::move(row));
  }
  return rows;
}

array Writer::endpoints() const {
  array rows;
  const auto add = [&](const char* id, std::string name, const model::EndpointAddress& address,
                       const EndpointFigures& figures) {
    const auto all = std::max<std::int64_t>(f_.request_count, 1);
    rows.push_back(
        object{{"id", id},
               {"name", std::move(name)},
               {"host", address.text()},
               {"count", grouped(figures.requests)},
               {"share", percent(figures.requests, f_.request_count)},
               {"part", plain(100 * static_cast<double>(figures.requests) / static_cast<double>(all))},
               {"trouble", grouped(figures.trouble)}});
  };
  add("primary", say("primary"), job_.endpoints.primary, f_.endpoints[0]);
  add("backup", say("backup"), job_.endpoints.backup, f_.endpoints[1]);
  return rows;
}

// ---- what was not invalidated ----

std::string Writer::advice(const Cause& cause) const {
  const auto& code = cause.error_code;
  if (code == "WRONG_CARD") return say("do_wrong_card");
  if (cause.status == "doubt") return say("do_doubt");
  return say(advice_on_refusal(code).value_or(Key{"do_other"}));
}

array Writer::causes() const {
  array all;
  for (const auto& cause : f_.causes) {
    if (all.size() == k_causes_shown) break;
    const bool is_rejected = cause.status == "rejected";
    value example, says;
    if (cause.example) {
      example = say("example_row", cause.example->source_line, mask(cause.example->code));
      auto words = mask_in(mask_in(cause.example->error_message, cause.example->openid), cause.example->code);
      if (!words.empty())
        says = say("platform_says",
                   fit_to_width(escape_for_terminal(run::spoken(words)), k_most_columns_of_words));
    }
    all.push_back(object{{"id", fmt::format("{}-{}", cause.status, cause.error_code)},
                         {"status", is_rejected ? say("rejected") : say("doubt")},
                         {"look", is_rejected ? "bad" : "doubt"},
                         {"code", cause.error_code.empty() ? say("cause_no_answer") : cause.error_code},
                         {"http", cause.http_status > 0 ? value(std::to_string(cause.http_status)) : value()},
                         {"count", grouped(cause.count)},
                         {"example", std::move(example)},
                         {"says", std::move(says)},
                         {"advice", marked(advice(cause))}});
  }
  return all;
}

array Writer::held_back() const {
  array rows;
  for (const auto& group : f_.held_back)
    rows.push_back(object{{"id", group.name},
                          {"why", say_by_name("held_back", group.name, group.name)},
                          {"count", grouped(group.rows)},
                          {"advice", marked(say_by_name("do_held_back", group.name, say("do_other")))}});
  return rows;
}

array Writer::refused() const {
  array rows;
  for (const auto& cause : f_.refused) {
    if (rows.size() == k_refused_shown) break;
    auto words = cause_in_words(cause.cause);
    rows.push_back(
        object{{"cause", marked(words.text)},
               {"is_english", words.is_english},
               {"count", grouped(cause.count)},
               {"example", cause.example_lines.empty()
                               ? std::string{}
                               : say("line_numbers", fmt::format("{}", cause.example_lines.front()))}});
  }
  return rows;
}

// ---- runs ----

std::string Writer::end_of(const ledger::PastRun& run) const {
  if (!run.exit_code)
    return f_.is_under_way && &run == &f_.runs.back() ? say("run_under_way") : say("run_died");
  const auto code = std::to_string(*run.exit_code);
  return say("exit", code, say_by_name("exit", code, say("exit_other")));
}

array Writer::runs() const {
  array rows;
  for (std::size_t i = f_.runs.size() - std::min(f_.runs.size(), k_runs_shown); i < f_.runs.size(); ++i) {
    const auto& run = f_.runs[i];
    const bool is_running = f_.is_under_way && i + 1 == f_.runs.size();
    std::string lasted = "–";
    if (run.ended_at || is_running)
      lasted = spoken_duration(std::max(milliseconds{0}, run.ended_at.value_or(order_.now) - run.started_at));
    rows.push_back(object{{"id", std::to_string(run.id)},
                          {"started", format_local(run.started_at)},
                          {"command", run.command},
                          {"by", run.user.empty() ? run.host : say("sent_by_one", run.user, run.host)},
                          {"lasted", std::move(lasted)},
                          {"sent", grouped(run.counts.sent)},
                          {"confirmed", grouped(run.counts.confirmed)},
                          {"rejected", grouped(run.counts.rejected)},
                          {"unresolved", grouped(run.counts.unresolved)},
                          {"end", end_of(run)},
                          {"ending", marked(ending_in_words(run.ending))}});
  }
  return rows;
}

object Writer::values() const {
  const auto& t = f_.totals;
  const bool has_run = f_.timeline.parts > 0, has_latency = f_.latencies.count() > 0;
  const bool is_rehearsal = !order_.rehearsal.empty();
  auto [look, verdict_words] = verdict();
  array commands;
  if (t.rejected > 0) commands.emplace_back(order_.command("export", "--status rejected -o rejected.csv"));
  if (t.unresolved > 0)
    commands.emplace_back(order_.command("export", "--status unresolved -o unresolved.csv"));
  object values{{"lang", spoken_language() == Language::chinese ? "zh-CN" : "en"},
                {"title", is_rehearsal ? say("rehearsal_title", job_.name) : say("title", job_.name)},
                {"rehearsal", is_rehearsal ? value(say("rehearsal_note", order_.rehearsal)) : value()},
                {"subtitle", merchant().front().at("text")},
                {"written", say("written", order_.version, format_local_full(order_.now))},
                {"w", all_words()},
                {"verdict_look", look},
                {"verdict", verdict_words},
                {"time_left", time_left()},
                {"tiles", tiles()},
                {"asked", asked()},
                {"outcome", outcome()},
                {"outcome_notes", outcome_notes()},
                {"has_run", has_run},
                {"has_waits", !f_.waits.empty()},
                {"waits", waits()},
                {"has_latency", has_latency},
                {"latency_note", say("latency_note", grouped(f_.latencies.count()))},
                {"latencies", latencies()},
                {"answers", answers()},
                {"endpoints", endpoints()},
                {"has_causes", !f_.causes.empty() || !f_.refused.empty() || !f_.held_back.empty()},
                {"causes", causes()},
                {"has_held_back", !f_.held_back.empty()},
                {"held_back", held_back()},
                {"has_refused", !f_.refused.empty()},
                {"refused", refused()},
                {"refused_command", order_.command("plan", "--refused refused.csv")},
                {"runs", runs()}};
  values["exports"] = commands.empty() ? value() : value(object{{"commands", std::move(commands)}});
  if (has_run) values["progress"] = progress().values(), values["rate"] = rate().values();
  if (has_latency) values["latency"] = latency().values();
  std::int64_t more = 0, more_rows = 0;
  for (std::size_t i = k_causes_shown; i < f_.causes.size(); ++i) ++more, more_rows += f_.causes[i].count;
  values["causes_more"] = more > 0 ? value(say("causes_more", grouped(more), grouped(more_rows))) : value();
  values["runs_more"] =
      f_.runs.size() > k_runs_shown
          ? value(say("runs_more", grouped(k_runs_shown), grouped(static_cast<std::int64_t>(f_.runs.size()))))
          : value();
  values["digest"] = digest_ ? value(digest_->sha256) : value();
  values["digest_note"] =
      digest_ ? value(say("proof_note", grouped(digest_->rows), grouped(digest_->bytes))) : value();
  values["digest_command"] = order_.command("export", "-o results.csv") + " && sha256sum results.csv";
  return values;
}

}  // namespace

Result<std::string> job_report(const model::Job& job, ledger::Ledger& ledger, const ReportOrder& order,
                               const AskDigest& digest) {
  const Speaking to_its_reader{order.language};
  auto figures = read_figures(job, ledger, order.now, order.holder);
  if (!figures) return figures.error();
  const auto found = digest();
  if (!found) return found.error();
  return render_page("report", Writer{job, *figures, order, *found}.values());
}

}  // namespace cardvoid::report
