#pragma once
// Which card is answered 429 while others are not. A limit is no card's own; but a gateway may refuse one
// card for ever, and then slowing down and asking again would hold up all the others. Pure; not thread-safe.
//
// At each 429 of a card the answers about others since its last one are looked at: if they fared as the card
// does, chance would bring such a series as often as the product of their shares of 429.

#include <cardvoid/model/row.hpp>
#include <cstddef>
#include <deque>
#include <map>

namespace cardvoid::dispatch {

class ThrottledCards {
 public:
  // An answer came about this card. `is_alone`: no other card is at hand; then all latest answers count.
  // True: this card alone is throttled.
  bool heard(model::RowId row, bool throttled, bool is_alone);
  void forget(model::RowId row) { series_.erase(row); }

 private:
  struct Answer {
    model::RowId row;
    bool throttled;
  };
  // The chance that a card that fares like these is throttled once more.
  double chance(model::RowId row, bool is_alone) const;

  std::deque<Answer> latest_;
  std::map<model::RowId, double> series_;  // of 429s in a row: the chance of it
};

}  // namespace cardvoid::dispatch
