#include <fmt/format.h>

#include <cardvoid/ledger/plan.hpp>

#include "state.hpp"

// Which lines of safety.protect name a row of this job: a list of other cards protects no one, and looks
// right.
namespace cardvoid::ledger {

namespace {

constexpr int k_examples = 3;

// In a table of the temporary database, since one line may name all rows, and all lines one row.
void find_matches(sqlite::Connection& db) {
  db.execute(
      "DROP TABLE IF EXISTS temp.protection_match; CREATE TEMP TABLE protection_match (n INTEGER PRIMARY "
      "KEY) "
      "STRICT");
  for (int kind = 0; kind < 4; ++kind) {
    auto sql = fmt::format(
        "INSERT OR IGNORE INTO temp.protection_match SELECT p.n FROM row CROSS JOIN temp.protected_by "
        "AS p "
        "WHERE row.protected AND p.n >= 0 AND p.key_column = {} AND p.key = row.{}",
        kind, k_protecting_columns[kind]);
    for (const auto column : k_protecting_columns) sql += fmt::format(" AND p.{0} IN ('', row.{0})", column);
    db.execute(sql);
  }
}

// True for a row that a line of the list names.
std::string named_by_list() {
  std::string text;
  for (int kind = 0; kind < 4; ++kind) {
    text += fmt::format(
        "{}EXISTS (SELECT 1 FROM temp.protected_by AS p WHERE p.n >= 0 AND p.key_column = {} AND p.key = "
        "row.{}",
        kind == 0 ? "" : " OR ", kind, k_protecting_columns[kind]);
    for (const auto column : k_protecting_columns) text += fmt::format(" AND p.{0} IN ('', row.{0})", column);
    text += ")";
  }
  return text;
}

constexpr std::string_view k_named_by_command =
    "code IN (SELECT code FROM main.protection WHERE removed_at IS NULL AND code IS NOT NULL) OR openid IN "
    "(SELECT openid FROM main.protection WHERE removed_at IS NULL AND openid IS NOT NULL)";

}  // namespace

Result<ProtectedRows> protected_rows(Ledger& ledger) {
  return ledger.state().guarded([&] {
    sqlite::Statement counts{
        ledger.state().db,
        fmt::format("SELECT count(*) FILTER (WHERE {}), count(*) FILTER (WHERE {}) FROM row WHERE protected "
                    "AND status = 'pending' AND {}",
                    named_by_list(), k_named_by_command, k_in_plan)};
    ProtectedRows rows;
    counts.bind();
    if (counts.step()) rows = {counts.int64(0), counts.int64(1)};
    return rows;
  });
}

Result<ProtectionMatch> match_protections(Ledger& ledger) {
  auto& db = ledger.state().db;
  ProtectionMatch match;
  const auto done = ledger.state().guarded([&] {
    find_matches(db);
    sqlite::Statement counts{db,
                             "SELECT count(DISTINCT n), (SELECT count(*) FROM temp.protection_match) FROM "
                             "temp.protected_by WHERE n >= 0"};
    counts.bind();
    if (counts.step()) match.lines = counts.int64(0), match.matched = counts.int64(1);
    counts.bind();
    // A line with a code and an openid has two entries.
    sqlite::Statement others{
        db,
        "SELECT max(source_line), max(code), max(card_id), max(openid), max(brand_id) FROM "
        "temp.protected_by WHERE n >= 0 AND n NOT IN (SELECT n FROM temp.protection_match) GROUP BY n ORDER "
        "BY n "
        "LIMIT ?1"};
    for (others.bind(k_examples); others.step();)
      match.unmatched.push_back({std::string{others.text(1)}, std::string{others.text(2)},
                                 std::string{others.text(3)}, std::string{others.text(4)}, others.int64(0)});
  });
  if (!done) return done.error();
  return match;
}

}  // namespace cardvoid::ledger
