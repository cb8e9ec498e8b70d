#pragma once
// Forget: personal data of rows that were settled long ago goes; what a rerun and a complaint need stays.

#include <cardvoid/ledger/database.hpp>
#include <cstdint>

namespace cardvoid::ledger {

struct Forgotten {
  std::int64_t invalidated = 0, rejected = 0, accepted = 0;  // rows that were settled before the time given
  std::int64_t before = 0;                                   // forgotten by an earlier call
  std::int64_t younger = 0;                                  // settled since that time: left as they are
  std::int64_t open = 0;                                     // not settled: left as they are
  std::int64_t is_protected = 0;   // settled, and left as they are: what protects them names them
  std::int64_t refused_lines = 0;  // of the latest list, whose text goes
  std::int64_t rows() const { return invalidated + rejected + accepted; }
};

// Rows that were forgotten up to now, as forget() has kept it. Reads every row only where the last call was
// by a version that kept no count.
Result<std::int64_t> count_forgotten(Ledger& ledger);

// What forget() would do.
Result<Forgotten> count_forgettable(Ledger& ledger, WallTime settled_before);

// In one transaction: openid and reason of the rows that were settled before that time are removed, and their
// codes become a keyed hash, by which an import and `show` know them (keyed_hash.hpp). Their messages, what
// earlier lists said of them, entries of `protect` that were taken back, and the text of refused lines go
// too.
Result<Forgotten> forget(Ledger& ledger, WallTime settled_before, WallTime now);

// Writes the whole file again, so that nothing of it is left in free pages or in the write-ahead log, also of
// what earlier versions have deleted. Takes as much disk again for a moment. Error: io (74), when there is no
// room; stopped (75), while another program reads the database. Then it can be done again.
Result<void> wipe_remains(Ledger& ledger);

}  // namespace cardvoid::ledger
