#include "unchanged.hpp"

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

void keep_recipe(const sqlite::Connection& db, const ImportSummary& summary, const Recipe& recipe) {
  if (!summary.is_repeatable || recipe.digest.empty()) return;
  const boost::json::array remarks(recipe.remarks.begin(), recipe.remarks.end());
  sqlite::Statement{db, "UPDATE import SET recipe = ?1, remarks = ?2 WHERE id = (SELECT max(id) FROM import)"}
      .bind(recipe.digest, to_json(remarks))
      .run();
}

void forget_recipe(sqlite::Connection& db) {
  db.execute("UPDATE import SET recipe = NULL WHERE recipe IS NOT NULL");
}

Result<std::optional<Unchanged>> unchanged_since_import(Ledger& ledger, std::string_view digest) {
  return ledger.state().guarded([&]() -> std::optional<Unchanged> {
    sqlite::Statement s{
        ledger.state().db,
        // Nor may an import that died have left rows or lines.
        "SELECT finished_at, source, coalesce(file, ''), file_time, coalesce(sha256, ''), coalesce(read_by, "
        "''), "
        "lines, added + known, duplicates, refused, remarks, elsewhere FROM import WHERE id = (SELECT "
        "max(id) FROM "
        "import) "
        "AND recipe = ?1 AND last_row = (SELECT coalesce(max(id), 0) FROM row) AND last_refused = (SELECT "
        "coalesce(max(id), 0) FROM refused_line)"};
    s.bind(digest);
    if (!s.step()) return std::nullopt;
    Unchanged last;
    auto& summary = last.summary;
    summary.finished_at = from_ms(s.int64(0));
    summary.source = s.text(1);
    summary.file.name = s.text(2);
    if (!s.is_null(3)) summary.file.changed_at = from_ms(s.int64(3));
    summary.file.sha256 = s.text(4), summary.read_by = s.text(5);
    summary.lines = s.int64(6), summary.known = s.int64(7), summary.duplicates = s.int64(8),
    summary.refused = s.int64(9);
    summary.elsewhere = s.int64(11);
    summary.is_repeatable = true;
    boost::system::error_code error;
    const auto remarks = boost::json::parse(s.text(10), error);
    if (error || !remarks.is_array()) return std::nullopt;
    for (const auto& remark : remarks.get_array())
      if (remark.is_string()) last.remarks.emplace_back(remark.get_string());
    return last;
  });
}

}  // namespace cardvoid::ledger
