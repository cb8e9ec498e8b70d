#include <doctest/doctest.h>

#include <cardvoid/dispatch/throttled_cards.hpp>
#include <random>

TEST_SUITE("unit") {
  using cardvoid::dispatch::ThrottledCards;

  TEST_CASE("throttled cards: one that is throttled while others are answered is singled out") {
    ThrottledCards cards;
    int series = 0;
    bool is_singled_out = false;
    for (cardvoid::model::RowId other = 2; !is_singled_out && series < 20; ++series) {
      is_singled_out = cards.heard(1, true, false);
      for (int i = 0; i < 10; ++i) CHECK_FALSE(cards.heard(++other, false, false));
    }
    CHECK(series == 6);
  }

  TEST_CASE("throttled cards: one that is asked again before any other is not singled out") {
    ThrottledCards cards;
    for (int i = 0; i < 50; ++i) cards.heard(2 + i, false, false);
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(cards.heard(1, true, false));
  }

  TEST_CASE("throttled cards: the last one is judged by the others of the run") {
    ThrottledCards cards;
    for (int i = 0; i < 50; ++i) cards.heard(2 + i, false, true);
    int series = 1;
    while (series < 20 && !cards.heard(1, true, true)) ++series;
    CHECK(series == 4);
    ThrottledCards none;
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(none.heard(1, true, true));
  }

  TEST_CASE("throttled cards: when any share of all answers is 429 hardly a card is singled out") {
    std::mt19937 chance{7};
    for (const int percent : {5, 30, 60, 80, 95}) {
      CAPTURE(percent);
      ThrottledCards cards;
      int singled_out = 0;
      cardvoid::model::RowId next = 32;
      std::vector<cardvoid::model::RowId> at_hand(32);
      for (std::size_t i = 0; i < at_hand.size(); ++i) at_hand[i] = static_cast<cardvoid::model::RowId>(i);
      for (int i = 0; i < 200'000; ++i) {
        auto& row = at_hand[chance() % at_hand.size()];
        const bool throttled = static_cast<int>(chance() % 100) < percent;
        const bool is_singled_out = cards.heard(row, throttled, false);
        singled_out += is_singled_out;
        if (is_singled_out) cards.forget(row);
        if (is_singled_out || !throttled) row = next++;
      }
      CHECK(singled_out < 100);
    }
  }
}
