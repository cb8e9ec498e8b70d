#include "large_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr int k_bits_of_a_card = 5;
constexpr std::size_t k_words_of_a_line = 8;

// Calls visit(word, bit) for each bit of the key. All are in one line of the processor's cache: another one
// is fetched from memory.
template <class Visit>
void each_bit(std::size_t words_of_filter, std::string_view brand_id, std::string_view card_id,
              std::string_view code, Visit visit) {
  const std::hash<std::string_view> hash;
  std::uint64_t bits = hash(code);
  for (const auto part : {card_id, brand_id}) bits = bits * 0x9E3779B97F4A7C15 ^ hash(part);
  const auto words = std::min(k_words_of_a_line, words_of_filter);
  const auto line = (bits >> 32) % (words_of_filter / words) * words;
  auto places = bits * 0x9E3779B97F4A7C15 >> 19;
  for (int i = 0; i < k_bits_of_a_card; ++i, places >>= 9)
    visit(line + places / 64 % words, std::uint64_t{1} << places % 64);
}

}  // namespace

bool LargeImport::is_first(const sqlite::Connection& db) {
  return ask(db, "SELECT NOT EXISTS (SELECT 1 FROM row)") != 0;
}

void LargeImport::make_indices(sqlite::Connection& db) {
  const SortingSettings sorting{db};
  for (const auto& [name, sql] : {std::pair{"row_key", k_row_key}, {"row_pending", k_row_pending}})
    if (!ask(db, fmt::format("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '{}')", name)))
      db.execute(std::string{sql});
}

LargeImport::LargeImport(sqlite::Connection& db, std::size_t filter_words)
    : db_{db},
      waiting_{db},
      filter_(filter_words),
      last_id_{ask(db, "SELECT coalesce(max(id), 0) FROM row")} {
  sqlite::Statement keys{db, "SELECT brand_id, card_id, code FROM row"};  // all of it is in the key's index
  for (keys.bind(); keys.step();)
    each_bit(filter_.size(), keys.text(0), keys.text(1), keys.text(2),
             [this](std::size_t word, std::uint64_t bit) { filter_[word] |= bit; });
}

void LargeImport::take_key_away() {
  db_.execute("DROP INDEX IF EXISTS row_key; DROP INDEX IF EXISTS row_pending");
  db_.execute(k_small_cache);  // rows come one behind the other: no page is asked for again
  is_key_away_ = true;
}

bool LargeImport::may_have_come(const model::Card& card) {
  bool has_all = true;
  each_bit(filter_.size(), card.brand_id, card.card_id, card.code, [&](std::size_t at, std::uint64_t bit) {
    auto& word = filter_[at];
    has_all = has_all && (word & bit) != 0;
    word |= bit;
  });
  return has_all;
}

bool LargeImport::may_be_there(std::string_view brand_id, std::string_view card_id,
                               std::string_view code) const {
  bool has_all = true;
  each_bit(filter_.size(), brand_id, card_id, code,
           [&](std::size_t at, std::uint64_t bit) { has_all = has_all && (filter_[at] & bit) != 0; });
  return has_all;
}

void LargeImport::put_aside(model::RowId id, const model::InputRow& row, std::string_view text) {
  waiting_.put_aside(id, row, text);
}

WaitingLines& LargeImport::finish() {
  filter_ = decltype(filter_)();  // {} alone would keep its memory
  if (is_key_away_) make_indices(db_);
  is_key_away_ = false;
  return waiting_;
}

}  // namespace cardvoid::ledger
