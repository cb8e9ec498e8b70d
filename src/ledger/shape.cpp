#include "shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cctype>
#include <map>
#include <string_view>
#include <vector>

#include "schema.hpp"
#include "state.hpp"

namespace cardvoid::ledger {

namespace {

// ---- SQL as pieces that can be compared ----

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0; }

// Where what begins at `at` ends: a comment, a word, a text in quotation marks, or one character.
std::size_t end_of_piece(std::string_view sql, std::size_t at) {
  const auto after = [&](std::string_view mark, std::size_t from) {
    const auto found = sql.find(mark, from);
    return found == std::string_view::npos ? sql.size() : found + mark.size();
  };
  if (sql.substr(at).starts_with("--")) return after("\n", at);
  if (sql.substr(at).starts_with("/*")) return after("*/", at + 2);
  if (std::string_view{"'\"`"}.find(sql[at]) != std::string_view::npos) {
    const auto mark = sql.substr(at, 1);
    auto end = after(mark, at + 1);
    while (sql.substr(end).starts_with(mark)) end = after(mark, end + 1);  // a mark that is doubled
    return end;
  }
  auto end = at;
  while (end < sql.size() && is_word(sql[end])) ++end;
  return std::max(end, at + 1);
}

// Without comments and white space.
std::vector<std::string_view> pieces_of(std::string_view sql) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0, end = 0; at < sql.size(); at = end) {
    end = end_of_piece(sql, at);
    const auto piece = sql.substr(at, end - at);
    if (!piece.starts_with("--") && !piece.starts_with("/*") &&
        !std::isspace(static_cast<unsigned char>(piece.front())))
      pieces.push_back(piece);
  }
  return pieces;
}

std::string normal(std::string_view sql) { return fmt::format("{}", fmt::join(pieces_of(sql), " ")); }

std::string_view first_word(std::string_view part) { return part.substr(0, part.find(' ')); }

// How a table is made: its columns and constraints, in no order, and what stands before and behind them.
struct Definition {
  std::string frame;
  std::vector<std::string> parts;
};

Definition definition_of(std::string_view sql) {
  Definition definition;
  auto& parts = definition.parts;
  int depth = 0;
  for (const auto piece : pieces_of(sql)) {
    if (piece == ")") --depth;
    if (depth == 0) {
      definition.frame.append(piece) += ' ';
    } else if (parts.empty() || (depth == 1 && piece == ",")) {
      parts.emplace_back(piece == "," ? "" : piece);
    } else {
      parts.back().append(parts.back().empty() ? "" : " ").append(piece);
    }
    if (piece == "(") ++depth;
  }
  std::sort(parts.begin(), parts.end());
  return definition;
}

// ---- what a version has ----

struct Reference {
  std::map<std::string, Definition, std::less<>> tables;
  std::map<std::string, std::string, std::less<>> views;
  std::vector<std::string> indices{normal(k_row_key), normal(k_row_of_brand)};
};

bool is_constraint(std::string_view part) {
  constexpr std::string_view k_words[] = {"CHECK", "PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT"};
  return std::find(std::begin(k_words), std::end(k_words), first_word(part)) != std::end(k_words);
}

// "table.column INTEGER …" in two.
std::pair<std::string, std::string> split_column(std::string_view text) {
  const auto point = text.find('.');
  return {std::string{text.substr(0, point)}, normal(text.substr(point + 1))};
}

void take_back(Reference& reference, const Migration& migration) {
  for (const auto& added : migration.added) {
    const auto [table, column] = split_column(added);
    std::erase_if(reference.tables[table].parts,
                  [&name = column](const std::string& part) { return first_word(part) == name; });
  }
  std::erase_if(reference.tables, [](const auto& table) {
    return std::all_of(table.second.parts.begin(), table.second.parts.end(), is_constraint);
  });
  for (const auto& dropped : migration.dropped) {
    const auto [table, column] = split_column(dropped);
    auto& definition = reference.tables[table];
    if (definition.parts.empty()) definition.frame = fmt::format("CREATE TABLE {} ( ) STRICT ", table);
    definition.parts.push_back(column);
    std::sort(definition.parts.begin(), definition.parts.end());
  }
}

Reference make_reference(std::int64_t version) {
  const auto fresh = todays_schema();
  Reference reference;
  sqlite::Statement made{fresh, "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"};
  for (made.bind(); made.step();) {
    const std::string name{made.text(1)};
    if (made.text(0) == "view") reference.views[name] = normal(made.text(2));
    if (made.text(0) == "table") reference.tables[name] = definition_of(made.text(2));
    if (made.text(0) == "index") reference.indices.push_back(normal(made.text(2)));
  }
  for (auto later = k_schema_version; later > version; --later)
    take_back(reference, migrations().at(static_cast<std::size_t>(later - 2)));
  return reference;
}

// Of each version, made once: every command opens a database at least twice.
const Reference& reference_for(std::int64_t version) {
  static const auto all = [] {
    std::vector<Reference> references;
    for (std::int64_t each = 1; each <= k_schema_version; ++each) references.push_back(make_reference(each));
    return references;
  }();
  return all.at(static_cast<std::size_t>(version - 1));
}

// ---- what is there ----

std::string in_marks(std::string_view name) {
  constexpr std::size_t k_most_columns = 60;
  return "\"" + fit_to_width(escape_for_terminal(name), k_most_columns) + "\"";
}

std::string is_not_ours(std::string_view kind, std::string_view name) {
  return tr("holds the {} {}, which is not cardvoid's", kind, in_marks(name));
}

std::optional<std::string> fault_of_table(const Reference& reference, std::string_view name,
                                          std::string_view sql) {
  if (name == "sqlite_stat1" || name == "sqlite_stat4") return std::nullopt;  // of ANALYZE
  const auto ours = reference.tables.find(name);
  if (ours == reference.tables.end()) return is_not_ours("table", name);
  const auto there = definition_of(sql);
  const auto& wanted = ours->second;
  if (there.frame == wanted.frame && there.parts == wanted.parts) return std::nullopt;
  std::vector<std::string> other;
  std::set_difference(there.parts.begin(), there.parts.end(), wanted.parts.begin(), wanted.parts.end(),
                      std::back_inserter(other));
  return other.empty()
             ? tr("its table {} is not as cardvoid makes it", in_marks(name))
             : tr("its table {} is not as cardvoid makes it ({})", in_marks(name), in_marks(other.front()));
}

std::optional<std::string> fault_of_index(const Reference& reference, const sqlite::Statement& made) {
  if (made.is_null(3) && reference.tables.contains(made.text(2))) return std::nullopt;  // a table's own
  const auto& ours = reference.indices;
  if (std::find(ours.begin(), ours.end(), normal(made.text(3))) != ours.end()) return std::nullopt;
  return is_not_ours("index", made.text(1));
}

}  // namespace

std::optional<std::string> find_foreign(const sqlite::Connection& db, std::int64_t version) {
  const auto& reference = reference_for(version);
  std::size_t views = 0;
  bool has_key = false;
  sqlite::Statement made{db, "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY rowid"};
  for (made.bind(); made.step();) {
    const auto type = made.text(0), name = made.text(1);
    if (type == "table") {
      if (auto fault = fault_of_table(reference, name, made.text(3))) return fault;
    } else if (type == "index") {
      if (auto fault = fault_of_index(reference, made)) return fault;
      has_key = has_key || name == "row_key";
    } else if (type == "view" && reference.views.contains(name)) {
      ++views;
      if (version == k_schema_version && normal(made.text(3)) != reference.views.find(name)->second)
        return tr("its view {} is not as cardvoid makes it", in_marks(name));
    } else {
      return is_not_ours(type == "view" || type == "trigger" ? type : "entry", name);
    }
  }
  if (version == k_schema_version && views < reference.views.size())
    return tr("lacks a view that cardvoid makes");
  // A first import makes it at its end. Without it every card of the list would come in once more.
  if (!has_key && ask(db, fmt::format("SELECT EXISTS (SELECT 1 FROM main.row WHERE {})", k_in_plan)))
    return tr("lacks the index \"row_key\", which keeps a card from being there twice");
  return std::nullopt;
}

namespace {

constexpr std::int64_t k_most_rows = 100'000'000;

std::optional<std::string> absurd_in(const sqlite::Connection& db, const std::string& table) {
  sqlite::Statement columns{
      db, "SELECT name FROM pragma_table_info(?1, 'main') WHERE type IN ('INTEGER', 'REAL')"};
  for (columns.bind(table); columns.step();) {
    const auto column = columns.text(0);
    if (ask(db, fmt::format("SELECT EXISTS (SELECT 1 FROM main.\"{0}\" WHERE \"{1}\" NOT BETWEEN 0 AND {2})",
                            table, column, k_largest_number)))
      return tr("has a number in {}.{} that cardvoid never writes", table, column);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_absurd(const sqlite::Connection& db) {
  sqlite::Statement tables{db,
                           "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name IN ('import', "
                           "'shown_plan', 'run', 'pulse', 'wait', 'protection')"};
  for (tables.bind(); tables.step();)
    if (auto absurd = absurd_in(db, std::string{tables.text(0)})) return absurd;
  return std::nullopt;
}

std::optional<std::string> find_absurd_row(const sqlite::Connection& db) {
  for (const std::string_view end : {"min", "max"})
    if (const auto id = ask(db, fmt::format("SELECT coalesce({}(id), 1) FROM main.row", end));
        id < 1 || id > k_most_rows)
      return tr("has a row with the number {}, which cardvoid never gives", id);
  return std::nullopt;
}

}  // namespace cardvoid::ledger
