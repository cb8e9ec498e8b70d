#pragma once
// Long work on a results database that a signal may end: an index over millions of rows, a fingerprint.

#include <cardvoid/ledger/database.hpp>
#include <functional>

namespace cardvoid::ledger {

// While it lives, what the ledger does ends with stopped (75) soon after `interrupted` says so; a transaction
// is rolled back then. It is asked every few milliseconds on the thread that uses the ledger, which in an
// import need not be the caller's: it must be thread-safe. Not while a run writes: what it records must not
// be cut off. The ledger must outlive it.
class Interruptible {
 public:
  Interruptible(Ledger& ledger, std::function<bool()> interrupted);
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  ~Interruptible();

 private:
  Ledger& ledger_;
  std::function<bool()> interrupted_;
};

}  // namespace cardvoid::ledger
