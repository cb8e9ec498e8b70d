#include <cardvoid/ledger/interruptible.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

Interruptible::Interruptible(Ledger& ledger, std::function<bool()> interrupted)
    : ledger_{ledger}, interrupted_{std::move(interrupted)} {
  constexpr int k_steps_between_questions = 10'000;  // of SQLite's machine
  const auto ask = [](void* question) {
    return int{(*static_cast<const std::function<bool()>*>(question))()};
  };
  if (interrupted_)
    sqlite3_progress_handler(ledger_.state().db.get(), k_steps_between_questions, ask, &interrupted_);
}

Interruptible::~Interruptible() { sqlite3_progress_handler(ledger_.state().db.get(), 0, nullptr, nullptr); }

}  // namespace cardvoid::ledger
