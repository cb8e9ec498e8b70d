#pragma once
// One card to invalidate, and what is known about it.

#include <cardvoid/base/time.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::model {

using RowId = std::int64_t;  // the row's number in the results database; never reused

// What identifies a card on the platform and what is sent for it. All text is valid UTF-8, checked on input.
struct Card {
  std::string brand_id;
  std::string card_id;  // the card template
  std::string code;     // the member's card; unique within one template
  std::string openid;   // personal data: never logged in full
  std::string reason;   // empty: leave invalid_reason out of the request
};

// A line of the input that passed validation.
struct InputRow {
  Card card;
  std::int64_t source_line =
      0;  // physical line where the record starts (1-based), or the row number of a query
};

// A row as the results database keeps it (schema/results.sql).
enum class Status {
  pending,  // nothing was sent that could have changed the card, or the platform certainly did not execute it
  in_flight,    // in doubt: a request may have reached the platform and no verified answer settled the row
  invalidated,  // the platform says INVALID
  rejected,     // the platform refused the row, and a read-back did not say INVALID
  unresolved,   // attempts are used up, or answers contradict each other
};
std::string_view to_text(Status status);
std::optional<Status> status_from_text(std::string_view text);

// What the results show for a row.
struct RowState {
  Status status = Status::pending;
  bool held = false;  // unresolved, and sent again only after `retry`
};

// How we know that an `invalidated` row is INVALID.
enum class SettledBy {
  answer,     // a verified answer to our invalidation
  read_back,  // found INVALID after a lost or doubtful answer of ours
  already,    // was INVALID before our first attempt
};
std::string_view to_text(SettledBy settled_by);

// One row on its way from the results database to the dispatcher and the request builder.
struct Candidate {
  RowId id = 0;
  Card card;
  std::int64_t source_line = 0;     // of the import that brought it; what messages call the row by
  Status status = Status::pending;  // in_flight and unresolved rows are read back before anything is sent
  int attempts = 0;  // journalled so far, of every kind: the next attempt is number attempts + 1
  // Of our invalidation requests in earlier runs, by this machine's clock: the earliest and the latest.
  std::optional<WallTime> first_sent_at, last_sent_at;
  bool has_open_attempt = false;    // its run died: it is not known whether a request left, or when
  bool has_open_read_back = false;  // the last request: its answer may have said INVALID and is not on record
  bool held = false;                // sent again only after `retry`
  bool strange = false;             // the latest answer about it was strange: comes last
  bool is_protected = false;        // read back when in doubt, and never sent
};

// Cards that must never be sent: those that match all filled fields, a code, a member (openid), a template
// (card_id) and a brand. At least one is filled; an empty one matches every card.
struct Protection {
  std::string code, card_id, openid, brand_id;
  std::int64_t source_line = 0;  // of the list
};

}  // namespace cardvoid::model
