#pragma once
// Adds the records of an input to the ledger, on a thread of its own, while the caller reads on: the ledger
// takes twice as long for a record as the source.
//
// The caller's thread reads the source. So a signal ends its reads, and a query stays on the thread that
// began it. The thread in here is the only one that touches the import between the first full batch and the
// end, finish() or the destructor. Records travel in batches, a few of them at a time, each with the text of
// its line: the ledger may ask for it when the source is further on. Source::line_of() is all that this
// thread asks of the source.
//
// Where the input is smaller than one batch, where its text is not at hand, as in a query or a simulation,
// and where no thread can be had, the caller's thread adds the records.

#include <array>
#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/import.hpp>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cardvoid::run {

class Inserter {
 public:
  // A batch is full with so many records, or bytes of their lines.
  static constexpr std::size_t k_records_of_a_batch = 512, k_bytes_of_a_batch = std::size_t{1} << 18;
  static constexpr std::size_t k_batches = 3;

  // The source must outlive it.
  explicit Inserter(input::Source& source) : source_{source} {}
  Inserter(const Inserter&) = delete;
  Inserter& operator=(const Inserter&) = delete;
  ~Inserter();  // without finish(): what waits is dropped, and the import given up

  // Called once, before add(). The ledger is used for nothing else until finish() or the destructor.
  Result<void> begin(ledger::Ledger& ledger, WallTime now, model::Vanished vanished);
  // The record that the source returned last. `is_ours`: not of another shard. Waits while all batches are
  // full. Error: the ledger's, of this record or an earlier one; rethrows what was thrown there.
  Result<void> add(input::Record record, bool is_ours);
  // All records are added now. The import is on the caller's thread again.
  Result<ledger::Import*> finish();

 private:
  struct Item {
    input::Record record;
    bool is_ours = true;
    std::size_t line_end = 0;  // in the batch's lines
  };
  struct Batch {
    std::vector<Item> items;
    std::string lines;  // one behind the other
    bool is_full() const {
      return items.size() == k_records_of_a_batch || lines.size() >= k_bytes_of_a_batch;
    }
    void clear() { items.clear(), lines.clear(); }
  };

  Batch& current() { return batches_[filled_ % k_batches]; }
  bool start();  // the thread; false: none can be had
  Result<void> hand_over();
  void end(bool gives_up);
  void serve();
  Result<void> insert(const Batch& batch);
  Result<void> insert(const input::Record& record, bool is_ours);

  input::Source& source_;
  std::optional<ledger::Import> import_;
  // Of the record that is being added; none: it is the source's current one.
  std::optional<std::string_view> line_;

  std::array<Batch, k_batches> batches_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t filled_ = 0, inserted_ = 0;  // batches
  bool is_complete_ = false, is_given_up_ = false;
  bool has_failed_ = false;  // then one of these
  Result<void> outcome_;
  std::exception_ptr thrown_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace cardvoid::run
