#pragma once
// Queries: what plan, status, export and the metrics ask. Nothing here writes.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cardvoid::ledger {

// Rows by status, and how many of them are special. Rows that a person has settled by `accept` are apart.
struct Totals {
  std::int64_t pending = 0, in_flight = 0, invalidated = 0, rejected = 0, unresolved = 0;
  std::int64_t accepted_rejected = 0, accepted_unresolved = 0;  // not among the two before
  std::int64_t rejected_unsigned = 0;                           // by an answer without a verified signature
  std::int64_t held = 0;                                        // of the unresolved
  std::int64_t conflicts = 0;          // of the pending: the input names another openid or reason
  std::int64_t conflicts_dropped = 0;  // of these: the list no longer names the card
  std::int64_t left = 0;               // of the pending: the list no longer has them; no conflicts
  std::int64_t protected_pending = 0;  // safety.protect names them: never sent; no conflicts
  std::int64_t protected_dropped = 0;  // of these: the list no longer names the card
  // Of protected_pending: since the latest import `protect --remove` has taken back what named it. The list
  // safety.protect may name it too; the next import tells.
  std::int64_t protected_until_import = 0;
  std::int64_t protected_in_doubt = 0;      // of those in doubt and not held: only read back
  std::int64_t protected_invalidated = 0;   // named too late
  std::int64_t refused = 0;                 // input lines
  std::int64_t refused_protected = 0;       // of these: their cards are protected, and rows of the job
  std::int64_t already = 0, read_back = 0;  // of the invalidated, by how they were settled
  std::int64_t refused_lines() const { return refused - refused_protected; }  // that never became rows
  std::int64_t by_answer() const { return invalidated - already - read_back; }
  std::int64_t accepted() const { return accepted_rejected + accepted_unresolved; }
  std::int64_t rows() const { return pending + in_flight + invalidated + rejected + unresolved + accepted(); }
  std::int64_t in_doubt() const { return in_flight + unresolved; }
  // Cards that the newest list names, and that are not sent for it.
  std::int64_t kept_back() const {
    return conflicts - conflicts_dropped + protected_pending - protected_dropped;
  }
  std::int64_t pending_to_send() const { return pending - conflicts - left - protected_pending; }
  std::int64_t in_doubt_to_send() const { return in_flight + unresolved - held - protected_in_doubt; }
  // The plan that the fingerprint covers.
  std::int64_t to_send() const { return pending_to_send() + in_doubt_to_send(); }
  // A row goes from one status to another in the run under way. Not by how it was settled.
  void move(model::RowState before, model::RowState after);
  bool operator==(const Totals&) const = default;
};
// As kept beside the rows, at any number of them in a moment; counted, and kept if this ledger may write,
// where they are not.
Result<Totals> totals(Ledger& ledger);
// Reads every row: for what a command claims at its end, and for the record.
Result<Totals> recounted_totals(Ledger& ledger);

// The rows of one template.
struct TemplateTotals {
  std::string brand_id, card_id;
  std::int64_t rows = 0, to_send = 0, in_doubt = 0, invalidated = 0, rejected = 0, conflicts = 0;
  bool operator==(const TemplateTotals&) const = default;
};

// The rows of one brand.
struct BrandTotals {
  std::string brand_id;
  std::int64_t rows = 0, to_send = 0, in_doubt = 0, held_back = 0, invalidated = 0, rejected = 0;
  std::int64_t named = 0;      // by the latest list
  bool was_requested = false;  // for one of them a request was made
  model::RowId first = 0;
  bool operator==(const BrandTotals&) const = default;
};

// What is kept of a plan.
struct PlanDigest {
  std::string fingerprint;
  std::string row_ids;  // of the rows to send, as ranges; "-": too many gaps to list them
  std::int64_t to_send = 0, last_row = 0, last_correction = 0;
  bool operator==(const PlanDigest&) const = default;
};

// What the rows are, for the person who approves them.
struct Survey {
  std::vector<TemplateTotals> templates;  // in the order of their names, at most as many as asked for
  TemplateTotals others;                  // of all further ones together
  std::vector<BrandTotals> brands;        // likewise, and in that order too
  // Openids with the most cards, at least ten, and how many cards those are at least. A column that was
  // filled down with one value shows here.
  std::vector<std::pair<std::string, std::int64_t>> frequent_openids;
  // What the members of the rows to send will read, the most frequent first, at most 1,000; an empty one
  // among them is no reason. Exact: every count, and how many different ones there are. Else both are at
  // least so.
  struct Reasons {
    std::vector<std::pair<std::string, std::int64_t>> most;
    std::int64_t different = 0;
    bool is_exact = true;
    bool operator==(const Reasons&) const = default;
  } reasons;
  PlanDigest plan;  // of the rows to send
  bool operator==(const Survey&) const = default;
};
// Reads every row once. After a first import it reads none, as long as nothing was written since.
Result<Survey> survey(Ledger& ledger, std::size_t most_templates);

// Rows to send of the brand that has most: what takes longest where each brand has a pace of its own.
Result<std::int64_t> most_to_send_of_a_brand(Ledger& ledger);

// A row in doubt, as people see it.
struct RowInDoubt {
  model::RowId id = 0;
  std::int64_t source_line = 0;
  std::string code, openid;
  model::Status status = model::Status::unresolved;
  bool held = false;
  std::string error_code;  // of the row, else the outcome of its last request; empty: nothing is known
  std::string error_message;
};
Result<std::vector<RowInDoubt>> rows_in_doubt(Ledger& ledger, int most);  // held first, in flight last

// Some rows as the platform knows them, pending ones if there are any. For `check`.
Result<std::vector<model::Card>> some_cards(Ledger& ledger, int most);

struct RefusedCause {
  std::string cause;
  std::int64_t count = 0;
  std::vector<std::int64_t> example_lines;  // at most three
  bool is_protected = false;                // the cards are protected: rows that are never sent
};
Result<std::vector<RefusedCause>> refused_causes(Ledger& ledger);

// Text is valid during the visit.
struct RefusedLine {
  std::int64_t source_line = 0;
  std::string_view cause, raw;
};
Result<void> each_refused(Ledger& ledger,
                          const std::function<void(const RefusedLine&)>& visit);  // in the input's order

// Rows that are not invalidated, by the error they show.
struct ErrorCount {
  std::string status, code;
  std::int64_t count = 0;
};
Result<std::vector<ErrorCount>> errors(Ledger& ledger, int most);  // the most frequent first

// A request of any run, that ended.
struct EndedRequest {
  model::AttemptKind kind = model::AttemptKind::invalidate;
  model::Endpoint endpoint = model::Endpoint::primary;
  bool sent = true;  // false: surely not one byte left
  unsigned http_status = 0;
  model::OutcomeKind outcome = model::OutcomeKind::lost;
  std::chrono::microseconds latency{0};
};
// In no order. Reads the whole table (about 0.4 s for a million).
Result<void> each_request(Ledger& ledger, const std::function<void(const EndedRequest&)>& visit);

// A row as `export` and `status` show it: the columns of the results view, in their order.
using ResultRow = std::vector<std::optional<std::string>>;
const std::vector<std::string>& result_columns();
// In input order, all rows or those with one status. Returns how many.
Result<std::int64_t> each_result(Ledger& ledger, std::optional<model::Status> status,
                                 const std::function<void(const ResultRow&)>& row);

}  // namespace cardvoid::ledger
