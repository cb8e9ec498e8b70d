#include "schema.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cardvoid::ledger {

extern const std::string_view k_results_sql;

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> all{
      // 1 to 2: the reason `throttled` in reasons_to_wait says it.
      {"ALTER TABLE pulse DROP COLUMN paused_by_429", {"pulse.paused_by_429"}, {}},
  };
  return all;
}

std::vector<std::string> columns_of(const sqlite::Connection& db) {
  sqlite::Statement columns{
      db,
      "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = "
      "'table' "
      "AND t.name IN ('meta', 'row', 'attempt', 'missing', 'refused_line', 'import', 'shown_plan', 'run', "
      "'pulse') ORDER BY 1"};
  std::vector<std::string> found;
  for (columns.bind(); columns.step();) found.emplace_back(columns.text(0));
  return found;
}

std::vector<std::string> columns_of_version(std::int64_t version) {
  static const auto todays = [] {
    sqlite::Connection fresh{":memory:", sqlite::Mode::read_write};
    fresh.execute(std::string{k_results_sql});
    return columns_of(fresh);
  }();
  auto columns = todays;
  for (auto later = k_schema_version; later > version; --later) {
    const auto& migration = migrations().at(static_cast<std::size_t>(later - 2));
    for (const auto& added : migration.added) std::erase(columns, added);
    columns.insert(columns.end(), migration.dropped.begin(), migration.dropped.end());
  }
  std::sort(columns.begin(), columns.end());
  return columns;
}

void create_tables(sqlite::Connection& db, std::string_view job_name) {
  sqlite::Transaction transaction{db};
  db.execute(std::string{k_results_sql});
  sqlite::Statement{db, "INSERT INTO meta VALUES ('job', ?1)"}.bind(job_name).run();
  transaction.commit();
}

void migrate(sqlite::Connection& db, std::int64_t from_version) {
  sqlite::Transaction transaction{db};
  for (auto version = from_version; version < k_schema_version; ++version)
    db.execute(std::string{migrations().at(static_cast<std::size_t>(version - 1)).sql});
  db.execute(fmt::format("PRAGMA user_version = {}", k_schema_version));
  transaction.commit();
}

}  // namespace cardvoid::ledger
