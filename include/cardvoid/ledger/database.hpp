#pragma once
// Database: one job's results database (schema/results.sql), open. It holds the plan, the attempts and the
// results: what a rerun resumes from. The other headers of this room are what one does with it:
//   import.hpp   input becomes rows
//   plan.hpp     what is to be sent: its fingerprint, protected rows, rows put back
//   records.hpp  rows and attempts of a run
//   run_log.hpp  runs, and what the one under way says of itself
//   queries.hpp  what people ask
//
// Used from one thread at a time. run::Journal gives it a thread of its own and groups commits, and
// run::Inserter gives it one for an import; WhenLocked is asked there.
//
// Durability: WAL with synchronous=FULL. What has been committed survives a crash of process and machine
// (sqlite.org/pragma.html#pragma_synchronous).
//
// Errors: opening returns cannot_create (73) when the file is not ours, is damaged or cannot be made, and
// leaves it as it is. Any function of this room may return stopped (75) when WhenLocked gave up. Everything
// else returns io (74); after that the ledger must not be used any more: a failed commit is never retried.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <concepts>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

enum class Access {
  read_only,
  read_write,  // an existing database
  create,      // makes the file, and its folder, when it is missing
  merge,       // the same, for results that are replaced as a whole (merge.hpp)
};

// What happens while another program holds the database locked. Called on the thread that uses the ledger.
struct WhenLocked {
  // Asked every 10 to 100 ms; false gives up. Without it we wait ten seconds, then the error is io (74).
  std::function<bool(milliseconds waited)> keep_waiting = {};
  // The lock is free again. May come late, when a longer piece of work ends.
  std::function<void(milliseconds waited)> freed = {};
};

// Whose results a database has to hold.
struct Owner {
  std::string job;
  std::optional<model::Shard> shard = {};                                     // nullopt: the whole job
  Owner(const model::Job& of_job) : job{of_job.name}, shard{of_job.shard} {}  // NOLINT: stands for it
  Owner(std::string_view name, std::optional<model::Shard> of_shard = {})     // NOLINT: a job without shards
      : job{name}, shard{of_shard} {}
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> Owner(const Text& name)
      : Owner{std::string_view{name}} {}  // NOLINT: likewise
};

class Ledger {
 public:
  // Opens the results database of this job; a writer must hold its Lock. Files are made with mode 0600.
  // Finished results on a read-only place can be read. Errors: no_input (66) when it is missing or empty and
  // not to be made, cannot_create (73) when it is not this job's, or not this shard's, or cannot be made. For
  // a writer the whole structure is checked first (about 1.2 s for a million rows). An error leaves no trace
  // in the database or its write-ahead log.
  static Result<Ledger> open(const std::filesystem::path& file, const Owner& owner, Access access,
                             WhenLocked when_locked = {});
  // For reading, the results of any job or shard. Errors as above.
  static Result<Ledger> look_into(const std::filesystem::path& file, WhenLocked when_locked = {});
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  // The check of the structure that opening for writing makes. Error: cannot_create (73).
  Result<void> verify();

  // Folds the write-ahead log into the file, so that a copy of the one file is complete. Not while others
  // read it: then log_bytes() (folder.hpp) stays above 0, and the next command that writes tries again.
  Result<void> checkpoint();

  struct State;  // for the functions of this room
  State& state() const { return *state_; }

 private:
  explicit Ledger(std::unique_ptr<State> state);
  // `owner`: null where any will do.
  static Result<Ledger> open_for(const std::filesystem::path& file, const Owner* owner, Access access,
                                 WhenLocked when_locked);
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::ledger
