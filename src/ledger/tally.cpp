#include "tally.hpp"

#include <fmt/format.h>

#include <cardvoid/ledger/queries.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

const std::string k_kind_of_row = fmt::format(
    "status, held, conflict, absent, protected, coalesce(settled_by, ''), coalesce(answer_signed = 0, 0), {}",
    k_is_accepted);

RowKind kind_from(const sqlite::Statement& s, int first_column) {
  const auto number = [&](int at) { return s.int64(first_column + at); };
  return {std::string{s.text(first_column)},     number(1), number(2), number(3), number(4),
          std::string{s.text(first_column + 5)}, number(6), number(7)};
}

RowCounts count_rows(const sqlite::Connection& db) {
  // GROUP BY would sort every row, in memory that grows with the job. Rows that are alike stand together.
  sqlite::Statement s{db, fmt::format("SELECT {} FROM row NOT INDEXED WHERE {}", k_kind_of_row, k_in_plan)};
  RowCounts counts;
  auto current = counts.end();
  for (s.bind(); s.step();) {
    if (current == counts.end() || current->first != kind_from(s, 0))
      current = counts.try_emplace(kind_from(s, 0), 0).first;
    ++current->second;
  }
  return counts;
}

std::optional<RowCounts> kept_counts(const sqlite::Connection& db) {
  sqlite::Statement s{
      db,
      "SELECT status, held, conflict, absent, protected, settled_by, is_unsigned, accepted, rows FROM tally"};
  RowCounts counts;
  for (s.bind(); s.step();) counts[kind_from(s, 0)] = s.int64(8);
  if (counts.empty()) return std::nullopt;
  return counts;
}

void forget_counts(sqlite::Connection& db) { db.execute("DELETE FROM tally"); }

const std::string_view k_add_count =
    "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET rows = rows + "
    "?9";

namespace {

void add_counts(sqlite::Statement& add, const RowCounts& counts) {
  for (const auto& [kind, rows] : counts)
    add.bind(kind.status, kind.held, kind.conflict, kind.absent, kind.is_protected, kind.settled_by,
             kind.is_unsigned, kind.accepted, rows)
        .run();
}

}  // namespace

void keep_counts(const sqlite::Connection& db, const RowCounts& counts) {
  sqlite::Statement add{db, k_add_count};
  add_counts(add, counts);
}

void RowSteps::note(const RowKind& before, const RowKind& after) {
  if (before == after) return;
  --steps_[before], ++steps_[after];
}

void RowSteps::commit(sqlite::Statement* add) {
  if (add) add_counts(*add, steps_);
  steps_.clear();
}

Totals totals_of(const RowCounts& counts) {
  Totals totals;
  for (const auto& [kind, rows] : counts) {
    const bool is_pending = kind.status == "pending", is_rejected = kind.status == "rejected",
               is_unresolved = kind.status == "unresolved", is_in_flight = kind.status == "in_flight",
               is_invalidated = kind.status == "invalidated", accepted = kind.accepted != 0,
               conflict = kind.conflict != 0, is_protected = kind.is_protected != 0, held = kind.held != 0;
    const auto count = [rows = rows](std::int64_t& total, bool counts_here) {
      total += counts_here ? rows : 0;
    };
    count(totals.pending, is_pending);
    count(totals.in_flight, is_in_flight);
    count(totals.invalidated, is_invalidated);
    count(totals.rejected, is_rejected && !accepted);
    count(totals.unresolved, is_unresolved && !accepted);
    count(totals.held, held && !accepted);
    count(totals.conflicts, conflict && is_pending && !is_protected);
    count(totals.conflicts_dropped, kind.absent != 0 && conflict && is_pending && !is_protected);
    count(totals.left, kind.absent == 1 && is_pending && !conflict && !is_protected);
    count(totals.already, kind.settled_by == "already");
    count(totals.read_back, kind.settled_by == "read_back");
    count(totals.protected_pending, is_protected && is_pending);
    count(totals.protected_dropped, kind.absent != 0 && is_protected && is_pending);
    count(totals.protected_in_doubt, is_protected && !held && (is_in_flight || is_unresolved) && !accepted);
    count(totals.protected_invalidated, is_protected && is_invalidated);
    count(totals.accepted_rejected, is_rejected && accepted);
    count(totals.accepted_unresolved, is_unresolved && accepted);
    count(totals.rejected_unsigned, is_rejected && !accepted && kind.is_unsigned != 0);
  }
  return totals;
}

}  // namespace cardvoid::ledger
