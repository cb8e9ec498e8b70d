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

}  // namespace

bool FirstImport::is_possible(const sqlite::Connection& db) {
  return ask(db, "SELECT NOT EXISTS (SELECT 1 FROM row)") != 0;
}

FirstImport::FirstImport(sqlite::Connection& db, std::size_t filter_words)
    : db_{db}, waiting_{db}, filter_(filter_words) {
  db.execute("DROP INDEX IF EXISTS row_key; DROP INDEX IF EXISTS row_pending");
  db.execute(k_small_cache);  // rows come one behind the other: no page is asked for again
}

bool FirstImport::may_have_come(const model::Card& card) {
  const std::hash<std::string_view> hash;
  std::uint64_t bits = hash(card.code);
  for (const auto* part : {&card.card_id, &card.brand_id}) bits = bits * 0x9E3779B97F4A7C15 ^ hash(*part);
  // All of a card's bits are in one line of the processor's cache: another one is fetched from memory.
  const auto words = std::min(k_words_of_a_line, filter_.size());
  const auto line = (bits >> 32) % (filter_.size() / words) * words;
  auto places = bits * 0x9E3779B97F4A7C15 >> 19;
  bool has_all = true;
  for (int i = 0; i < k_bits_of_a_card; ++i, places >>= 9) {
    auto& word = filter_[line + places / 64 % words];
    const auto bit = std::uint64_t{1} << places % 64;
    has_all = has_all && (word & bit) != 0;
    word |= bit;
  }
  return has_all;
}

void FirstImport::put_aside(model::RowId id, const model::InputRow& row, std::string_view text) {
  waiting_.put_aside(id, row, text);
}

void FirstImport::finish(const Take& take) {
  filter_ = decltype(filter_)();  // {} alone would keep its memory
  make_indices(db_);
  for (auto line = waiting_.from(1); line; line = waiting_.from(line->number + 1))
    take(line->number, line->row, line->text);
  waiting_.drop();
}

void FirstImport::restore_indices(sqlite::Connection& db) { make_indices(db); }

}  // namespace cardvoid::ledger
