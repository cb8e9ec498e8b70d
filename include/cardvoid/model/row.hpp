#pragma once
// One card to invalidate, and what is known of it.

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

// A row as the results database keeps it (contract.md, "Results database").
enum class Status {
  pending,    // nothing that could have changed the card was sent, or the platform surely did not execute it
  in_flight,  // in doubt: a request may have reached the platform and no verified answer settled the row
  invalidated,  // the platform says INVALID
  rejected,     // the platform refused the row, and a read-back did not say INVALID
  unresolved,   // attempts are used up, or answers contradict each other
};
std::string_view to_text(Status status);
std::optional<Status> status_from_text(std::string_view text);

// How the results show a row.
struct RowState {
  Status status = Status::pending;
  bool held = false;  // unresolved, and only `retry` may have it sent again
};

// How an `invalidated` row came to be known as INVALID.
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
  Status status = Status::pending;  // in_flight and unresolved rows are read back before anything is sent
  int attempts = 0;  // journalled so far, of every kind: the next attempt is number attempts + 1
  // Of our invalidation requests in earlier runs, by this machine's clock: the earliest and the latest.
  std::optional<WallTime> first_sent_at, last_sent_at;
  bool has_open_attempt = false;  // its run died: nobody knows when it left, if it did
  bool held = false;              // only `retry` may have it sent again
  bool is_protected = false;      // read back when in doubt, and never sent
};

// Cards that must never be sent: those with this code, and those of this member; of this template and brand.
// Empty: whatever it is; at least one is filled.
struct Protection {
  std::string code, card_id, openid, brand_id;
};

}  // namespace cardvoid::model
