#pragma once
// What a run shows while it goes on, and the summary at its end. Writes to standard error only: standard
// output is for the command's answer. Thread-safe: the journal's thread has something to say, too.

#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/report/progress_mode.hpp>
#include <cardvoid/report/standing.hpp>
#include <cstdio>
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
  std::string stopped;            // why it ended early; empty: it did not
  std::vector<std::string> next;  // what to type next: "carry on: cardvoid run …"
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

// One live line on a terminal, one plain line each 30 s elsewhere.
class Progress {
 public:
  // automatic: live when `stream` is a terminal, else plain. `to_send`: rows the run begins with.
  Progress(ProgressMode mode, std::FILE* stream, std::int64_t to_send);
  ~Progress();

  void update(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Instant now);
  // Prints a line of its own, above the live line. `text` is made safe for a terminal.
  void say(std::string_view text);
  // How it stands at this moment, in one line.
  std::string line(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts, Instant now) const;
  // Takes the live line away; says the last state as JSON.
  void finish();

 private:
  bool is_due(Instant now);  // of a line each 30 s; then the next one is due 30 s later

  std::mutex mutex_;  // guards all that follows
  ProgressMode mode_;
  std::FILE* stream_;
  std::int64_t to_send_;
  Instant begun_, next_plain_;
  std::string shown_;   // the live line that is on the screen
  std::string unsaid_;  // json: the latest state, its turn not yet come
};

}  // namespace cardvoid::report
