#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/report/step.hpp>
#include <cardvoid/run/spoken.hpp>
#include <cstdlib>
#include <utility>
#include <vector>

namespace cardvoid::report {

namespace {

using namespace std::chrono_literals;
constexpr auto k_plain_interval = 30s;

constexpr auto k_heartbeat = 10min;
constexpr auto k_draw_interval = 100ms;
constexpr auto k_sample_interval = 5s;
constexpr std::size_t k_stamp_columns = 9, k_least_to_wrap = 40;
constexpr std::size_t k_most_samples = 16, k_most_latencies = 500;

// The longer a run lasts, the less each line has to tell.
Instant::duration plain_interval(Instant::duration age) {
  return age < 10min ? Instant::duration{k_plain_interval} : age < 2h ? Instant::duration{2min} : k_heartbeat;
}

// "SIGINT received; 4 rows are left"
std::string words_for_cause(const Ending& ending) {
  const auto why = run::spoken(ending.stopped);
  return ending.rest ? tr("{}; {}", why, run::to_text(*ending.rest)) : why;
}

// "stopped: SIGINT received", "stopped by alice with cardvoid stop"
// With exit code 0 or 1 it happened at the last card: "nothing is left that it could stop: the canary
// failed".
std::string words_for_stop(const Ending& ending) {
  const auto shown = escape_for_terminal(words_for_cause(ending));
  if (ending.exit_code <= 1) return tr("nothing is left that it could stop: {}", shown);
  return ending.stopped.starts_with("stopped ") ? shown : tr("stopped: {}", shown);
}

// A row that the platform says is not yet INVALID is no error, nor is one that it says is.
bool is_error(const model::Outcome& outcome) {
  using enum model::OutcomeKind;
  return outcome.kind != confirmed && outcome.kind != accepted && outcome.kind != not_invalid;
}

boost::json::object progress_json(const Moment& moment, std::int64_t to_send) {
  using boost::json::value;
  const auto& ahead = moment.outlook;
  const bool is_told = ahead.rows > 0 && ahead.left && ahead.done_at;
  const auto& s = moment.snapshot;
  return {{"type", "progress"},
          {"time", format_rfc3339(moment.now)},
          {"job", moment.job},
          {"rows", moment.totals.rows()},
          {"percent", moment.percent()},
          {"to_send", to_send},
          {"sent", moment.counts.sent},
          {"confirmed", moment.counts.confirmed},
          {"rejected", moment.counts.rejected},
          {"unresolved", moment.counts.unresolved},
          {"in_flight", s.in_flight},
          {"waiting", s.waiting},
          {"rate", s.measured},
          {"allowed_rate", s.rate},
          {"limit", ahead.limit},
          {"seconds_left", is_told ? value(ahead.left->count() / 1000) : value()},
          {"done_at", is_told ? value(format_rfc3339(*ahead.done_at)) : value()},
          {"canary", s.canary},
          {"canary_passed", s.canary_passed},
          {"canary_already", s.canary_already},
          {"reasons_to_wait", ledger::as_json(s.reasons_to_wait)}};
}

}  // namespace

std::string to_line(const Step& step) {
  return step.command.empty() ? step.words : tr("{}: {}", step.words, step.command);
}

std::string count_line(std::string_view label, int label_columns, std::int64_t count,
                       std::string_view remark) {
  return fmt::format("  {:<{}}{:>14}{}{}\n", label, label_columns, grouped(count), remark.empty() ? "" : "  ",
                     remark);
}

std::string summary_text(const Ending& ending) {
  const auto& t = ending.standing.totals;
  auto text =
      tr_n(t.rows(), "{} row in the job", "{} rows in the job") + "\n" + standing_text(ending.standing);
  if (const auto lines = t.refused_lines(); lines > 0)
    text += tr_n(lines, "{} input line refused: cardvoid plan shows them by cause",
                 "{} input lines refused: cardvoid plan shows them by cause") +
            "\n";
  const auto& last = ending.last;
  text += tr("this run: {} sent, {}, {}, {} 429, {}",
             tr_n(ending.counts.sent, "{} invalidation", "{} invalidations"),
             tr_n(static_cast<std::int64_t>(last.read_backs), "{} read-back", "{} read-backs"),
             tr_n(static_cast<std::int64_t>(last.retries), "{} retry", "{} retries"),
             tr_n(static_cast<std::int64_t>(last.throttled), "{} time", "{} times"),
             spoken_duration(ending.elapsed)) +
          "\n";
  if (!ending.stopped.empty()) text += words_for_stop(ending) + "\n";
  return text;
}

std::string summary_line(const Ending& ending) {
  const auto& t = ending.standing.totals;
  auto text = tr("{} {}: exit {}, {} of {} cards invalidated", ending.command, ending.job, ending.exit_code,
                 grouped(t.invalidated), grouped(t.rows()));
  if (t.already > 0) text = tr("{} ({} of them before us)", text, grouped(t.already));
  const auto say = [&](std::int64_t count, const char* words) {
    if (count > 0) text = tr("{}, {}", text, fmt::format(fmt::runtime(tr(words)), grouped(count)));
  };
  say(t.rejected, translatable("{} rejected"));
  say(t.accepted(), translatable("{} accepted"));
  say(t.in_doubt(), translatable("{} in doubt"));
  say(t.pending_to_send(), translatable("{} pending"));
  say(t.protected_pending, translatable("{} protected"));
  say(t.conflicts, translatable("{} in conflict with the input"));
  say(t.left, translatable("{} left the list"));
  if (const auto lines = t.refused_lines(); lines > 0)
    text = tr("{}, {}", text, tr_n(lines, "{} input line refused", "{} input lines refused"));
  text = tr("{}; this run sent {} in {}", text, grouped(ending.counts.sent), spoken_duration(ending.elapsed));
  if (!ending.stopped.empty()) text = tr("{}; {}", text, words_for_stop(ending));
  return text;
}

std::string summary_json(const Ending& ending) {
  const InEnglish of_programs;
  boost::json::object object{{"job", ending.job}, {"command", ending.command}, {"run_id", ending.run}};
  add_standing(object, ending.standing);
  object["run"] =
      boost::json::object{{"sent", ending.counts.sent},           {"confirmed", ending.counts.confirmed},
                          {"rejected", ending.counts.rejected},   {"unresolved", ending.counts.unresolved},
                          {"read_backs", ending.last.read_backs}, {"retries", ending.last.retries},
                          {"throttled", ending.last.throttled},   {"commits", ending.commits},
                          {"elapsed_ms", ending.elapsed.count()}};
  object["stopped"] =
      ending.stopped.empty() ? boost::json::value() : boost::json::value(words_for_cause(ending));
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

bool can_move_cursor() {
  const char* const terminal = std::getenv("TERM");
  return terminal && *terminal && std::string_view{terminal} != "dumb";
}

std::string time_stamp(WallTime now) { return format_local_full(now) + " "; }

Progress::Progress(Manner manner, std::FILE* stream, Undertaking undertaking, Now now)
    : manner_{manner},
      stream_{stream},
      about_{std::move(undertaking)},
      to_send_{about_.only_reads_back ? about_.totals.in_doubt() : about_.totals.to_send()},
      begun_{now},
      next_plain_{now.steady + (manner.is_heartbeat ? Instant::duration{k_heartbeat}
                                                    : Instant::duration{k_plain_interval})},
      sampled_at_{now.steady} {
  if (manner_.mode == ProgressMode::automatic)
    manner_.mode = ::isatty(::fileno(stream)) && can_move_cursor() ? ProgressMode::live : ProgressMode::plain;
  if (manner_.mode == ProgressMode::live) screen_.emplace(stream);
}

Progress::~Progress() { finish(); }

std::optional<Latencies> Progress::latencies() const {
  if (recent_.empty()) return std::nullopt;
  std::vector<std::chrono::microseconds> sorted{recent_.begin(), recent_.end()};
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](std::size_t percent) { return sorted[(sorted.size() - 1) * percent / 100]; };
  return Latencies{at(50), at(95), at(99)};
}

Moment Progress::moment(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Now now) const {
  const auto& totals = about_.totals;
  run::Remaining remaining{about_.only_reads_back ? totals.in_doubt() : totals.to_send()};
  if (about_.most_of_one_brand > 0 && to_send_ > 0)  // all brands go on at the same pace, more or less
    remaining.rows_of_one_brand = about_.most_of_one_brand * remaining.rows / to_send_;
  Moment made;
  made.job = about_.job, made.brand = about_.brand, made.host = about_.host, made.steering = about_.steering;
  made.since = begun_.wall, made.now = now.wall;
  made.limits = about_.limits;
  made.totals = totals, made.counts = counts, made.snapshot = snapshot;
  made.outlook = run::outlook(about_.limits, about_.window, remaining,
                              run::course_of(snapshot, about_.limits), now.wall);
  made.rates = {rates_.begin(), rates_.end()};
  made.latencies = latencies();
  made.last_error = last_error_;
  made.by_backup = by_backup_;
  return made;
}

std::string Progress::line(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Now now) {
  const std::lock_guard lock{mutex_};
  const InEnglish of_log;
  return live_line(moment(snapshot, counts, now));
}

void Progress::attempted(const ledger::Attempt& attempt) {
  const std::lock_guard lock{mutex_};
  if (attempt.sent) {
    ++requests_;
    recent_.push_back(attempt.latency);
    if (recent_.size() > k_most_latencies) recent_.pop_front();
  }
  if (attempt.endpoint == model::Endpoint::backup && attempt.outcome.http_status != 0) ++by_backup_;
  if (!is_error(attempt.outcome)) return;
  const auto& code = attempt.outcome.error_code;
  last_error_ = {code.empty() ? std::string{model::to_text(attempt.outcome.kind)} : code,
                 attempt.finished_at};
}

void Progress::moved(model::RowState before, model::RowState after) {
  const std::lock_guard lock{mutex_};
  about_.totals.move(before, after);
}

void Progress::sample_rate(Instant now) {
  const std::chrono::duration<double> span = now - sampled_at_;
  if (span < k_sample_interval) return;
  rates_.push_back(static_cast<double>(requests_ - std::exchange(sampled_, requests_)) / span.count());
  if (rates_.size() > k_most_samples) rates_.pop_front();
  sampled_at_ = now;
}

void Progress::draw(Now now) {
  if (now.steady < next_draw_) return;
  next_draw_ = now.steady + k_draw_interval;
  const ForPeople of_screen;
  const auto size = screen_->size();
  screen_->show(live_lines(*latest_, {size.columns, size.rows, manner_.has_colour, manner_.has_utf8}));
}

void Progress::update(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Now now) {
  const std::lock_guard lock{mutex_};
  sample_rate(now.steady);
  switch (manner_.mode) {
    case ProgressMode::automatic:
    case ProgressMode::none: return;
    case ProgressMode::live:
      latest_ = moment(snapshot, counts, now);
      draw(now);
      return;
    case ProgressMode::plain:
      if (is_due(now.steady)) put_line(moment(snapshot, counts, now));
      return;
    case ProgressMode::json:
      unsaid_ = to_json_line(progress_json(moment(snapshot, counts, now), to_send_));
      if (is_due(now.steady)) put(stream_, std::exchange(unsaid_, {}));
      return;
  }
}

// On a terminal people read it; elsewhere it is a log.
void Progress::put_line(const Moment& moment) {
  const ForPeople of_terminal;
  std::optional<InEnglish> of_log;
  if (!::isatty(::fileno(stream_))) of_log.emplace();
  put(stream_, (manner_.has_times ? time_stamp(moment.now) : "") + live_line(moment) + "\n");
}

// A program has its own idea of how much is too much: its objects come evenly.
bool Progress::is_due(Instant now) {
  if (now < next_plain_) return false;
  const auto interval = manner_.is_heartbeat                 ? Instant::duration{k_heartbeat}
                        : manner_.mode == ProgressMode::json ? Instant::duration{k_plain_interval}
                                                             : plain_interval(now - begun_.steady);
  next_plain_ = now + interval;
  return true;
}

void Progress::say(std::string_view text) {
  const std::lock_guard lock{mutex_};
  if (!screen_) return put(stream_, escape_for_terminal(text) + "\n");
  const auto now = read_clocks();
  const auto words = escape_for_terminal(text);
  const auto columns = screen_->size().columns;
  screen_->print(format_local_clock(now.wall) + " " +
                 (columns < k_least_to_wrap ? words : wrapped(words, k_stamp_columns, columns - 1)));
  if (latest_) draw(now);
}

void Progress::finish() {
  const std::lock_guard lock{mutex_};
  if (screen_) screen_->clear();
  latest_.reset();
  // Machines that follow the events get the last state too; people have the summary.
  if (!unsaid_.empty() && !manner_.is_heartbeat) put(stream_, unsaid_);
  unsaid_.clear();
}

}  // namespace cardvoid::report
