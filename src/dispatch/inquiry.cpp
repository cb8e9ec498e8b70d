#include <cardvoid/dispatch/inquiry.hpp>

#include <utility>

namespace cardvoid::dispatch {

namespace {
constexpr std::size_t k_cards_that_convict = 2;

// Of the strange answers, those that are not the platform's own about this card.
bool convicts(model::OutcomeKind kind) {
  using enum model::OutcomeKind;
  return model::is_strange(kind) && kind != unknown_answer && kind != wrong_card && kind != unreadable;
}
}  // namespace

Inquiry::Course Inquiry::accused(model::RowId row, Error why, bool has_witness, bool is_conclusive,
                                 bool counts, Instant now) {
  const bool is_new = !is_open();
  if (is_new) {
    why_ = std::move(why);
    since_ = now;
  }
  accused_.insert(row);
  if (counts) counted_.insert(row);
  conclusive_ = conclusive_ || is_conclusive;
  if (asking_) return Course::wait;
  if (is_new && has_witness) {
    asking_ = true;
    return Course::ask_witness;
  }
  return judge();
}

Inquiry::Course Inquiry::testified(const model::Outcome& outcome) {
  asking_ = false;
  // A witness may have become odd itself. Where only odd cards are accused, the others go on.
  if (convicts(outcome.kind) && !is_about_odd_cards_only()) return Course::stop;
  return judge();
}

Inquiry::Course Inquiry::judge() const {
  return conclusive_ || counted_.size() >= k_cards_that_convict ? Course::stop : Course::wait;
}

bool Inquiry::heard(const model::Outcome& outcome, Instant sent) {
  using enum model::OutcomeKind;
  const bool works = outcome.kind == confirmed || outcome.kind == not_invalid || outcome.kind == refused;
  if (!is_open() || !works || sent < since_) return false;
  clear();
  return true;
}

}  // namespace cardvoid::dispatch
