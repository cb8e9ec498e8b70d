#include "world.hpp"

#include <array>

#include "csv.hpp"
#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

constexpr std::array<std::string_view, 4> k_states{"UNACTIVATED", "EFFECTIVE", "EXPIRED", "INVALID"};

}  // namespace

std::string_view to_text(CardState state) { return k_states[static_cast<std::size_t>(state)]; }

std::optional<CardState> card_state_from_text(std::string_view text) {
  for (std::size_t i = 0; i < k_states.size(); ++i)
    if (k_states[i] == text) return static_cast<CardState>(i);
  return std::nullopt;
}

std::string format_china_time(WallTime time) {
  auto text = format_rfc3339(time + std::chrono::hours{8});
  text.pop_back();  // the Z
  return text + "+08:00";
}

std::size_t World::Hash::operator()(const Key& key) const {
  return stable_hash(key.code) ^ mix(key.card_template);
}
std::size_t World::Hash::operator()(CardNumber number) const { return (*this)(world->key_of(number)); }

bool World::Equal::operator()(const Key& key, CardNumber number) const {
  const auto other = world->key_of(number);
  return key.card_template == other.card_template && key.code == other.code;
}

World::World() : index_{0, Hash{this}, Equal{this}} { intern_reason({}); }

World::Key World::key_of(CardNumber number) const {
  const auto& card = cards_[number];
  return {card.card_template, std::string_view{text_}.substr(card.text, card.code_size)};
}

std::uint32_t World::intern_reason(std::string_view reason) {
  if (const auto known = reason_numbers_.find(reason); known != reason_numbers_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(reasons_.size());
  reason_numbers_.emplace(reasons_.emplace_back(reason), number);
  return number;
}

World::Added World::add(const Card& card) {
  if (card.code.size() > 255 || card.openid.size() > 255) return Added::too_long;
  auto known = template_by_card_id_.find(card.card_id);
  if (known == template_by_card_id_.end()) {
    known = template_by_card_id_.emplace(card.card_id, static_cast<std::uint32_t>(templates_.size())).first;
    templates_.push_back({std::string{card.brand_id}, std::string{card.card_id}});
  }
  if (templates_[known->second].brand_id != card.brand_id) return Added::template_of_another_brand;
  if (index_.contains(Key{known->second, card.code})) return Added::known_already;

  const auto number = static_cast<CardNumber>(cards_.size());
  cards_.push_back({text_.size(), card.invalid_time, known->second, intern_reason(card.reason),
                    static_cast<std::uint8_t>(card.code.size()),
                    static_cast<std::uint8_t>(card.openid.size()), card.state});
  text_ += card.code;
  text_ += card.openid;
  index_.insert(number);
  return Added::yes;
}

World::Match World::find(std::string_view brand_id, std::string_view card_id, std::string_view code,
                         std::string_view openid) const {
  const auto known = template_by_card_id_.find(card_id);
  if (known == template_by_card_id_.end() || templates_[known->second].brand_id != brand_id)
    return {Finding::wrong_brand};
  const auto card = index_.find(Key{known->second, code});
  if (card == index_.end()) return {Finding::unknown_card};
  if (at(*card).openid != openid) return {Finding::wrong_openid};
  return {Finding::found, *card};
}

World::Card World::at(CardNumber number) const {
  const auto& card = cards_[number];
  const auto& its_template = templates_[card.card_template];
  const std::string_view text{text_};
  return {its_template.brand_id,
          its_template.card_id,
          text.substr(card.text, card.code_size),
          text.substr(card.text + card.code_size, card.openid_size),
          reasons_[card.reason],
          card.state,
          card.invalid_time};
}

void World::invalidate(CardNumber number, std::string_view reason, WallTime now) {
  invalidate_again(number, reason, now);
  applied_.push_back({number, cards_[number].reason, now});
}

void World::invalidate_again(CardNumber number, std::string_view reason, WallTime now) {
  auto& card = cards_[number];
  card.state = CardState::invalid;
  card.reason = intern_reason(reason);
  card.invalid_time = now;
}

Applied World::describe(const Application& application) const {
  const auto card = at(application.card);
  return {std::string{card.brand_id}, std::string{card.card_id},    std::string{card.code},
          std::string{card.openid},   reasons_[application.reason], format_china_time(application.time)};
}

std::vector<Applied> World::applied() const {
  std::vector<Applied> all;
  all.reserve(applied_.size());
  for (const auto& application : applied_) all.push_back(describe(application));
  return all;
}

std::string World::applied_as_csv() const {
  std::string csv;
  append_csv_row(csv, {"brand_id", "card_id", "code", "openid", "reason", "invalid_time"});
  for (const auto& application : applied_) {
    const auto a = describe(application);
    append_csv_row(csv, {a.brand_id, a.card_id, a.code, a.openid, a.reason, a.invalid_time});
  }
  return csv;
}

}  // namespace cardvoid::sandbox
