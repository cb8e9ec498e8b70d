#include "figures.hpp"

#include <algorithm>
#include <cardvoid/ledger/one_moment.hpp>
#include <cardvoid/run/look_ahead.hpp>
#include <cmath>

namespace cardvoid::report {

namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;

constexpr std::int64_t k_most_parts = 240;
constexpr milliseconds k_longest_gap_of_pulses = 10s;  // as the ledger has it
constexpr double k_least_requests_of_part = 5;         // at the limit; fewer make a chart of chance
constexpr std::size_t k_most_groups = 1'000, k_most_kinds = 1'000;

std::optional<Shade::Kind> shade_of(std::string_view kind) {
  if (kind == "endpoints_down" || kind == "platform_errors" || kind == "credentials") return Shade::outage;
  if (kind == "paused") return Shade::paused;
  if (kind == "throttled" || kind == "slowed") return Shade::slowed;
  if (kind == "window" || kind == "window_closed") return Shade::closed;
  return std::nullopt;
}

// A 429 is about our pace, and a 202 about the card.
bool is_trouble_of_endpoint(model::OutcomeKind outcome) {
  return model::is_trouble(outcome) && outcome != model::OutcomeKind::throttled &&
         outcome != model::OutcomeKind::accepted && outcome != model::OutcomeKind::connection_closed;
}

// When a run ended. One that died ends with the last thing that is known of it.
class Ends {
 public:
  explicit Ends(const std::vector<ledger::PastWait>& waits) {
    for (const auto& wait : waits) note(wait.run, wait.until);
  }
  void note(ledger::RunId run, WallTime at) {
    auto& last = last_[run];
    last = std::max(last, at);
  }
  WallTime of(const ledger::PastRun& run, WallTime now, bool is_under_way) const {
    if (run.ended_at) return *run.ended_at;
    if (is_under_way) return now;
    const auto found = last_.find(run.id);
    return found == last_.end() ? run.started_at : std::max(run.started_at, found->second);
  }

 private:
  std::map<ledger::RunId, WallTime> last_;
};

// Counts values in the order in which they mostly come: in long rows of the same.
class Groups {
 public:
  void add(std::string_view name, std::string_view second = {}) {
    if (last_ == nullptr || last_->name != name || last_->second != second) last_ = find(name, second);
    ++last_->rows;
  }
  std::vector<Group> take() {
    std::vector<Group> all;
    for (auto& [key, group] : groups_) all.push_back(std::move(group));
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.rows > b.rows; });
    return all;
  }

 private:
  // Beyond so many, all further ones are one.
  Group* find(std::string_view name, std::string_view second) {
    auto key = std::pair{std::string{name}, std::string{second}};
    if (groups_.size() >= k_most_groups && !groups_.contains(key)) key = {"…", {}};
    auto& group = groups_[key];
    group.name = key.first, group.second = key.second;
    return &group;
  }
  std::map<std::pair<std::string, std::string>, Group> groups_;
  Group* last_ = nullptr;
};

// Minutes of the runs, each counted from its start, one after the other.
class Minutes {
 public:
  void add_run(const ledger::PastRun& run, WallTime end) {
    const auto lasted = std::max(milliseconds{0}, end - run.started_at);
    runs_[run.id] = {run.started_at, counts_.size()};
    counts_.resize(counts_.size() + static_cast<std::size_t>(lasted / 1min) + 1);
    has_whole_one_ |= lasted >= 1min;
  }
  void count(ledger::RunId run, WallTime at) {
    if (run != last_run_) {
      const auto found = runs_.find(run);
      if (found == runs_.end()) return;
      last_run_ = run, last_ = found->second;
    }
    const auto minute =
        last_.first + static_cast<std::size_t>(std::max(milliseconds{0}, at - last_.from) / 1min);
    if (minute < counts_.size()) ++counts_[minute];
  }
  std::optional<double> busiest() const {  // requests/s
    if (!has_whole_one_) return std::nullopt;
    return static_cast<double>(*std::max_element(counts_.begin(), counts_.end())) / 60;
  }

 private:
  struct Run {
    WallTime from{};
    std::size_t first = 0;
  };
  std::map<ledger::RunId, Run> runs_;
  std::vector<std::uint32_t> counts_;
  bool has_whole_one_ = false;
  ledger::RunId last_run_ = 0;  // requests of one run mostly follow each other
  Run last_;
};

// One pass over the requests.
class RequestReader {
 public:
  RequestReader(Figures& figures, Minutes minutes)
      : figures_{figures}, minutes_{std::move(minutes)}, sent_(figures.timeline.parts) {}
  void add(const ledger::PastRequest& request) {
    count_answer(request);
    auto& endpoint = figures_.endpoints[static_cast<std::size_t>(request.endpoint)];
    if (request.outcome && is_trouble_of_endpoint(*request.outcome)) ++endpoint.trouble;
    if (!request.sent) return;
    ++figures_.request_count, ++endpoint.requests;
    if (!sent_.empty()) ++sent_[figures_.timeline.part_of(request.started_at)];
    minutes_.count(request.run, request.started_at);
    if (request.http_status != 0 && request.latency) endpoint.latencies.add(*request.latency);
  }
  void finish() {
    for (auto& [key, kind] : answers_) figures_.answers.push_back(std::move(kind));
    std::stable_sort(figures_.answers.begin(), figures_.answers.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    for (const auto& endpoint : figures_.endpoints) figures_.latencies.add(endpoint.latencies);
    figures_.rates = rates_of(sent_, figures_.timeline);
    figures_.busiest_minute = minutes_.busiest();
  }

 private:
  using AnswerKey = std::tuple<std::string, int, std::string>;
  void count_answer(const ledger::PastRequest& request) {
    if (last_ == nullptr || request.outcome != last_outcome_ || request.http_status != last_->http_status ||
        request.error_code != last_->error_code)
      last_ = find(request);
    ++last_->count;
  }
  AnswerKind* find(const ledger::PastRequest& request) {
    const auto outcome = request.outcome ? model::to_text(*request.outcome) : std::string_view{};
    AnswerKey key{std::string{outcome}, request.http_status, std::string{request.error_code}};
    if (answers_.size() >= k_most_kinds && !answers_.contains(key)) std::get<2>(key) = "…";
    auto& kind = answers_[key];
    kind.outcome = outcome, kind.http_status = request.http_status, kind.error_code = std::get<2>(key);
    last_outcome_ = request.outcome;
    return &kind;
  }

  Figures& figures_;
  Minutes minutes_;
  std::vector<std::int64_t> sent_;  // by part of the timeline
  std::map<AnswerKey, AnswerKind> answers_;
  AnswerKind* last_ = nullptr;  // mostly the same comes again and again
  std::optional<model::OutcomeKind> last_outcome_;
};

Minutes set_timeline(Figures& figures, const model::Job& job, const Ends& ends, WallTime now,
                     bool is_under_way) {
  Minutes minutes;
  if (figures.runs.empty()) return minutes;
  const auto from = figures.runs.front().started_at;
  auto ended = from;
  for (const auto& run : figures.runs) {
    const auto end = ends.of(run, now, is_under_way && &run == &figures.runs.back());
    ended = std::max(ended, end);
    figures.running += std::max(milliseconds{0}, end - run.started_at);
    minutes.add_run(run, end);
  }
  figures.timeline = timeline_of(from, ended, job.limits.requests_per_second);
  return minutes;
}

void set_limits(Figures& figures, const model::Job& job, const std::vector<ledger::PastWait>& waits,
                const Ends& ends, WallTime now, bool is_under_way) {
  const auto& timeline = figures.timeline;
  figures.limits.assign(timeline.parts, -1);
  const double lanes = job.limits.per == model::QuotaPer::brand
                           ? static_cast<double>(std::max<std::int64_t>(figures.brands, 1))
                           : 1;
  if (timeline.parts == 0) return;
  figures.least_limit = HUGE_VAL;
  // Of several limits in one part the highest: a bar can reach it.
  const auto fill = [&](WallTime from, WallTime to, double limit) {
    if (to <= from) return;
    for (auto part = timeline.part_of(from); part <= timeline.part_of(to - 1ms); ++part)
      figures.limits[part] = std::max(figures.limits[part], limit);
  };
  for (const auto& run : figures.runs) {
    const auto end = ends.of(run, now, is_under_way && &run == &figures.runs.back());
    const auto own = lanes * run.requests_per_second.value_or(job.limits.requests_per_second);
    figures.least_limit = std::min(figures.least_limit, own);
    figures.highest_limit = std::max(figures.highest_limit, own);
    auto filled = run.started_at;
    for (const auto& wait : waits) {
      if (wait.kind != "rate_set" || wait.run != run.id) continue;
      // On record is the last pulse that named it; the run went on from there.
      const auto until = wait.until + k_longest_gap_of_pulses >= end ? end : wait.until;
      fill(filled, wait.since, own);
      fill(std::max(filled, wait.since), until, wait.allowed_rate);
      filled = std::max(filled, until);
    }
    fill(filled, end, own);
  }
}

// Stretches of one kind that touch or overlap become one.
void add_shades(std::vector<Shade>& shades, std::vector<Shade> found, milliseconds gap) {
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  const auto first = shades.size();
  for (const auto& shade : found) {
    if (shades.size() > first && shade.from <= shades.back().to + gap)
      shades.back().to = std::max(shades.back().to, shade.to);
    else
      shades.push_back(shade);
  }
}

void set_shades(Figures& figures, const std::vector<ledger::PastWait>& waits, const Ends& ends, WallTime now,
                bool is_under_way) {
  const auto& timeline = figures.timeline;
  const auto length = timeline.to - timeline.from;
  const auto gap = length / 500;  // what cannot be told apart on a chart
  for (const auto kind : {Shade::slowed, Shade::paused, Shade::outage, Shade::closed}) {
    std::vector<Shade> found;
    for (const auto& wait : waits)
      if (shade_of(wait.kind) == kind && wait.until - wait.since >= std::min<milliseconds>(gap / 4, 10s))
        found.push_back({kind, wait.since, wait.until});
    add_shades(figures.shades, std::move(found), gap);
  }
  std::vector<Shade> closed, idle;
  for (std::size_t i = 0; i + 1 < figures.runs.size(); ++i) {
    const auto& run = figures.runs[i];
    const auto from = ends.of(run, now, is_under_way && i + 1 == figures.runs.size()),
               to = figures.runs[i + 1].started_at;
    if (to - from <= gap) continue;
    const bool is_window = run.ending.starts_with("the window ");
    (is_window ? closed : idle).push_back({is_window ? Shade::closed : Shade::idle, from, to});
  }
  add_shades(figures.shades, std::move(closed), 0ms);
  add_shades(figures.shades, std::move(idle), 0ms);
}

void sum_waits(Figures& figures, const std::vector<ledger::PastWait>& waits) {
  std::map<std::string, WaitSum> sums;
  for (const auto& wait : waits) {
    const auto lasted = wait.until - wait.since;
    if (lasted <= 0ms) continue;  // seen once: gone before the next pulse
    auto& sum = sums[wait.kind];
    sum.kind = wait.kind;
    ++sum.times, sum.in_all += lasted;
    if (sum.words.empty() || lasted > sum.longest)
      sum.longest = lasted, sum.longest_since = wait.since, sum.words = wait.words;
  }
  for (auto& [kind, sum] : sums) figures.waits.push_back(std::move(sum));
  std::stable_sort(figures.waits.begin(), figures.waits.end(),
                   [](const auto& a, const auto& b) { return a.in_all > b.in_all; });
}

// One pass over the rows.
class RowReader {
 public:
  explicit RowReader(Figures& figures) : figures_{figures} {
    figures.invalidated.assign(figures.timeline.parts, 0);
    figures.rejected.assign(figures.timeline.parts, 0);
  }
  void add(const ledger::RowInShort& row) {
    templates_.add(row.brand_id, row.card_id);
    const bool is_never_sent = row.status == model::Status::pending && row.held_back == "protected";
    figures_.forgotten += row.is_forgotten;
    if (!is_never_sent && !row.is_forgotten) reasons_.add(row.reason);
    if (!row.held_back.empty() && !row.accepted) held_back_.add(row.held_back);
    const bool is_rejected = row.status == model::Status::rejected,
               is_done = row.status == model::Status::invalidated;
    if (row.finished_at && figures_.timeline.parts > 0 && (is_done || is_rejected))
      ++(is_done ? figures_.invalidated : figures_.rejected)[figures_.timeline.part_of(*row.finished_at)];
    if (row.accepted) return;
    if (is_rejected) return note_cause("rejected", row);
    if (row.status == model::Status::unresolved || row.status == model::Status::in_flight)
      note_cause("doubt", row);
  }
  void finish() {
    figures_.templates = templates_.take(), figures_.reasons = reasons_.take();
    figures_.held_back = held_back_.take();
    std::map<std::string, int> brands;
    for (const auto& each : figures_.templates) ++brands[each.name];
    figures_.brands = static_cast<std::int64_t>(brands.size());
    for (auto& [key, cause] : causes_) figures_.causes.push_back(std::move(cause));
    std::stable_sort(figures_.causes.begin(), figures_.causes.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
  }

 private:
  void note_cause(std::string_view status, const ledger::RowInShort& row) {
    auto key = std::tuple{std::string{status}, std::string{row.error_code}, row.http_status};
    if (causes_.size() >= k_most_kinds && !causes_.contains(key)) key = {std::string{status}, "…", 0};
    auto& cause = causes_[key];
    if (++cause.count > 1) return;
    cause.status = status, cause.error_code = std::get<1>(key), cause.http_status = std::get<2>(key);
    cause.example_id = row.id;
  }

  Figures& figures_;
  Groups templates_, reasons_, held_back_;
  std::map<std::tuple<std::string, std::string, int>, Cause> causes_;
};

// What is read in a moment.
Result<void> read_records(Figures& figures, ledger::Ledger& ledger) {
  auto totals = ledger::recounted_totals(ledger);
  if (!totals) return totals.error();
  figures.totals = *totals;
  auto runs = ledger::past_runs(ledger);
  if (!runs) return runs.error();
  figures.runs = std::move(*runs);
  constexpr int k_imports_shown = 1;
  auto imports = ledger::past_imports(ledger, k_imports_shown);
  if (!imports) return imports.error();
  figures.imports = std::move(*imports);
  const auto count = ledger::count_imports(ledger);
  if (!count) return count.error();
  figures.import_count = *count;
  auto plan = ledger::last_confirmed_plan(ledger);
  if (!plan) return plan.error();
  figures.plan = std::move(*plan);
  auto refused = ledger::refused_causes(ledger);
  if (!refused) return refused.error();
  // A protected card is a card of the plan, and nothing is wrong with its line.
  std::erase_if(*refused, [](const auto& cause) { return cause.is_protected; });
  figures.refused = std::move(*refused);
  return {};
}

// A run that died ends with its last request.
Result<void> note_last_requests(const Figures& figures, ledger::Ledger& ledger, Ends& ends) {
  std::vector<ledger::RunId> died;
  for (const auto& run : figures.runs)
    if (!run.ended_at && !(figures.is_under_way && &run == &figures.runs.back())) died.push_back(run.id);
  const auto last = ledger::last_requests(ledger, died);
  if (!last) return last.error();
  for (const auto& [run, at] : *last) ends.note(run, at);
  return {};
}

Result<void> look_ahead(Figures& figures, const model::Job& job, ledger::Ledger& ledger, WallTime now) {
  if (!figures.is_under_way) return {};
  const auto pulse = ledger::pulse(ledger);
  if (!pulse) return pulse.error();
  if (!*pulse || (*pulse)->run != figures.runs.back().id || now - (*pulse)->at >= run::k_pulse_is_old)
    return {};
  const bool only_reads_back = figures.runs.back().command == "reconcile";
  auto limits = job.limits;
  limits.requests_per_second =
      figures.runs.back().requests_per_second.value_or(job.limits.requests_per_second);
  const auto ahead = run::look_ahead(limits, job.safety.window, ledger, figures.totals, only_reads_back,
                                     *pulse, (*pulse)->at);
  if (!ahead) return ahead.error();
  figures.outlook = *ahead, figures.outlook_at = (*pulse)->at;
  return {};
}

Result<void> read_examples(Figures& figures, ledger::Ledger& ledger) {
  constexpr std::size_t k_examples = 30;
  for (std::size_t i = 0; i < std::min(figures.causes.size(), k_examples); ++i) {
    auto example = ledger::example_row(ledger, figures.causes[i].example_id);
    if (!example) return example.error();
    figures.causes[i].example = std::move(*example);
  }
  return {};
}

}  // namespace

double Timeline::at(WallTime time) const {
  return std::chrono::duration<double>{time - from}.count() /
         std::chrono::duration<double>{to - from}.count();
}

std::size_t Timeline::part_of(WallTime time) const {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>((time - from) / part, 0, static_cast<std::int64_t>(parts) - 1));
}

WallTime Timeline::start_of(std::size_t number) const {
  return from + part * static_cast<std::int64_t>(number);
}

Timeline timeline_of(WallTime from, WallTime ended, double requests_per_second) {
  Timeline timeline;
  timeline.from = from, timeline.ended = std::max(from, ended);
  const auto seconds = duration_cast<std::chrono::seconds>(timeline.ended - from).count() + 1;
  const auto least =
      static_cast<std::int64_t>(std::ceil(std::max(1.0, k_least_requests_of_part / requests_per_second)));
  const auto part = std::max(least, (seconds + k_most_parts - 1) / k_most_parts);
  timeline.part = std::chrono::seconds{part};
  timeline.parts = static_cast<std::size_t>((seconds + part - 1) / part);
  timeline.to = timeline.start_of(timeline.parts);
  return timeline;
}

std::vector<double> rates_of(const std::vector<std::int64_t>& requests, const Timeline& timeline) {
  std::vector<double> rates(requests.begin(), requests.end());
  if (rates.empty()) return rates;
  const auto last =
      duration_cast<std::chrono::seconds>(timeline.ended - timeline.start_of(timeline.parts - 1)) +
      std::chrono::seconds{1};
  for (auto& rate : rates)
    rate /= static_cast<double>((&rate == &rates.back() ? last : timeline.part).count());
  return rates;
}

std::size_t AnswerTimes::place_of(std::int64_t us) {
  const auto nearest = [us](std::int64_t step) {  // of two that are as near the even one, as fmt rounds
    const auto below = us / step, rest = 2 * (us % step);
    return static_cast<std::size_t>(below + (rest > step || (rest == step && below % 2 != 0)));
  };
  if (const auto tenths = nearest(100); tenths < k_tenths) return tenths;
  if (const auto whole = nearest(1'000); whole < k_whole) return k_tenths + whole;
  return k_tenths + k_whole + std::min(nearest(100'000), k_slow - 1);
}

std::int64_t AnswerTimes::shown_at(std::size_t place) {
  if (place < k_tenths) return static_cast<std::int64_t>(place) * 100;
  if (place < k_tenths + k_whole) return static_cast<std::int64_t>(place - k_tenths) * 1'000;
  return static_cast<std::int64_t>(place - k_tenths - k_whole) * 100'000;
}

void AnswerTimes::add(std::chrono::microseconds took) {
  const auto us = std::max<std::int64_t>(took.count(), 0);
  ++counts_[place_of(us)];
  ++bars_[static_cast<std::size_t>(
      std::lower_bound(k_bounds_ms.begin(), k_bounds_ms.end(), us,
                       [](int bound, std::int64_t value) { return std::int64_t{bound} * 1'000 < value; }) -
      k_bounds_ms.begin())];
  ++count_;
  longest_ = std::max(longest_, us);
}

void AnswerTimes::add(const AnswerTimes& others) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += others.counts_[i];
  for (std::size_t i = 0; i < bars_.size(); ++i) bars_[i] += others.bars_[i];
  count_ += others.count_;
  longest_ = std::max(longest_, others.longest_);
}

std::chrono::microseconds AnswerTimes::percentile(double percent) const {
  const auto all = static_cast<double>(count_);
  auto rank = static_cast<std::int64_t>(std::clamp(std::ceil(percent / 100 * all), 1.0, std::max(all, 1.0)));
  if (rank >= count_) return std::chrono::microseconds{longest_};
  std::size_t place = 0;
  while (place + 1 < counts_.size() && (rank -= counts_[place]) > 0) ++place;
  return std::chrono::microseconds{std::min(shown_at(place), longest_)};
}

Result<Figures> read_figures(const model::Job& job, ledger::Ledger& ledger, WallTime now,
                             const std::optional<ledger::LockHolder>& holder) {
  const ledger::OneMoment moment{ledger};
  Figures figures;
  if (const auto read = read_records(figures, ledger); !read) return read.error();
  const bool is_under_way = !figures.runs.empty() && ledger::is_under_way(figures.runs.back(), holder);
  figures.is_under_way = is_under_way;
  const auto waits = ledger::past_waits(ledger);
  if (!waits) return waits.error();
  Ends ends{*waits};
  if (const auto read = note_last_requests(figures, ledger, ends); !read) return read.error();
  RequestReader requests{figures, set_timeline(figures, job, ends, now, is_under_way)};
  if (const auto read =
          ledger::each_past_request(ledger, [&](const auto& request) { requests.add(request); });
      !read)
    return read.error();
  requests.finish();
  RowReader rows{figures};
  if (const auto read = ledger::each_row_in_short(ledger, [&](const auto& row) { rows.add(row); }); !read)
    return read.error();
  rows.finish();
  set_limits(figures, job, *waits, ends, now, is_under_way);
  if (figures.timeline.parts > 0) set_shades(figures, *waits, ends, now, is_under_way);
  sum_waits(figures, *waits);
  if (const auto read = read_examples(figures, ledger); !read) return read.error();
  if (const auto read = look_ahead(figures, job, ledger, now); !read) return read.error();
  return figures;
}

}  // namespace cardvoid::report
