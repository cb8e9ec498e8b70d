#pragma once
// All queries see the results of one moment, also while a run is under way.

#include <cardvoid/ledger/database.hpp>

namespace cardvoid::ledger {

// From here to its end, on this connection, which only reads meanwhile. Throws sqlite::Failure.
class OneMoment {
 public:
  explicit OneMoment(Ledger& ledger);
  OneMoment(const OneMoment&) = delete;
  OneMoment& operator=(const OneMoment&) = delete;
  ~OneMoment();

 private:
  Ledger& ledger_;
};

}  // namespace cardvoid::ledger
