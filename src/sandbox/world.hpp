#pragma once
// The cards as the platform knows them: the truth. Pure: the clock is an argument. For millions of cards:
// about 100 bytes each.

#include <boost/unordered/unordered_flat_set.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cardvoid::sandbox {

// user_card_state (docs/platform.md section 1.3).
enum class CardState : std::uint8_t { unactivated, effective, expired, invalid };
std::string_view to_text(CardState state);  // "UNACTIVATED" …
std::optional<CardState> card_state_from_text(std::string_view text);

// As the platform writes times: RFC 3339, milliseconds, +08:00.
std::string format_china_time(WallTime time);

class World {
 public:
  using CardNumber = std::uint32_t;

  // Views hold until the next add().
  struct Card {
    std::string_view brand_id, card_id, code, openid, reason;
    CardState state = CardState::effective;
    WallTime invalid_time{};  // only of INVALID cards
  };

  World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  enum class Added { yes, known_already, template_of_another_brand, too_long };
  Added add(const Card& card);
  std::size_t size() const { return cards_.size(); }

  enum class Finding { found, wrong_brand, unknown_card, wrong_openid };
  struct Match {
    Finding finding;
    CardNumber card = 0;  // valid when found
  };
  Match find(std::string_view brand_id, std::string_view card_id, std::string_view code,
             std::string_view openid) const;
  Card at(CardNumber number) const;

  // The first invalidation of a card: makes it INVALID for good, and is recorded.
  void invalidate(CardNumber number, std::string_view reason, WallTime now);
  // A later one, on a platform that overwrites reason and time. The record keeps the first.
  void invalidate_again(CardNumber number, std::string_view reason, WallTime now);

  std::vector<Applied> applied() const;  // in the order of application
  std::string applied_as_csv() const;

 private:
  struct Template {
    std::string brand_id, card_id;
  };
  struct Stored {
    std::uint64_t text;  // where code and openid stand in text_
    WallTime invalid_time;
    std::uint32_t card_template, reason;
    std::uint8_t code_size, openid_size;
    CardState state;
  };
  struct Application {
    CardNumber card;
    std::uint32_t reason;
    WallTime time;
  };
  struct Key {
    std::uint32_t card_template;
    std::string_view code;
  };
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;
    const World* world;
    std::size_t operator()(const Key& key) const;
    std::size_t operator()(CardNumber number) const;
  };
  struct Equal {
    using is_transparent = void;
    const World* world;
    bool operator()(CardNumber a, CardNumber b) const { return a == b; }
    bool operator()(const Key& key, CardNumber number) const;
    bool operator()(CardNumber number, const Key& key) const { return (*this)(key, number); }
  };

  Key key_of(CardNumber number) const;
  std::uint32_t intern_reason(std::string_view reason);
  Applied describe(const Application& application) const;

  std::vector<Template> templates_;
  std::map<std::string, std::uint32_t, std::less<>> template_by_card_id_;  // a template belongs to one brand
  std::deque<std::string> reasons_;                                        // few, so cards keep a number
  std::unordered_map<std::string_view, std::uint32_t> reason_numbers_;
  std::string text_;  // code and openid of every card, end to end: no allocation per card
  std::vector<Stored> cards_;
  std::vector<Application> applied_;
  boost::unordered_flat_set<CardNumber, Hash, Equal> index_;
};

}  // namespace cardvoid::sandbox
