#include "figures.hpp"

#include <algorithm>
#include <cardvoid/ledger/one_moment.hpp>
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

// One pass over the requests, before the timeline is known: a run that died ends with its last request.
class RequestReader {
 public:
  RequestReader(const std::vector<ledger::PastRun>& runs, Figures& figures, Ends& ends)
      : figures_{figures}, ends_{ends} {
    if (!runs.empty()) from_ = runs.front().started_at;
  }
  void add(const ledger::PastRequest& request) {
    count_answer(request);
    auto& last = last_sent_[request.run];
    last = std::max(last, request.started_at);
    auto& endpoint = figures_.endpoints[static_cast<std::size_t>(request.endpoint)];
    if (request.outcome && is_trouble_of_endpoint(*request.outcome)) ++endpoint.trouble;
    if (!request.sent) return;
    ++figures_.request_count, ++endpoint.requests;
    seconds_.push_back(
        static_cast<std::int32_t>(duration_cast<std::chrono::seconds>(request.started_at - from_).count()));
    if (request.http_status == 0 || !request.latency) return;
    const auto took =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(request.latency->count(), 0, UINT32_MAX));
    endpoint.latencies.microseconds.push_back(took);
  }
  void finish() {
    for (const auto& [run, at] : last_sent_) ends_.note(run, at);
    for (auto& [key, count] : answers_)
      figures_.answers.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), count});
    std::stable_sort(figures_.answers.begin(), figures_.answers.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    for (auto& endpoint : figures_.endpoints) {
      auto& each = endpoint.latencies.microseconds;
      std::sort(each.begin(), each.end());
    }
    auto& all = figures_.latencies.microseconds;
    const auto &a = figures_.endpoints[0].latencies.microseconds,
               &b = figures_.endpoints[1].latencies.microseconds;
    all.resize(a.size() + b.size());
    std::merge(a.begin(), a.end(), b.begin(), b.end(), all.begin());
  }
  // Once the timeline is known.
  void spread() {
    figures_.rates = rates_of(seconds_, figures_.timeline);
    std::map<std::int32_t, std::int64_t> per_minute;
    std::int32_t last = INT32_MIN;
    std::int64_t* count = nullptr;
    for (const auto second : seconds_) {
      const auto minute = second / 60;
      if (minute != last || count == nullptr) count = &per_minute[minute], last = minute;
      figures_.busiest_minute = std::max(figures_.busiest_minute, static_cast<double>(++*count) / 60);
    }
  }

 private:
  using AnswerKey = std::tuple<std::string, int, std::string>;
  void count_answer(const ledger::PastRequest& request) {
    const auto outcome = request.outcome ? model::to_text(*request.outcome) : std::string_view{};
    if (last_count_ && outcome == std::get<0>(last_key_) && request.http_status == std::get<1>(last_key_) &&
        request.error_code == std::get<2>(last_key_)) {
      ++*last_count_;
      return;
    }
    last_key_ = {std::string{outcome}, request.http_status, std::string{request.error_code}};
    if (answers_.size() >= k_most_kinds && !answers_.contains(last_key_)) std::get<2>(last_key_) = "…";
    last_count_ = &answers_[last_key_];
    ++*last_count_;
  }

  Figures& figures_;
  Ends& ends_;
  WallTime from_{};
  std::vector<std::int32_t> seconds_;  // since from_, of every request that was sent
  std::map<ledger::RunId, WallTime> last_sent_;
  std::map<AnswerKey, std::int64_t> answers_;
  AnswerKey last_key_;
  std::int64_t* last_count_ = nullptr;
};

void set_timeline(Figures& figures, const model::Job& job, const Ends& ends, WallTime now,
                  bool is_under_way) {
  if (figures.runs.empty()) return;
  const auto from = figures.runs.front().started_at;
  auto ended = from;
  for (const auto& run : figures.runs) {
    const auto end = ends.of(run, now, is_under_way && &run == &figures.runs.back());
    ended = std::max(ended, end);
    figures.running += std::max(milliseconds{0}, end - run.started_at);
  }
  figures.timeline = timeline_of(from, ended, job.limits.requests_per_second);
}

void set_limits(Figures& figures, const model::Job& job, const std::vector<ledger::PastWait>& waits,
                const Ends& ends, WallTime now, bool is_under_way) {
  const auto& timeline = figures.timeline;
  figures.limits.assign(timeline.parts, -1);
  const double lanes = job.limits.per == model::QuotaPer::brand
                           ? static_cast<double>(std::max<std::int64_t>(figures.brands, 1))
                           : 1;
  if (timeline.parts == 0) return;
  // Of several limits in one part the highest: a bar can reach it.
  const auto fill = [&](WallTime from, WallTime to, double limit) {
    if (to <= from) return;
    for (auto part = timeline.part_of(from); part <= timeline.part_of(to - 1ms); ++part)
      figures.limits[part] = std::max(figures.limits[part], limit);
  };
  for (const auto& run : figures.runs) {
    const auto end = ends.of(run, now, is_under_way && &run == &figures.runs.back());
    const auto own = lanes * run.requests_per_second.value_or(job.limits.requests_per_second);
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
    auto& sum = sums[wait.kind];
    const auto lasted = wait.until - wait.since;
    if (lasted <= 0ms) continue;  // seen once: gone before the next pulse
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
    if (!is_never_sent) reasons_.add(row.reason);
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
  auto totals = ledger::totals(ledger);
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
  for (const auto& cause : figures.refused) figures.refused_lines += cause.count;
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

std::vector<double> rates_of(const std::vector<std::int32_t>& seconds, const Timeline& timeline) {
  std::vector<double> rates(timeline.parts, 0);
  if (rates.empty()) return rates;
  for (const auto second : seconds) ++rates[timeline.part_of(timeline.from + std::chrono::seconds{second})];
  const auto last =
      duration_cast<std::chrono::seconds>(timeline.ended - timeline.start_of(timeline.parts - 1)) +
      std::chrono::seconds{1};
  for (auto& rate : rates)
    rate /= static_cast<double>((&rate == &rates.back() ? last : timeline.part).count());
  return rates;
}

std::chrono::microseconds AnswerTimes::percentile(double percent) const {
  if (microseconds.empty()) return std::chrono::microseconds{0};
  const auto count = static_cast<double>(microseconds.size());
  const auto rank = static_cast<std::size_t>(std::clamp(std::ceil(percent / 100 * count), 1.0, count));
  return std::chrono::microseconds{microseconds[rank - 1]};
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
  RequestReader requests{figures.runs, figures, ends};
  if (const auto read =
          ledger::each_past_request(ledger, [&](const auto& request) { requests.add(request); });
      !read)
    return read.error();
  requests.finish();
  set_timeline(figures, job, ends, now, is_under_way);
  if (figures.timeline.parts > 0) requests.spread();
  RowReader rows{figures};
  if (const auto read = ledger::each_row_in_short(ledger, [&](const auto& row) { rows.add(row); }); !read)
    return read.error();
  rows.finish();
  set_limits(figures, job, *waits, ends, now, is_under_way);
  if (figures.timeline.parts > 0) set_shades(figures, *waits, ends, now, is_under_way);
  sum_waits(figures, *waits);
  if (const auto read = read_examples(figures, ledger); !read) return read.error();
  return figures;
}

}  // namespace cardvoid::report
