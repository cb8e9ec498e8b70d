#include <fmt/format.h>
#include <cardvoid/ledger/plan.hpp>

#include "state.hpp"

// `retry`: rows go back into the plan. The chosen ones are in temporary tables, which SQLite keeps in a file,
// so that memory does not grow with a list of codes.
namespace cardvoid::ledger {

namespace {

constexpr int k_examples = 3;

// How a code was named. Where both ways were used, a row must be named by both.
enum Named : std::int64_t { on_command_line = 1, in_list = 2 };

enum Fate : std::int64_t { left_out = 0, retry = 1, doubt = 2, not_eligible = 3 };

constexpr const char* k_create_tables =
    "PRAGMA temp.cache_size = -8192; "
    "DROP TABLE IF EXISTS temp.named; DROP TABLE IF EXISTS temp.chosen; "
    "CREATE TEMP TABLE named (code TEXT PRIMARY KEY, line INTEGER NOT NULL, how INTEGER NOT NULL) STRICT, "
    "WITHOUT ROWID; "
    "CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY, fate INTEGER NOT NULL) STRICT";

// An unresolved row is in doubt until the last request that left for it is a read-back with a usable answer
// other than INVALID; the dispatcher has by then waited out the lag between writing and reading
// (dispatch/card.hpp).
constexpr std::string_view k_choose =
    "INSERT INTO temp.chosen SELECT row.id, CASE "
    "WHEN {named} <> ?1 THEN {left_out} "
    "WHEN status <> coalesce(?2, status) THEN {not_eligible} "
    "WHEN status = 'rejected' THEN {retry} "
    "WHEN status = 'in_flight' THEN {doubt} "
    "WHEN status <> 'unresolved' THEN {not_eligible} "
    "WHEN (SELECT kind = 'read_back' AND outcome IN {denials} FROM attempt "
    "WHERE row_id = row.id AND {has_a_word} ORDER BY n DESC LIMIT 1) THEN {retry} "
    "ELSE {doubt} END FROM main.row {join} WHERE {in_plan} {condition}";

std::string choose_sql(const Choice& choice, bool by_code) {
  const auto whole_job = choice.status ? "AND status = ?2" : "AND status IN ('rejected', 'unresolved')";
  return fmt::format(k_choose, fmt::arg("named", by_code ? "named.how" : "0"),
                     fmt::arg("join", by_code ? "CROSS JOIN temp.named ON named.code = row.code" : ""),
                     fmt::arg("in_plan", k_in_plan), fmt::arg("has_a_word", k_has_a_word),
                     fmt::arg("denials", outcomes_in_sql(model::denies_invalid)),
                     fmt::arg("condition", by_code ? "" : whole_job),
                     fmt::arg("left_out", std::int64_t{left_out}), fmt::arg("retry", std::int64_t{retry}),
                     fmt::arg("doubt", std::int64_t{doubt}),
                     fmt::arg("not_eligible", std::int64_t{not_eligible}));
}

// What the platform said about the row goes, since the platform is asked again; its attempts keep the
// history. The time of its first request stays: a later INVALID may be the effect of that request.
constexpr const char* k_put_back =
    "UPDATE row SET status = 'pending', held = 0, retried_at = ?2, settled_by = NULL, finished_at = NULL, "
    "error_code = NULL, "
    "error_message = NULL, http_status = NULL, request_id = NULL, endpoint = NULL "
    "WHERE id IN (SELECT id FROM temp.chosen WHERE fate = ?1)";

std::vector<PutBack::Row> examples(sqlite::Connection& db, Fate fate) {
  sqlite::Statement s{
      db,
      "SELECT row.source_line, row.code, row.status FROM temp.chosen JOIN main.row ON row.id = chosen.id "
      "WHERE fate = ?1 ORDER BY row.id LIMIT ?2"};
  s.bind(std::int64_t{fate}, k_examples);
  std::vector<PutBack::Row> rows;
  while (s.step()) rows.push_back({s.int64(0), std::string{s.text(1)}, std::string{s.text(2)}});
  return rows;
}

void count_rows(sqlite::Connection& db, PutBack& result) {
  sqlite::Statement counts{db, "SELECT fate, count(*) FROM temp.chosen GROUP BY fate"};
  counts.bind();
  while (counts.step()) {
    switch (static_cast<Fate>(counts.int64(0))) {
      case left_out: break;
      case retry: result.retried = counts.int64(1); break;
      case doubt: result.in_doubt = counts.int64(1); break;
      case not_eligible: result.not_eligible = counts.int64(1); break;
    }
  }
  result.rows_in_doubt = examples(db, doubt);
  result.rows_not_eligible = examples(db, not_eligible);
}

void count_codes(sqlite::Connection& db, PutBack& result) {
  db.execute(
      "DELETE FROM temp.named WHERE code IN (SELECT row.code FROM temp.chosen JOIN main.row ON row.id = "
      "chosen.id)");
  result.not_found = ask(db, "SELECT count(*) FROM temp.named");
  sqlite::Statement s{db, "SELECT code, line FROM temp.named ORDER BY line, code LIMIT ?1"};
  s.bind(k_examples);
  while (s.step()) result.codes_not_found.push_back({std::string{s.text(0)}, s.int64(1)});
}

}  // namespace

Result<PutBack> put_back(Ledger& ledger, const Choice& choice) {
  auto& db = ledger.state().db;
  const bool by_code = !choice.codes.empty() || choice.list;
  std::int64_t wanted = 0;
  std::optional<Error> unreadable;
  const auto named = ledger.state().guarded([&] {
    db.execute(k_create_tables);
    db.execute("BEGIN");  // of the temporary database: the list may come slowly
    sqlite::Statement name{db,
                           "INSERT INTO temp.named VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET how = how | "
                           "excluded.how"};
    if (!choice.codes.empty()) wanted |= on_command_line;
    for (const auto& code : choice.codes) name.bind(code, 0, std::int64_t{on_command_line}).run();
    if (choice.list) wanted |= in_list;
    while (choice.list && !unreadable) {
      const auto listed = choice.list();
      if (!listed) unreadable = listed.error();
      if (!listed || !*listed) break;
      name.bind((*listed)->code, (*listed)->line, std::int64_t{in_list}).run();
    }
    db.execute("COMMIT");
  });
  if (!named) return named.error();
  if (unreadable) return *unreadable;

  return ledger.state().guarded([&] {
    PutBack result;
    sqlite::Transaction transaction{db};
    sqlite::Statement{db, choose_sql(choice, by_code)}
        .bind(wanted, choice.status ? std::optional{model::to_text(*choice.status)} : std::nullopt)
        .run();
    count_rows(db, result);
    if (by_code) count_codes(db, result);
    if (result.retried > 0) {
      sqlite::Statement guarded{
          db,
          "SELECT count(*) FROM temp.chosen JOIN main.row ON row.id = chosen.id WHERE fate "
          "= ?1 AND protected"};
      guarded.bind(std::int64_t{retry});
      if (guarded.step()) result.is_protected = guarded.int64(0);
      guarded.reset();
      sqlite::Statement{db, k_put_back}.bind(std::int64_t{retry}, to_ms(choice.at)).run();
      db.execute("UPDATE run SET by_confirm = 0 WHERE by_confirm");
      db.execute(k_forget_canary);
    }
    transaction.commit();
    return result;
  });
}

}  // namespace cardvoid::ledger
