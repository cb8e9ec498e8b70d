#pragma once
// Figures: what the report says, before it is put into words. Read from the ledger in one pass over the
// requests and one over the rows, into counters. Their number does not grow with the rows and the requests:
// one per minute of running, per kind of answer (at most 1,000) and per length of an answer as it is shown.

#include <array>
#include <cardvoid/ledger/history.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/outlook.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace cardvoid::report {

// The time that the charts show, in equal parts of whole seconds: what is counted by the second falls into
// one of them as a whole.
struct Timeline {
  WallTime from{}, to{};  // to: where the last part ends
  WallTime ended{};       // of all that is on record; in the last part
  std::chrono::seconds part{1};
  std::size_t parts = 0;           // 0: nothing has been run
  double at(WallTime time) const;  // in parts of its length, 0 to 1
  std::size_t part_of(WallTime time) const;
  WallTime start_of(std::size_t number) const;
};
// With so many requests/s at most.
Timeline timeline_of(WallTime from, WallTime ended, double requests_per_second);

// Requests/s in each part, of how many began there. The last part counts as long as it has lasted.
std::vector<double> rates_of(const std::vector<std::int64_t>& requests, const Timeline& timeline);

// Why nothing, or less, was sent.
struct Shade {
  enum Kind { outage, paused, slowed, closed, idle } kind = idle;
  WallTime from{}, to{};
};

struct WaitSum {
  std::string kind;
  std::string words;  // of its longest
  std::int64_t times = 0;
  milliseconds in_all{0}, longest{0};
  WallTime longest_since{};
};

// How long answers took, as exactly as it is shown: to 0.1 ms below 10 ms, to 1 ms below 10 s, to 0.1 s
// above. Of fixed size (130 kB).
class AnswerTimes {
 public:
  // What the bars of the chart go up to; the last bar is for all that is above.
  static constexpr std::array k_bounds_ms{1,    2,    3,    5,    7,    10,     15,     20,    30,
                                          50,   70,   100,  150,  200,  300,    500,    700,   1000,
                                          1500, 2000, 3000, 5000, 7000, 10'000, 15'000, 30'000};
  using Bars = std::array<std::int64_t, k_bounds_ms.size() + 1>;

  void add(std::chrono::microseconds took);
  void add(const AnswerTimes& others);
  std::int64_t count() const { return count_; }
  const Bars& bars() const { return bars_; }  // exact
  // The least that so many percent of the requests did not exceed; 100 is the longest of all.
  std::chrono::microseconds percentile(double percent) const;

 private:
  static constexpr std::size_t k_tenths = 100, k_whole = 10'000, k_slow = 6'000;  // up to ten minutes
  static std::size_t place_of(std::int64_t microseconds);
  static std::int64_t shown_at(std::size_t place);
  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(k_tenths + k_whole + k_slow);
  Bars bars_{};
  std::int64_t count_ = 0, longest_ = 0;  // microseconds
};

struct EndpointFigures {
  std::int64_t requests = 0, trouble = 0;
  AnswerTimes latencies;
};

// Requests that ended alike.
struct AnswerKind {
  std::string outcome;  // as in `attempts`; empty: it has not ended
  int http_status = 0;
  std::string error_code;
  std::int64_t count = 0;
};

// Rows that are rejected or in doubt for the same reason.
struct Cause {
  std::string status;  // "rejected", or "doubt"
  std::string error_code;
  int http_status = 0;
  std::int64_t count = 0;
  model::RowId example_id = 0;
  std::optional<ledger::ExampleRow> example;
};

// How many rows have the same value.
struct Group {
  std::string name, second;  // brand and template; or the reason
  std::int64_t rows = 0;
};

struct Figures {
  ledger::Totals totals;
  std::vector<ledger::PastRun> runs;
  bool is_under_way = false;                // the last of them
  std::vector<ledger::PastImport> imports;  // the latest
  std::int64_t import_count = 0;
  std::optional<ledger::PastPlan> plan;
  std::vector<ledger::RefusedCause> refused;  // without the lines of protected cards
  std::int64_t forgotten = 0;                 // rows; they have no reason any more
  std::vector<Group> templates, reasons;      // those with most rows first
  std::vector<Group> held_back;               // by the reason, as the view `results` has it; likewise
  std::int64_t brands = 0;

  Timeline timeline;
  milliseconds running{0};                    // all runs together
  std::vector<double> rates;                  // requests/s in each part of the timeline
  std::vector<double> invalidated, rejected;  // in each part
  std::vector<double> limits;                 // requests/s; negative: no run
  // Requests/s in the busiest minute of a run, counted from its start; nullopt: none lasted a minute.
  std::optional<double> busiest_minute;
  double least_limit = 0, highest_limit = 0;  // requests/s, of the runs that are on record
  std::vector<Shade> shades;                  // by kind, not overlapping within one
  std::vector<WaitSum> waits;                 // the longest in all first

  std::int64_t request_count = 0;            // that were sent
  std::array<EndpointFigures, 2> endpoints;  // by model::Endpoint
  AnswerTimes latencies;                     // of both
  std::vector<AnswerKind> answers;           // the most frequent first
  std::vector<Cause> causes;                 // likewise

  // Of the run under way: until it is done, as its last pulse has it.
  std::optional<run::Outlook> outlook;
  WallTime outlook_at{};
};

// `now`: where the timeline ends while a run is under way. `holder`: has the job now. Errors: the
// ledger's.
Result<Figures> read_figures(const model::Job& job, ledger::Ledger& ledger, WallTime now,
                             const std::optional<ledger::LockHolder>& holder);

}  // namespace cardvoid::report
