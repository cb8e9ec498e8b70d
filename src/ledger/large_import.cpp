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
constexpr std::uint64_t k_mixer = 0x9E3779B97F4A7C15;

// The waiting cards are few where their filter matters.
constexpr std::size_t k_known_per_waiting = 16;

}  // namespace

CardFilter::Key CardFilter::key_of(std::string_view brand_id, std::string_view card_id,
                                   std::string_view code) {
  const std::hash<std::string_view> hash;
  Key key = hash(code);
  for (const auto part : {card_id, brand_id}) key = key * k_mixer ^ hash(part);
  return key;
}

// Calls visit(word, bit). All bits of a card are in one line of the processor's cache: another one is fetched
// from memory.
template <class Visit>
void CardFilter::each_bit(Key key, Visit visit) const {
  const auto words = std::min(k_words_of_a_line, words_.size());
  const auto line = (key >> 32) % (words_.size() / words) * words;
  auto places = key * k_mixer >> 19;
  for (int i = 0; i < k_bits_of_a_card; ++i, places >>= 9)
    visit(line + places / 64 % words, std::uint64_t{1} << places % 64);
}

bool CardFilter::may_have(Key key) const {
  bool has_all = true;
  each_bit(key, [&](std::size_t at, std::uint64_t bit) { has_all = has_all && (words_[at] & bit) != 0; });
  return has_all;
}

void CardFilter::add(Key key) {
  each_bit(key, [&](std::size_t at, std::uint64_t bit) { words_[at] |= bit; });
}

bool LargeImport::is_first(const sqlite::Connection& db) {
  return ask(db, "SELECT NOT EXISTS (SELECT 1 FROM row)") != 0;
}

void LargeImport::restore_indices(sqlite::Connection& db) {
  const SortingSettings sorting{db};
  for (const auto& [name, sql] : {std::pair{"row_key", k_row_key}, {"row_pending", k_row_pending}})
    if (!ask(db, fmt::format("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '{}')", name)))
      db.execute(std::string{sql});
}

LargeImport::LargeImport(sqlite::Connection& db, std::size_t filter_words)
    : db_{db},
      waiting_{db},
      known_{filter_words},
      waiting_cards_{std::max<std::size_t>(filter_words / k_known_per_waiting, 1)} {
  // Keys, rows and waiting lines come one behind the other: hardly a page is asked for again.
  db_.execute(k_small_cache);
  db_.execute("PRAGMA temp.cache_size = -2048");
  sqlite::Statement keys{db, "SELECT brand_id, card_id, code FROM row"};  // all of it is in the key's index
  for (keys.bind(); keys.step();) known_.add(CardFilter::key_of(keys.text(0), keys.text(1), keys.text(2)));
}

void LargeImport::take_key_away() {
  is_key_away_ = true;
  db_.execute("DROP INDEX IF EXISTS row_key; DROP INDEX IF EXISTS row_pending");
}

bool LargeImport::may_have_come(CardFilter::Key key) {
  const bool may_have = known_.may_have(key);
  if (!may_have) known_.add(key);
  return may_have;
}

void LargeImport::put_aside(std::int64_t number, CardFilter::Key key, const model::InputRow& row,
                            std::string_view text) {
  waiting_cards_.add(key);
  waiting_.put_aside(number, row, text);
}

WaitingLines& LargeImport::finish() {
  known_.free_memory();
  waiting_cards_.free_memory();
  if (is_key_away_) restore_indices(db_);
  is_key_away_ = false;
  db_.execute(k_usual_cache);
  return waiting_;
}

}  // namespace cardvoid::ledger
