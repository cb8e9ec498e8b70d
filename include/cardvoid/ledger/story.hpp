#pragma once
// Story: all that is on record about single cards, for `show`. Nothing here writes.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/list_file.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::ledger {

// Which cards: those with this code, those of this member, or the one that was read from this line of a list.
// One of the three is filled.
struct Question {
  std::string code, openid;
  std::optional<std::int64_t> line;
};

// One reading of a list.
struct ListRecord {
  std::int64_t id = 0;
  WallTime read_at{};
  std::string source;   // what was read, in words
  std::string read_by;  // empty: not on record, as `file`
  model::ListFile file;
};

// A request, also one that surely never left.
struct RequestRecord {
  int n = 0;
  RunId run = 0;
  model::AttemptKind kind = model::AttemptKind::invalidate;
  model::Endpoint endpoint = model::Endpoint::primary;
  bool sent = true;
  WallTime started_at{};
  std::optional<WallTime> finished_at;  // nullopt: it has not ended, or its run died
  std::optional<std::chrono::microseconds> latency;
  std::optional<int> http_status;
  std::string error_code, request_id;
  std::string outcome;  // model::OutcomeKind, or "withdrawn" before it was sent; empty: none is on record
};

// A plan that somebody was shown.
struct PlanRecord {
  WallTime made_at{};
  std::string made_by, confirmed_by;  // empty: not on record
  std::int64_t to_send = 0;
  std::optional<WallTime> confirmed_at;  // last
};

// A run that made a request for the card.
struct RunOfCard {
  RunId id = 0;
  std::string command, user, host, version, acknowledge, fingerprint;  // user: empty where it was not noted
  WallTime started_at{};
  std::optional<WallTime> ended_at;
  std::optional<int> exit_code;
  int pid = 0;
  std::string consent;  // how its user agreed to the plan: "confirm", "yes", "typed"; empty: not on record
  bool by_confirm = false;  // the same for older databases: by the fingerprint, and the plan still covers all
  std::optional<PlanRecord> plan;  // nullopt: the plan is no longer on record
};

// What a later list has changed before any request was made.
struct CorrectionRecord {
  WallTime at{};
  bool other_member = false;
  std::string reason_before, reason_after;
};

// An entry of `protect` that names the card.
struct ProtectionRecord {
  bool by_member = false;  // it names the openid; else the code
  Word added;
  std::optional<Word> removed;  // without a note
};

struct Story {
  model::RowId id = 0;
  model::Card card;
  model::Status status = model::Status::pending;
  bool held = false, in_conflict = false, is_protected = false;
  bool has_left_list = false;  // the latest complete list no longer names it
  std::string held_back;       // why it is not sent, as in the view `results`; empty: nothing keeps it
  // What the platform said last.
  std::string card_state, invalid_time, error_code, error_message, request_id;
  std::optional<model::SettledBy> settled_by;
  std::optional<bool> answer_signed;
  std::optional<WallTime> first_sent_at, finished_at, retried_at;
  std::string retried_by;                // empty: not on record
  std::optional<WallTime> forgotten_at;  // then openid and reason are empty, and the code is the question's
  std::optional<Word> accepted;          // settled by it
  std::optional<Word> withdrawn_acceptance;  // no longer: `retry` came later

  std::int64_t line = 0;  // of `list`
  std::optional<ListRecord> list;
  bool is_list_certain = true;  // false: the line may be of a later list, which has changed the card
  std::vector<CorrectionRecord> corrections;  // those still on record, in their order
  std::vector<ProtectionRecord> protections;
  std::vector<RequestRecord> requests;  // in their order
  std::vector<RunOfCard> runs;          // likewise
};

// A card that matches too, in short.
struct ShortStory {
  std::int64_t line = 0;
  std::string code;
  model::Status status = model::Status::pending;
};

// A line of the latest list that never became a card.
struct RefusedRecord {
  std::int64_t line = 0;
  std::string cause;
};

struct Stories {
  std::int64_t matches = 0;
  std::vector<Story> cards;            // the first ones: what was asked for last comes first
  std::vector<ShortStory> others;      // those after them
  std::vector<RefusedRecord> refused;  // of that line; or, if no card matches, lines with that text in them
  std::vector<ProtectionRecord> protections;  // of that code or member, if no card matches
  std::optional<ListRecord> latest_list;
};

// The cards of a question, as they stand at one moment. At most so many of `cards` and of `others`.
// Reads every row (0.3 s for a million).
Result<Stories> stories(Ledger& ledger, const Question& question, std::size_t most_cards,
                        std::size_t most_others);

}  // namespace cardvoid::ledger
