#pragma once
// Merge: the results databases of all shards of a job become one of the whole job, as if one machine had sent
// it.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cardvoid::ledger {

// The results databases of all shards of one job, open for reading, each seen as at one moment.
class Shards {
 public:
  // Errors: cannot_create (73) for a file that is no shard's results, for shards of different jobs, merchants
  // or numbers of shards, for a shard that comes twice or not at all; stopped (75) while a command has one of
  // them; no_input (66). Reads every page of each file.
  static Result<Shards> open(const std::vector<std::filesystem::path>& files);
  const std::string& job() const { return job_; }
  int count() const { return static_cast<int>(ledgers_.size()); }
  // In the order of their numbers.
  std::vector<Ledger>& ledgers() { return ledgers_; }
  const std::vector<std::filesystem::path>& files() const { return files_; }
  // The newest list is not the same one in all of them.
  bool have_different_lists() const { return have_different_lists_; }

 private:
  std::string job_;
  std::vector<std::filesystem::path> files_;
  std::vector<Ledger> ledgers_;
  bool have_different_lists_ = false;
};

// Error: stopped (75) while a command has it.
Result<void> check_idle(const std::filesystem::path& shard);

struct Merged {
  std::int64_t rows = 0, attempts = 0, runs = 0, refused = 0;
};

// Fills `output`, which its lock holds, with what the shards have: rows in the order of the list, requests,
// runs, refused lines, protections, what people accepted and agreed to. In one transaction and at constant
// memory. The same shards give the same again; what they have in addition since is added. The inputs stay as
// they are.
//
// No run of the merged results is one of its plan: so the next run begins with a canary, and imports the
// list.
//
// Errors: cannot_create (73) when the output is of another job or of a shard, or has been written to by
// another command since it was merged, or when a shard has a card of another shard.
Result<Merged> merge(Shards& shards, const std::filesystem::path& output, const Lock& lock,
                     const WhenLocked& when_locked = {});

}  // namespace cardvoid::ledger
