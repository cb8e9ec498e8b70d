#pragma once
// The platform's own word on a job, against the results database that a run has left: whole, cut short or
// killed.

#include <cardvoid/sandbox/sandbox.hpp>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "support/stage.hpp"

namespace cardvoid::support {

// Sees what reaches a sandbox. Must outlive it.
class Witness {
 public:
  sandbox::Settings watching(sandbox::Settings settings);  // the same, with this witness in it

  struct Requests {
    std::int64_t invalidations = 0, read_backs = 0;
    std::int64_t after_invalid = 0;  // of the invalidations
    std::int64_t all() const { return invalidations + read_backs; }
  };
  Requests requests() const;
  std::map<std::string, Requests> requests_by_card() const;  // "brand/template/code"
  // False when they do not come within the patience.
  bool wait_for_requests(std::int64_t at_least, milliseconds patience) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable more_;
  Requests all_;
  std::map<std::string, Requests> by_card_;
};

// What contradicts the promises of a results database, in sentences; none: it holds. It looks at a copy, so
// that the next process must mend what a killed one left. No process may be writing. `settled`: nothing
// is left to do.
std::vector<std::string> contradictions(const std::filesystem::path& database,
                                        const sandbox::Sandbox& platform, const Witness& witness,
                                        bool settled);

// A copy of the database, with its write-ahead log, that vanishes with this.
class DatabaseCopy {
 public:
  explicit DatabaseCopy(const std::filesystem::path& database);
  DatabaseCopy(const DatabaseCopy&) = delete;
  DatabaseCopy& operator=(const DatabaseCopy&) = delete;
  bool has_tables() const { return has_tables_; }  // else it was left before it was made
  std::vector<Line> ask(std::string_view sql) const { return ask_database(file_, sql); }
  std::int64_t number(std::string_view sql) const { return std::stoll(ask(sql).at(0).at(0)); }

 private:
  TempFolder folder_;
  std::filesystem::path file_ = folder_.path / "copy.db";
  bool has_tables_ = false;
};

}  // namespace cardvoid::support
