#pragma once
// What a run shows while it goes on, and the summary at its end. Writes to standard error only: standard
// output is for the command's answer. Thread-safe: the journal's thread has something to say, too.

#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/report/live.hpp>
#include <cardvoid/report/progress_mode.hpp>
#include <cardvoid/report/screen.hpp>
#include <cardvoid/report/standing.hpp>
#include <cardvoid/run/outlook.hpp>
#include <chrono>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

namespace cardvoid::report {

// A run as a whole, for the last word.
struct Ending {
  std::string job, command;
  ledger::RunId run = 0;
  Standing standing;
  ledger::RunCounts counts;
  dispatch::Snapshot last;
  std::uint64_t commits = 0;
  std::int64_t log_bytes = 0;  // of the write-ahead log that could not be folded into the database
  milliseconds elapsed{0};
  int exit_code = 0;
  std::string stopped;               // why it ended early, in English; empty: it did not
  std::optional<run::Outlook> rest;  // what a soft stop leaves
  std::vector<std::string> next;     // for programs, what to type next: "carry on: cardvoid run …"
  std::optional<model::Trip> trip;
};

// "  label        1,234  remark": a line of a page of counts.
std::string count_line(std::string_view label, int label_columns, std::int64_t count,
                       std::string_view remark = {});

// The lines of the summary; every row of the job is in exactly one of its counts.
std::string summary_text(const Ending& ending);
// The same in one line that needs no other around it, for logs and cron's mail.
std::string summary_line(const Ending& ending);
std::string summary_json(const Ending& ending);

// What a run is about, and how the job stands as it begins.
struct Undertaking {
  std::string job, brand, host, steering;  // as in Moment
  model::Limits limits;
  std::optional<model::DailyWindow> window;  // nullopt: it may go on at any time
  ledger::Totals totals;
  std::int64_t most_of_one_brand = 0;  // rows to send; 0: they all share one limit
  bool only_reads_back = false;
};

// How to show it.
struct Manner {
  ProgressMode mode = ProgressMode::automatic;  // live when the stream is a terminal that can, else plain
  bool is_heartbeat = false;                    // no one looks: only every ten minutes
  bool has_colour = false, has_utf8 = true;
  bool has_times = false;  // plain lines begin with the local time
};

// Whether the terminal that TERM names can show the live display.
bool can_move_cursor();

// "2026-11-27 01:00:59 +0800 ", for what goes to a file.
std::string time_stamp(WallTime now);

// A block of lines on a terminal, drawn in place; elsewhere one plain line now and then, ever more seldom.
class Progress {
 public:
  Progress(Manner manner, std::FILE* stream, Undertaking undertaking, Now now);
  ~Progress();

  void update(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Now now);
  // A request has ended.
  void attempted(const ledger::Attempt& attempt);
  // The results show another status, or held mark, for a row.
  void moved(model::RowState before, model::RowState after);
  // Prints a line of its own, above the live block there with the time. `text` is made safe for a terminal.
  void say(std::string_view text);
  // How it stands at this moment, in one line.
  std::string line(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Now now);
  // Takes the live block away; says the last state as JSON.
  void finish();

 private:
  Moment moment(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Now now) const;
  std::optional<Latencies> latencies() const;
  void draw(Now now);
  void put_line(const Moment& moment);
  bool is_due(Instant now);  // of a plain line; then the next one is due later
  void sample_rate(Instant now);

  mutable std::mutex mutex_;  // guards all that follows
  Manner manner_;
  std::FILE* stream_;
  Undertaking about_;
  std::int64_t to_send_;  // at the begin
  Now begun_;
  Instant next_plain_;
  std::optional<Screen> screen_;  // live only
  std::optional<Moment> latest_;  // of the live block
  Instant next_draw_{};
  std::deque<std::chrono::microseconds> recent_;  // latencies, the latest last
  std::deque<double> rates_;
  std::uint64_t requests_ = 0, sampled_ = 0, by_backup_ = 0;
  Instant sampled_at_;
  std::optional<LastError> last_error_;
  std::string unsaid_;  // json: the latest state, its turn not yet come
};

}  // namespace cardvoid::report
