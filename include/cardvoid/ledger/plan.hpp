#pragma once
// Plan: which rows are to be sent. Its fingerprint, what has changed since it was shown, the rows that are
// protected, and those that a person puts back or accepts.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/row.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

// SHA-256, hex, over the rows still to send, sorted by brand, template and code.
Result<std::string> fingerprint(Ledger& ledger);

// Of the rows to send now. Reads every row to send, and some seconds pass with a million of them.
Result<PlanDigest> digest_plan(Ledger& ledger);
// Puts it on record, for change_since() and each_difference(): which rows, unless these have too many gaps.
// The last eight plans are kept, and the one that was confirmed last. One transaction, or part of the one
// that is open. `by`: the operating system's name of the user.
Result<void> remember_plan(Ledger& ledger, const PlanDigest& plan, WallTime now, std::string_view by = {});

// Somebody agrees to the plan whose fingerprint begins with these digits, or has agreed to it and it is no
// longer the plan. Does nothing when no such plan is on record. Commits by itself.
Result<void> confirm_plan(Ledger& ledger, std::string_view fingerprint_digits, WallTime now,
                          std::string_view by = {});

// An earlier plan compared with what is to be sent now.
struct PlanChange {
  std::string fingerprint;
  WallTime made_at{};
  std::int64_t to_send = 0;  // then
  // False: which rows these were is not on record, as of the plan of a shard or of one with too many gaps;
  // what follows is empty.
  bool is_listed = true;
  // To be sent now and not then: new rows, and rows that were here.
  std::int64_t added = 0, returned = 0;
  // To be sent now, since `retry` has put them back; and how many of these were not to be sent then.
  std::int64_t retried = 0, retried_more = 0;
  // To be sent then and now, with another openid or reason.
  std::int64_t corrected = 0;
  // To be sent then and not now, by what became of them.
  std::int64_t left = 0, invalidated = 0, rejected = 0, held = 0, conflicts = 0, is_protected = 0,
               accepted = 0;
  struct Row {
    std::string code;
    std::int64_t source_line = 0;  // of the import that brought it
  };
  // Of each at most three.
  std::vector<Row> rows_added, rows_retried, rows_returned, rows_corrected, rows_left, rows_in_conflict;
};

// What has changed since the latest plan whose fingerprint begins with these digits; nullopt when no such
// plan is on record.
Result<std::optional<PlanChange>> change_since(Ledger& ledger, std::string_view fingerprint_digits);

// A row in which the list of now differs from an earlier one.
struct Difference {
  // left: the list no longer has it. put_back: by `retry`. kept_back: since then something else keeps it.
  enum Kind { added, changed, left, returned, put_back, kept_back } kind = added;
  model::Card card;
  std::int64_t source_line = 0;  // of the import that brought it, or changed it in place
  model::Status status = model::Status::pending;
  // Why it is not sent. sent: it is still to be sent or settled, or it is settled.
  enum HeldBack { sent, left_list, is_protected, conflict, held, accepted } held_back = sent;
  bool other_openid = false, other_reason = false;  // of a changed one
  bool in_place = false;  // of a changed one: it is what the list says. False: it stays as it was sent
};

// With what the list of now is compared.
struct Basis {
  enum Kind { nothing, import, plan } kind = nothing;  // nothing: the first import
  std::string fingerprint;                             // of the plan
  WallTime at{};                                       // when the plan was made
};
// The plan that was confirmed last, if its rows are on record; else the import before the one that was
// finished last through this ledger.
Result<Basis> basis_of_differences(Ledger& ledger);
// In the order of the rows; for a plan: rows that are, or were then, to be sent, but for those that a run has
// settled. A bug before an import is
// finished through this ledger.
Result<void> each_difference(Ledger& ledger, const Basis& basis,
                             const std::function<void(const Difference&)>& visit);

// True if an earlier run began with this confirmed plan, and everything still to send is part of it.
Result<bool> is_rest_of_confirmed(Ledger& ledger, std::string_view fingerprint_digits);

// How many rows of this very plan have passed the canary, over all runs. A plan that rows were added to is
// another one; after a trip, and after a retry, none has.
Result<std::int64_t> canary_passed(Ledger& ledger);

// Cards that earlier runs found INVALID before us, since one last stopped itself, as long as they are fewer
// than `enough` and no card of the job is of our doing. They go on counting (dispatch::Safety).
Result<std::vector<model::RowId>> already_so_far(Ledger& ledger, int enough);

// Sets which rows are never sent, from the next import on: those that one of these protections names, or one
// that `protect` has recorded (protection.hpp). They replace the ones set before. `next` is read to its end;
// nullptr names none. Returns how many there were.
// After an error of `next` none of them counts.
using Protections = std::function<Result<std::optional<model::Protection>>()>;
Result<std::int64_t> protect(Ledger& ledger, const Protections& next);

// After an import: how many of these protections name a row, in any state, and the first three that name
// none.
struct ProtectionMatch {
  std::int64_t lines = 0, matched = 0;
  std::vector<model::Protection> unmatched;
};
Result<ProtectionMatch> match_protections(Ledger& ledger);

// After an import: rows that are pending and protected, by who names them. One that both name counts for
// both.
struct ProtectedRows {
  std::int64_t by_list = 0, by_command = 0;
};
Result<ProtectedRows> protected_rows(Ledger& ledger);

// After an import: cards of one brand are to be sent, while the list names none of the cards of another brand
// that an earlier import brought. Mostly a mistyped brand_id, or another brand's list. nullopt: it is not so,
// the brand that is to be sent is not the newer one, or nothing was ever sent but for that one. `brands`: of
// survey().
struct OtherBrand {
  BrandTotals before, now;
};
Result<std::optional<OtherBrand>> other_brand(Ledger& ledger, const std::vector<BrandTotals>& brands);

// Which rows `retry` or `accept` is for: those that meet every part. An empty part does not restrict.
struct Choice {
  std::optional<model::Status> status;  // rejected or unresolved; nullopt: either
  std::vector<std::string> codes;       // one of these
  // One of these, read to the end once. Called between statements; `line` is its line in the list.
  struct Listed {
    std::string_view code;
    std::int64_t line = 0;
  };
  std::function<Result<std::optional<Listed>>()> list = {};
  // For the record: now, and the operating system's name of the user.
  WallTime at{};
  std::string by = {};
};

// The rows and codes of a choice that a command leaves as they are.
struct Selection {
  std::int64_t in_doubt = 0;      // may be invalid: to be read back first
  std::int64_t not_eligible = 0;  // named, and of another status
  std::int64_t not_found = 0;     // codes without a row
  std::int64_t forgotten = 0;     // named, settled, and forgotten: left as they are
  struct Row {
    std::int64_t source_line = 0;
    std::string code, status;
  };
  struct Code {
    std::string code;
    std::int64_t line = 0;  // 0: not from the list
  };
  // Of each at most three.
  std::vector<Row> rows_in_doubt, rows_not_eligible;
  std::vector<Code> codes_not_found;
};

struct PutBack : Selection {
  std::int64_t retried = 0;                // pending again
  std::int64_t is_protected = 0;           // of these, and so not sent
  std::int64_t acceptances_withdrawn = 0;  // of these, and of the rows in doubt: accepted before
  std::int64_t accepted = 0;               // not named by their codes, and left as they are
};

// Makes pending again: rejected rows, and unresolved ones whose last request is a read-back that found them
// not INVALID. What a person has accepted is left, unless the choice names codes: then it is accepted no
// more, also of rows in doubt, and the word stays on record. No confirmation given earlier covers the rows.
// One transaction. After an error of `list` nothing has changed.
Result<PutBack> put_back(Ledger& ledger, const Choice& choice);

// A person's word.
struct Acceptance {
  std::string by;  // the operating system's name of the user
  WallTime at{};
  std::string note;
};

struct Accepted : Selection {
  std::int64_t rejected = 0, unresolved = 0;  // rows of this status, settled now
  std::int64_t before = 0;                    // accepted earlier, and left as they are
  std::int64_t rows() const { return rejected + unresolved; }
};

// Settles rejected and unresolved rows by a person's word: they keep their status, and are never sent or read
// back any more. Rows in flight count as in doubt. One transaction. After an error of `list` nothing has
// changed.
Result<Accepted> accept(Ledger& ledger, const Choice& choice, const Acceptance& acceptance);

}  // namespace cardvoid::ledger
