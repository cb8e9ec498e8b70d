#pragma once
// History: what happened over all runs of a job, for the report. Nothing here writes.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/list_file.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

// A run with all that is on record about it.
struct PastRun : RunRecord {
  std::string user, host, version, acknowledge, fingerprint;  // user: empty where it was not noted
  bool by_confirm = false;
};
Result<std::vector<PastRun>> past_runs(Ledger& ledger);  // in their order

// A reason to wait, while it lasted.
struct PastWait {
  RunId run = 0;
  std::string kind, words;
  WallTime since{}, until{};
  double allowed_rate = 0;  // requests/s, at most
};
Result<std::vector<PastWait>> past_waits(Ledger& ledger);  // by the time at which they began

// One reading of a list. The file is empty where an earlier version did not note it.
struct PastImport {
  WallTime read_at{};
  std::string source, read_by;
  model::ListFile file;
  std::int64_t lines = 0, added = 0, duplicates = 0, refused = 0;
};
Result<std::vector<PastImport>> past_imports(Ledger& ledger, int most);  // the latest first
Result<std::int64_t> count_imports(Ledger& ledger);

// A plan that somebody agreed to.
struct PastPlan {
  std::string fingerprint, made_by, confirmed_by;  // empty where it was not noted
  WallTime made_at{}, confirmed_at{};
  std::int64_t to_send = 0;
};
Result<std::optional<PastPlan>> last_confirmed_plan(Ledger& ledger);

// When the last request of each of these runs began; a run without one is not named. Reads the whole table.
Result<std::map<RunId, WallTime>> last_requests(Ledger& ledger, const std::vector<RunId>& runs);

// A request of any run that has left or may have left; or that did not, where `sent` is false. Text is valid
// during the visit.
struct PastRequest {
  RunId run = 0;
  model::Endpoint endpoint = model::Endpoint::primary;
  bool sent = true;
  WallTime started_at{};
  std::optional<std::chrono::microseconds> latency;
  int http_status = 0;  // 0: no answer
  std::string_view error_code;
  std::optional<model::OutcomeKind> outcome;  // nullopt: it has not ended, or its run died
};
// By row. Reads the whole table once (0.3 s for a million). Those withdrawn before they were sent are left
// out.
Result<void> each_past_request(Ledger& ledger, const std::function<void(const PastRequest&)>& visit);

// A row of the plan, as far as the report needs it. Text is valid during the visit.
struct RowInShort {
  model::RowId id = 0;
  model::Status status = model::Status::pending;
  bool accepted = false, is_forgotten = false;  // forgotten: its reason is empty
  std::string_view held_back;                   // as the view `results` has it; empty: it is not
  std::string_view brand_id, card_id, reason, error_code;
  int http_status = 0;
  std::optional<WallTime> finished_at;
};
// In input order, each once (0.3 s for a million).
Result<void> each_row_in_short(Ledger& ledger, const std::function<void(const RowInShort&)>& visit);

// A row as an example of what befell it.
struct ExampleRow {
  std::int64_t source_line = 0;
  std::string code, openid, error_message;
};
Result<std::optional<ExampleRow>> example_row(Ledger& ledger, model::RowId id);

}  // namespace cardvoid::ledger
