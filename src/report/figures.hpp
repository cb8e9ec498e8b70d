#pragma once
// Figures: what the report says, before it is put into words. Read from the ledger in one pass over the
// requests and one over the rows, into counters whose number does not grow with the job.

#include <array>
#include <cardvoid/ledger/history.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
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

// Requests/s in each part, of requests by the second in which they began. The last part counts as long as it
// has lasted.
std::vector<double> rates_of(const std::vector<std::int32_t>& seconds, const Timeline& timeline);

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

// How long answers took, exactly.
struct AnswerTimes {
  std::vector<std::uint32_t> microseconds;  // sorted, once everything is read
  // The least that so many percent of the requests did not exceed.
  std::chrono::microseconds percentile(double percent) const;
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
  std::int64_t refused_lines = 0;             // likewise
  std::vector<Group> templates, reasons;      // those with most rows first
  std::vector<Group> held_back;               // by the reason, as the view `results` has it; likewise
  std::int64_t brands = 0;

  Timeline timeline;
  milliseconds running{0};                    // all runs together
  std::vector<double> rates;                  // requests/s in each part of the timeline
  std::vector<double> invalidated, rejected;  // in each part
  std::vector<double> limits;                 // requests/s; negative: no run
  double busiest_minute = 0;                  // requests/s
  std::vector<Shade> shades;                  // by kind, not overlapping within one
  std::vector<WaitSum> waits;                 // the longest in all first

  std::int64_t request_count = 0;            // that were sent
  std::array<EndpointFigures, 2> endpoints;  // by model::Endpoint
  AnswerTimes latencies;                     // of both
  std::vector<AnswerKind> answers;           // the most frequent first
  std::vector<Cause> causes;                 // likewise
};

// `now`: where the timeline ends while a run is under way. `holder`: has the job now. Errors: the
// ledger's.
Result<Figures> read_figures(const model::Job& job, ledger::Ledger& ledger, WallTime now,
                             const std::optional<ledger::LockHolder>& holder);

}  // namespace cardvoid::report
