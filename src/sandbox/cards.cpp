#include "cards.hpp"

#include <fmt/format.h>

#include <array>
#include <random>

#include "csv.hpp"
#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

using Random = std::mt19937_64;

// Each has made some client fail: path separators, escapes, form encoding, CSV quoting, dot segments.
constexpr std::array<const char*, 12> k_hostile{
    "VIP/{:07}", "A?level={:07}", "No#{:07}#", "100%{:07}%", "x&card_id={:07}",   "m={:07}=",
    "p+{:07}+q", "c,{:07},d",     "s;{:07};t", "~{:07}~",    "the \"{:07}\" one", "a/../{:07}%2F",
};
// Short enough for every reading of string(32): 32 bytes and 32 characters (docs/platform.md section 1.1).
constexpr std::array<std::string_view, 6> k_reasons{
    k_reason, "门店关闭，权益已转移", "重复开卡, 保留新卡", "用户申请\"注销\"", "长期未使用", "",
};
constexpr std::string_view k_digits = "0123456789";
constexpr std::string_view k_openid_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string random_text(Random& random, std::string_view letters, std::size_t size) {
  std::string text;
  while (text.size() < size) text += letters[random() % letters.size()];
  return text;
}

// Reads records with a header; `columns` names what to hand to `each(cells, line)`, absent columns as empty
// cells.
template <class Each>
Result<void> each_record(std::string_view csv, std::initializer_list<std::string_view> columns,
                         std::size_t required, Each each) {
  CsvReader reader{csv};
  std::vector<std::string> cells;
  const auto header = reader.next(cells);
  if (!header) return header.error();
  const auto at = find_columns(cells, columns);
  for (std::size_t i = 0; i < required; ++i)
    if (at[i] < 0) return Error{Errc::bad_input, fmt::format("line 1: no column {}", *(columns.begin() + i))};

  std::vector<std::string> chosen(at.size());
  for (;;) {
    const auto more = reader.next(cells);
    if (!more) return more.error();
    if (!*more) return {};
    for (std::size_t i = 0; i < at.size(); ++i) {
      const auto column = static_cast<std::size_t>(at[i]);
      chosen[i] = at[i] >= 0 && column < cells.size() ? cells[column] : std::string{};
    }
    if (auto done = each(chosen, reader.line()); !done) return done.error();
  }
}

Result<void> add_card(World& world, const World::Card& card, std::int64_t line) {
  switch (world.add(card)) {
    case World::Added::yes:
    case World::Added::known_already: return {};
    case World::Added::template_of_another_brand:
      return Error{Errc::bad_input,
                   fmt::format("line {}: card_id {} stands under another brand above", line, card.card_id)};
    case World::Added::too_long:
      return Error{Errc::bad_input, fmt::format("line {}: code or openid is longer than 255 bytes", line)};
  }
  return {};
}

}  // namespace

std::string make_members(int rows, std::uint64_t seed) {
  Random random{seed};
  std::string csv;
  append_csv_row(csv, {"code", "card_id", "openid", "reason"});
  for (int row = 0; row < rows; ++row) {
    const auto pattern = static_cast<std::size_t>(row / 10) % k_hostile.size();
    const auto code = row % 10 == 7 ? fmt::format(fmt::runtime(k_hostile[pattern]), row)
                                    : "1" + random_text(random, k_digits, 23);
    append_csv_row(csv,
                   {code, row % 5 == 4 ? k_second_card_id : k_card_id,
                    "o" + random_text(random, k_openid_letters, 27), k_reasons[random() % k_reasons.size()]});
  }
  return csv;
}

Result<std::string> make_cards(std::string_view members_csv) {
  World seen;  // drops repeated cards
  std::string csv;
  append_csv_row(csv, {"brand_id", "card_id", "code", "openid", "state", "invalid_time"});
  const auto read = each_record(
      members_csv, {"code", "openid", "card_id", "brand_id"}, 2,
      [&](const std::vector<std::string>& cells, std::int64_t line) -> Result<void> {
        World::Card card;
        card.code = cells[0];
        card.openid = cells[1];
        card.card_id = cells[2].empty() ? k_card_id : std::string_view{cells[2]};
        card.brand_id = cells[3].empty() ? k_brand_id : std::string_view{cells[3]};
        const auto before = seen.size();
        if (auto added = add_card(seen, card, line); !added) return added.error();
        if (seen.size() > before)
          append_csv_row(
              csv, {card.brand_id, card.card_id, card.code, card.openid, to_text(CardState::effective), ""});
        return {};
      });
  if (!read) return read.error();
  return csv;
}

Result<void> load_cards(std::string_view cards_csv, World& world) {
  return each_record(
      cards_csv, {"brand_id", "card_id", "code", "openid", "state", "invalid_time"}, 5,
      [&](const std::vector<std::string>& cells, std::int64_t line) -> Result<void> {
        World::Card card{cells[0], cells[1], cells[2], cells[3], {}};
        const auto state = card_state_from_text(cells[4]);
        if (!state)
          return Error{Errc::bad_input,
                       fmt::format("line {}: state is \"{}\"; it must be UNACTIVATED, EFFECTIVE, "
                                   "EXPIRED or INVALID",
                                   line, cells[4])};
        card.state = *state;
        if (card.state == CardState::invalid) {
          // An INVALID card has a time; if the file has none, one long before any run.
          const auto time = parse_rfc3339(cells[5].empty() ? "2025-01-15T10:00:00+08:00" : cells[5]);
          if (!time)
            return Error{Errc::bad_input, fmt::format("line {}: invalid_time is not RFC 3339", line)};
          card.invalid_time = *time;
        }
        return add_card(world, card, line);
      });
}

}  // namespace cardvoid::sandbox
