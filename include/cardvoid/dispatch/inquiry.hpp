#pragma once
// Whose fault it is when the platform refuses our credentials or the call as such: everyone's, or one card's
// (a firewall that dislikes it). The refused cards wait meanwhile. Pure.
//
// Evidence decides. A card that has worked, in this run or in an earlier one, is the witness: read back at
// once, it tells. Without one the run goes on, and the next card tells.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

namespace cardvoid::dispatch {

class Inquiry {
 public:
  enum class Course {
    stop,         // it is everyone's: stop the run with why()
    ask_witness,  // then call heard() and testified() with what it brought
    wait,         // for evidence
  };

  // The platform refuses `row`. `has_witness`: there is a card that has worked. `is_conclusive`: it is the
  // canary card, which stops the run unless a witness speaks for it.
  // `counts`: false for a card that is known to be odd.
  Course accused(model::RowId row, Error why, bool has_witness, bool is_conclusive, bool counts, Instant now);
  // The witness was read back, and heard() has cleared no card. It convicts our credentials, or tells
  // nothing; then a second refused card decides.
  Course testified(const model::Outcome& outcome);
  // Any outcome of a request that left at `sent`. True: our credentials work, the accused cards may go on.
  bool heard(const model::Outcome& outcome, Instant sent);

  bool is_open() const { return why_.has_value(); }
  bool is_asking() const { return asking_; }  // nothing but the witness leaves
  std::size_t accused_count() const { return accused_.size(); }
  // Every accused card is known to be odd: that says nothing about others.
  bool is_about_odd_cards_only() const { return counted_.empty(); }
  void clear() { *this = Inquiry{}; }
  const std::optional<Error>& why() const { return why_; }  // while it is open
  Instant since() const { return since_; }

 private:
  Course judge() const;

  std::optional<Error> why_;
  std::set<model::RowId> accused_, counted_;
  Instant since_{};
  bool asking_ = false, conclusive_ = false;
};

}  // namespace cardvoid::dispatch
