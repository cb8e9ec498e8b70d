#pragma once
// Records: the rows that a run fetches, and the attempts it makes for them.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/model/ruling.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::ledger {

// How far a lane has read. Rows in doubt come first, then those that nothing has happened to. Last come those
// that are held or that an earlier run could do nothing with: they must not keep the others waiting.
struct Cursor {
  std::optional<std::string> brand_id;  // only rows of this brand
  bool doubt_only = false;              // `reconcile`
  enum Part { doubt, fresh, deferred, end } part = doubt;
  model::RowId after = 0;  // of the part that is being read

  // From now on only rows in doubt among those that come last.
  void skip_to_set_apart() {
    if (part == doubt || part == fresh) part = deferred, after = 0;
    doubt_only = true;
  }
};

// The next rows; fewer than `count`: there are no more.
Result<std::vector<model::Candidate>> fetch(Ledger& ledger, Cursor& cursor, int count);
Result<std::vector<std::string>> brands(Ledger& ledger);
// A card that is invalidated: reading it back shows whether our credentials work. nullopt: there is none yet.
Result<std::optional<model::Candidate>> witness(Ledger& ledger);
// Makes fetching by brand cheap; once is enough.
Result<void> index_brands(Ledger& ledger);

// The intent to send a request. The row of an invalidation becomes in_flight; a read-back changes nothing.
struct Intent {
  model::RowId row = 0;
  int n = 0;
  RunId run = 0;
  model::Endpoint endpoint = model::Endpoint::primary;
  WallTime at{};
  model::AttemptKind kind = model::AttemptKind::invalidate;
};

// A request that ended.
struct Attempt {
  model::RowId row = 0;
  int n = 0;
  RunId run = 0;
  model::AttemptKind kind = model::AttemptKind::invalidate;
  model::Endpoint endpoint = model::Endpoint::primary;
  bool sent = true;  // false: surely not one byte left
  WallTime started_at{}, finished_at{};
  std::chrono::microseconds latency{0};
  model::Outcome outcome;
};

// One transaction of a run. Every change between the two, those of run_log.hpp included, becomes durable with
// commit_changes().
Result<void> begin_changes(Ledger& ledger);
Result<void> open_attempt(Ledger& ledger, const Intent& intent);
Result<void> close_attempt(Ledger& ledger, const Attempt& attempt, const model::Ruling& ruling);
// The request was not sent after all. nullopt: it was a read-back, and the row stays as it is.
Result<void> withdraw_attempt(Ledger& ledger, model::RowId row, int n, std::optional<model::Status> status);
Result<void> commit_changes(Ledger& ledger);

}  // namespace cardvoid::ledger
