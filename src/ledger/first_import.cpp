#include "first_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr int k_bits_of_a_card = 5;
constexpr std::size_t k_words_of_a_line = 8;

void make_indices(sqlite::Connection& db) {
  const SortingSettings sorting{db};
  for (const auto& [name, sql] : {std::pair{"row_key", k_row_key}, {"row_pending", k_row_pending}})
    if (!ask(db, fmt::format("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '{}')", name)))
      db.execute(std::string{sql});
}

const sqlite::Connection& with_room_aside(sqlite::Connection& db) {
  db.execute(
      "DROP TABLE IF EXISTS temp.aside; CREATE TEMP TABLE aside (id INTEGER PRIMARY KEY, brand_id TEXT, "
      "card_id TEXT, code TEXT, openid TEXT, reason TEXT, source_line INTEGER, text TEXT)");
  return db;
}

}  // namespace

bool FirstImport::is_possible(const sqlite::Connection& db) {
  return ask(db, "SELECT NOT EXISTS (SELECT 1 FROM row)") != 0;
}

FirstImport::FirstImport(sqlite::Connection& db, std::size_t filter_words)
    : db_{db},
      put_aside_{with_room_aside(db), "INSERT INTO temp.aside VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      filter_(filter_words) {
  db.execute("DROP INDEX IF EXISTS row_key; DROP INDEX IF EXISTS row_pending");
  db.execute(k_small_cache);  // rows come one behind the other: no page is asked for again
}

FirstImport::Place FirstImport::place_of(const model::Card& card) const {
  const std::hash<std::string_view> hash;
  std::uint64_t bits = hash(card.code);
  for (const auto* part : {&card.card_id, &card.brand_id}) bits = bits * 0x9E3779B97F4A7C15 ^ hash(*part);
  const auto words = std::min(k_words_of_a_line, filter_.size());
  return {(bits >> 32) % (filter_.size() / words) * words, bits * 0x9E3779B97F4A7C15 >> 19};
}

void FirstImport::foresee(const model::Card& card) const {
  __builtin_prefetch(&filter_[place_of(card).line], 1);
}

bool FirstImport::may_have_come(const model::Card& card) {
  auto [line, bits] = place_of(card);
  const auto words = std::min(k_words_of_a_line, filter_.size());
  bool has_all = true;
  for (int i = 0; i < k_bits_of_a_card; ++i, bits >>= 9) {
    auto& word = filter_[line + bits / 64 % words];
    const auto bit = std::uint64_t{1} << bits % 64;
    has_all = has_all && (word & bit) != 0;
    word |= bit;
  }
  return has_all;
}

void FirstImport::put_aside(model::RowId id, const model::InputRow& row, std::string_view text) {
  const auto& card = row.card;
  put_aside_.bind(id, card.brand_id, card.card_id, card.code, card.openid, card.reason, row.source_line, text)
      .run();
}

void FirstImport::finish(const Take& take) {
  filter_ = decltype(filter_)();  // {} alone would keep its memory
  make_indices(db_);
  sqlite::Statement waiting{db_, "SELECT * FROM temp.aside WHERE id > ?1 ORDER BY id LIMIT 1"};
  model::RowId id = 0;
  for (waiting.bind(id); waiting.step(); waiting.bind(id)) {
    id = waiting.int64(0);
    const model::InputRow row{
        {std::string{waiting.text(1)}, std::string{waiting.text(2)}, std::string{waiting.text(3)},
         std::string{waiting.text(4)}, std::string{waiting.text(5)}},
        waiting.int64(6)};
    const std::string text{waiting.text(7)};
    waiting.reset();  // `take` may commit
    take(id, row, text);
  }
  db_.execute("DROP TABLE temp.aside");
}

void FirstImport::restore_indices(sqlite::Connection& db) { make_indices(db); }

}  // namespace cardvoid::ledger
