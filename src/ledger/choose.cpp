#include "choose.hpp"

#include <fmt/format.h>

#include "keyed_hash.hpp"

namespace cardvoid::ledger {

namespace {

constexpr int k_examples = 3;

enum Way : std::int64_t { on_command_line = 1, in_list = 2 };

constexpr const char* k_create_tables =
    "PRAGMA temp.cache_size = -8192; "
    "DROP TABLE IF EXISTS temp.named; DROP TABLE IF EXISTS temp.chosen; "
    "CREATE TEMP TABLE named (code TEXT PRIMARY KEY, line INTEGER NOT NULL, how INTEGER NOT NULL, typed TEXT "
    "NOT NULL) STRICT, WITHOUT ROWID; "
    "CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY, fate INTEGER NOT NULL) STRICT";

constexpr std::string_view k_choose =
    "INSERT INTO temp.chosen SELECT row.id, CASE "
    "WHEN {named} <> ?1 THEN {left_out} "
    "WHEN forgotten_at IS NOT NULL THEN {forgotten} "
    "WHEN status <> coalesce(?2, status) THEN {not_eligible} "
    "{fates} END FROM main.row {join} WHERE {in_plan} {condition}";

std::string choose_sql(const Choice& choice, bool by_code, std::string_view fates) {
  const auto whole_job = choice.status ? "AND forgotten_at IS NULL AND status = ?2"
                                       : "AND forgotten_at IS NULL AND status IN ('rejected', 'unresolved')";
  return fmt::format(
      k_choose, fmt::arg("named", by_code ? "named.how" : "0"),
      fmt::arg("join", by_code ? "CROSS JOIN temp.named ON named.code = row.code" : ""),
      fmt::arg("in_plan", k_in_plan), fmt::arg("fates", fates),
      fmt::arg("condition", by_code ? "" : whole_job), fmt::arg("left_out", number(Fate::left_out)),
      fmt::arg("forgotten", number(Fate::forgotten)), fmt::arg("not_eligible", number(Fate::not_eligible)));
}

std::vector<Selection::Row> examples(sqlite::Connection& db, Fate fate) {
  sqlite::Statement s{db,
                      "SELECT row.source_line, iif(forgotten_at IS NULL, row.code, ''), row.status FROM "
                      "temp.chosen JOIN main.row ON row.id = chosen.id "
                      "WHERE fate = ?1 ORDER BY row.id LIMIT ?2"};
  s.bind(number(fate), k_examples);
  std::vector<Selection::Row> rows;
  while (s.step()) rows.push_back({s.int64(0), std::string{s.text(1)}, std::string{s.text(2)}});
  return rows;
}

void count_codes(sqlite::Connection& db, Selection& selection) {
  db.execute(
      "DELETE FROM temp.named WHERE typed IN (SELECT typed FROM temp.chosen JOIN main.row ON row.id = "
      "chosen.id "
      "JOIN temp.named AS n ON n.code = row.code); DELETE FROM temp.named WHERE code <> typed");
  selection.not_found = ask(db, "SELECT count(*) FROM temp.named");
  sqlite::Statement s{db, "SELECT code, line FROM temp.named ORDER BY line, code LIMIT ?1"};
  s.bind(k_examples);
  while (s.step()) selection.codes_not_found.push_back({std::string{s.text(0)}, s.int64(1)});
}

}  // namespace

Result<NamedCodes> name_codes(Ledger::State& state, const Choice& choice) {
  auto& db = state.db;
  NamedCodes codes;
  codes.is_any = !choice.codes.empty() || choice.list;
  std::optional<Error> unreadable;
  const auto named = state.guarded([&] {
    db.execute(k_create_tables);
    db.execute("BEGIN");  // of the temporary database
    sqlite::Statement name{
        db,
        "INSERT INTO temp.named VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET how = how | "
        "excluded.how"};
    auto hash = KeyedHash::find(db);
    const auto add = [&](std::string_view code, std::int64_t line, Way how) {
      name.bind(code, line, std::int64_t{how}, code).run();
      if (hash) name.bind(hash->of(code), line, std::int64_t{how}, code).run();
    };
    if (!choice.codes.empty()) codes.ways |= on_command_line;
    for (const auto& code : choice.codes) add(code, 0, on_command_line);
    if (choice.list) codes.ways |= in_list;
    while (choice.list && !unreadable) {
      const auto listed = choice.list();
      if (!listed) unreadable = listed.error();
      if (!listed || !*listed) break;
      add((*listed)->code, (*listed)->line, in_list);
    }
    db.execute("COMMIT");
  });
  if (!named) return named.error();
  if (unreadable) return *unreadable;
  return codes;
}

void choose_rows(sqlite::Connection& db, const Choice& choice, const NamedCodes& codes,
                 std::string_view fates, Selection& selection) {
  sqlite::Statement{db, choose_sql(choice, codes.is_any, fates)}
      .bind(codes.ways, choice.status ? std::optional{model::to_text(*choice.status)} : std::nullopt)
      .run();
  selection.in_doubt = count_chosen(db, Fate::doubt, "TRUE");
  selection.not_eligible = count_chosen(db, Fate::not_eligible, "TRUE");
  selection.forgotten = count_chosen(db, Fate::forgotten, "TRUE");
  selection.rows_in_doubt = examples(db, Fate::doubt);
  selection.rows_not_eligible = examples(db, Fate::not_eligible);
  if (codes.is_any) count_codes(db, selection);
}

std::int64_t count_chosen(sqlite::Connection& db, Fate fate, std::string_view condition) {
  return ask(db, fmt::format("SELECT count(*) FROM temp.chosen JOIN main.row ON row.id = chosen.id WHERE "
                             "fate = {} AND {}",
                             number(fate), condition));
}

}  // namespace cardvoid::ledger
