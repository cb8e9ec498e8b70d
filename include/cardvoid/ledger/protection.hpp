#pragma once
// What `cardvoid protect` puts on record: cards and members that are never sent, beside those of
// safety.protect. plan.hpp reads both.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/row.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::ledger {

// A card code or a member; one of the two is filled.
struct Protectee {
  std::string code, openid;
  bool names(const model::Card& card) const {
    return code.empty() ? openid == card.openid : code == card.code;
  }
};

// Who says so, when and why.
struct Word {
  std::string by;  // the operating system's name of the user
  WallTime at{};
  std::string note;
};

// A row of the plan that a protection names.
struct NamedRow {
  model::RowId id = 0;
  std::int64_t source_line = 0;
  std::string code;
  model::Status status = model::Status::pending;
  // The latest invalidation of ours that left or may have left.
  std::optional<WallTime> sent_at;
  bool is_too_late() const {
    return status != model::Status::pending && (sent_at || status == model::Status::invalidated);
  }
};

// The entry that protects: the new one, or the one that was there.
struct ProtectionEntry {
  bool was_there = false;
  Word word;
};

// Protects from now on: an entry on record, and the mark on every row that it names; `visit` gets those of
// the plan, in their order. `under_way`: the run that asks, whose own open requests are its own to judge and
// are not looked at. Not a transaction of its own: for use between begin_changes() and commit_changes().
Result<ProtectionEntry> add_protection(Ledger& ledger, const Protectee& who, const Word& word,
                                       std::optional<RunId> under_way,
                                       const std::function<void(const NamedRow&)>& visit);

struct RemovedProtection {
  std::int64_t entries = 0;  // taken back now
  std::int64_t rows = 0;     // that it names and that are not invalidated: maybe in the next plan
};
// Takes back what add_protection() has put on record. The rows keep their mark until the next import, which
// knows all other protections. Likewise not a transaction of its own.
Result<RemovedProtection> remove_protection(Ledger& ledger, const Protectee& who, const Word& word);

}  // namespace cardvoid::ledger
