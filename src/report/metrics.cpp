#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/report/metrics.hpp>
#include <charconv>
#include <cmath>

namespace cardvoid::report {

namespace {

// In the text format a value of a label has these three escaped.
std::string label_value(std::string_view value) {
  std::string text{'"'};
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

double seconds(WallTime time) { return static_cast<double>(time.time_since_epoch().count()) / 1000; }

// False where the status says less than our word does: a 2xx that confirms nothing, and an answer that is not
// believed.
bool is_told_by_status(model::OutcomeKind kind, unsigned status) {
  using enum model::OutcomeKind;
  switch (kind) {
    case confirmed:
    case accepted: return true;
    case not_invalid:
    case wrong_card:
    case unverified:
    case probe_signature:
    case unreadable:
    case distrusted: return false;
    case system_error:
    case gateway_error:
    case throttled:
    case clock_refused:
    case credentials_refused:
    case setup_refused:
    case refused:
    case unknown_answer:
    case lost:
    case stale_connection:
    case connection_closed:
    case not_sent:
    case bad_certificate: return status >= 300;
  }
  return true;
}

// The HTTP status, or our word for what is no answer or does not count as one. At most a few dozen
// values, for all that a server may send.
std::string code_of(const ledger::EndedRequest& request) {
  const auto status = request.http_status;
  if (status < 100 || !is_told_by_status(request.outcome, status))
    return std::string{model::to_text(request.outcome)};
  return status < 600 ? std::to_string(status) : "other";
}

// One family: its HELP and TYPE, then its samples. Without a sample it is not there: before the first answer
// a run has none.
class Family {
 public:
  Family(std::string& text, std::string_view name, std::string_view type, std::string_view help,
         std::string_view job)
      : text_{text},
        name_{name},
        job_{job},
        head_{fmt::format("# HELP cardvoid_{0} {2}\n# TYPE cardvoid_{0} {1}\n", name, type, help)} {}
  // `labels`: none, or ",name=\"value\"…".
  template <class Number>
  Family& add(Number value, std::string_view labels = {}, std::string_view suffix = {}) {
    text_ += std::exchange(head_, {});
    text_ += fmt::format("cardvoid_{}{}{{{}{}}} {}\n", name_, suffix, job_, labels, value);
    return *this;
  }

 private:
  std::string& text_;
  std::string_view name_, job_;
  std::string head_;  // until the first sample
};

// The value of a sample of ours, from a file that we wrote.
std::optional<double> find_sample(std::string_view file, const std::string& series) {
  const auto start = "\n" + series + " ";
  const auto at = file.find(start);
  if (at == std::string_view::npos) return std::nullopt;
  const auto* begin = file.data() + at + start.size();
  double value = 0;
  const auto [end, error] = std::from_chars(begin, file.data() + file.size(), value);
  // A time of the year 9999 and beyond is none.
  if (error != std::errc{} || !std::isfinite(value) || value < 0 || value > 2.5e11) return std::nullopt;
  return value;
}

}  // namespace

Metrics::Metrics(std::string_view job, double limit, std::string version,
                 const std::optional<model::Shard>& shard)
    : job_{"job=" + label_value(job)}, limit_{limit}, version_{std::move(version)} {
  if (shard) job_ += ",shard=" + label_value(model::to_text(*shard));
}

void Metrics::carry_over(std::string_view file) {
  const auto sample = [&](std::string_view name) {
    return find_sample(file, fmt::format("cardvoid_{}{{{}}}", name, job_));
  };
  const auto time = [&](std::string_view name) -> std::optional<WallTime> {
    const auto value = sample(name);
    if (!value) return std::nullopt;
    return WallTime{milliseconds{std::llround(*value * 1000)}};
  };
  last_success_ = std::max(last_success_, time("last_success_timestamp_seconds"));
  if (const auto run = time("last_run_timestamp_seconds"); run > last_run_)
    if (const auto code = sample("last_run_exit_code")) {
      last_run_ = run;
      last_exit_code_ = static_cast<int>(std::min(*code, 255.0));
    }
  paced_before_ = sample("rate_limit_wait_seconds_total").value_or(0);
}

Result<void> Metrics::load(ledger::Ledger& ledger) {
  const auto totals = ledger::totals(ledger);
  if (!totals) return totals.error();
  const auto success = ledger::last_success(ledger);
  if (!success) return success.error();
  const auto runs = ledger::last_runs(ledger, 1);
  if (!runs) return runs.error();
  Metrics on_record{job_, limit_, version_};  // so that what cannot be read to its end changes nothing
  const auto read =
      ledger::each_request(ledger, [&](const ledger::EndedRequest& request) { on_record.count(request); });
  if (!read) return read.error();
  attempts_ = std::move(on_record.attempts_);
  durations_ = std::move(on_record.durations_);
  totals_ = *totals;
  has_attempts_ = true;
  last_success_ = std::max(last_success_, *success);
  if (!runs->empty() && runs->front().ended_at > last_run_ && runs->front().exit_code) {
    last_run_ = runs->front().ended_at;
    last_exit_code_ = runs->front().exit_code;
  }
  return {};
}

void Metrics::count(const ledger::EndedRequest& request) {
  ++attempts_[{request.endpoint, request.kind, code_of(request)}];
  if (!request.sent) return;
  auto& durations = durations_[{request.endpoint, request.kind}];
  const auto took = std::chrono::duration<double>{request.latency}.count();
  const auto bound = std::lower_bound(k_bounds.begin(), k_bounds.end(), took);
  ++durations.counts[static_cast<std::size_t>(bound - k_bounds.begin())];
  durations.sum += took;
}

void Metrics::count(const ledger::Attempt& attempt) {
  const auto& outcome = attempt.outcome;
  count({attempt.kind, attempt.endpoint, attempt.sent, outcome.http_status, outcome.kind, attempt.latency});
}

void Metrics::move(model::RowState before, model::RowState after) {
  if (totals_) totals_->move(before, after);
}

void Metrics::note(const dispatch::Snapshot& snapshot) {
  paced_now_ = std::chrono::duration<double>{snapshot.held_by_pace}.count();
}

std::string Metrics::while_running(const dispatch::Snapshot& snapshot) {
  note(snapshot);
  return text(&snapshot);
}

std::string Metrics::at_end(std::string_view command, int exit_code, WallTime now) {
  last_run_ = now;
  last_exit_code_ = exit_code;
  if (exit_code == 0 && command == "run") last_success_ = now;  // a reconcile that found no doubt is none
  return text(nullptr);
}

// The file while it is written.
class Metrics::Page {
 public:
  explicit Page(std::string job) : job_{std::move(job)} {}
  Family family(std::string_view name, std::string_view type, std::string_view help) {
    return {text_, name, type, help, job_};
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_ = "# Written by cardvoid.\n";
  std::string job_;
};

std::string Metrics::text(const dispatch::Snapshot* running) const {
  Page page{job_};
  page.family("build_info", "gauge", "Which cardvoid has written this; always 1.")
      .add(1, fmt::format(",version={}", label_value(version_)));
  write_runs(page, running != nullptr);
  write_rows(page);
  write_attempts(page);
  write_pace(page, running);
  return page.take();
}

void Metrics::write_runs(Page& page, bool is_running) const {
  if (last_success_)
    page.family("last_success_timestamp_seconds", "gauge",
                "When a run ended last with every card confirmed invalid (exit code 0).")
        .add(fmt::format("{:.3f}", seconds(*last_success_)));
  if (last_run_)
    page.family("last_run_timestamp_seconds", "gauge", "When the last run ended, or could not begin.")
        .add(fmt::format("{:.3f}", seconds(*last_run_)));
  if (last_exit_code_) page.family("last_run_exit_code", "gauge", "Its exit code.").add(*last_exit_code_);
  page.family("run_in_progress", "gauge", "1 while a run is under way, rewritten every 15 s; else 0.")
      .add(is_running ? 1 : 0);
}

void Metrics::write_rows(Page& page) const {
  if (!totals_) return;
  auto rows =
      page.family("rows", "gauge", "Cards of the job by status; those that a person has accepted apart.");
  const std::pair<const char*, std::int64_t> counts[] = {
      {"pending", totals_->pending},         {"in_flight", totals_->in_flight},
      {"invalidated", totals_->invalidated}, {"rejected", totals_->rejected},
      {"unresolved", totals_->unresolved},   {"accepted", totals_->accepted()}};
  for (const auto& [status, count] : counts) rows.add(count, fmt::format(",status=\"{}\"", status));
  page.family("to_send_rows", "gauge", "Cards still to send.").add(totals_->to_send());
  page.family("in_doubt_rows", "gauge",
              "Cards that a request of ours may have changed, with no verified answer yet.")
      .add(totals_->in_doubt());
  page.family("held_rows", "gauge", "Cards in doubt that wait for a decision: `cardvoid retry`.")
      .add(totals_->held);
  page.family("refused_lines", "gauge", "Lines of the latest input that are no cards.")
      .add(totals_->refused_lines());
}

void Metrics::write_attempts(Page& page) const {
  if (!has_attempts_) return;
  auto attempts =
      page.family("attempts_total", "counter",
                  "Requests that ended, over all runs: by HTTP status, or by a word where none counts.");
  std::uint64_t throttled = 0;
  for (const auto& [key, count] : attempts_) {
    const auto& [endpoint, kind, code] = key;
    attempts.add(count, fmt::format(",endpoint=\"{}\",kind=\"{}\",code={}", model::to_text(endpoint),
                                    model::to_text(kind), label_value(code)));
    if (code == "429") throttled += count;
  }
  page.family("throttled_total", "counter", "Answers with HTTP status 429, over all runs.").add(throttled);
  auto durations =
      page.family("request_duration_seconds", "histogram",
                  "From the first byte sent until the answer was read or given up, over all runs.");
  for (const auto& [where, found] : durations_) {
    const auto labels = fmt::format(",endpoint=\"{}\",kind=\"{}\"", model::to_text(where.first),
                                    model::to_text(where.second));
    std::uint64_t up_to_here = 0;
    for (std::size_t i = 0; i < k_bounds.size(); ++i) {
      up_to_here += found.counts[i];
      durations.add(up_to_here, fmt::format("{},le=\"{}\"", labels, k_bounds[i]), "_bucket");
    }
    up_to_here += found.counts.back();
    durations.add(up_to_here, labels + ",le=\"+Inf\"", "_bucket");
    durations.add(fmt::format("{:.6f}", found.sum), labels, "_sum");
    durations.add(up_to_here, labels, "_count");
  }
}

void Metrics::write_pace(Page& page, const dispatch::Snapshot* running) const {
  page.family("rate_limit_wait_seconds_total", "counter",
              "Time in which a card was at hand and only the limit kept it, over all runs.")
      .add(fmt::format("{:.3f}", paced_before_ + paced_now_));
  page.family("rate_requests_per_second", "gauge", "Requests of the last minute; 0 when no run is under way.")
      .add(fmt::format("{:.3f}", running ? running->measured : 0));
  page.family("limit_requests_per_second", "gauge",
              "Allowed at present: other than the job's limit after a 429 or `cardvoid rate`.")
      .add(running ? running->rate : limit_);
  if (running) {
    using State = dispatch::EndpointHealth::State;
    auto serves = page.family("endpoint_serves", "gauge",
                              "1: requests go there; 0: it has failed and waits for a probe.");
    serves.add(running->primary == State::closed ? 1 : 0, ",endpoint=\"primary\"");
    serves.add(running->backup == State::closed ? 1 : 0, ",endpoint=\"backup\"");
    page.family("in_flight_requests", "gauge", "Sent and not answered.").add(running->in_flight);
    page.family("waiting_rows", "gauge", "Cards that wait to be tried again.").add(running->waiting);
  }
}

}  // namespace cardvoid::report
