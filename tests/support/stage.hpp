#pragma once
// A job, the sandbox it runs against – in the test's own process, so that a test can change its mind in the
// middle – and the results database, looked at with SQL as any other program would.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/program.hpp"
#include "support/scene.hpp"

namespace cardvoid::support {

// A line of results or attempts; NULL as "NULL".
using Line = std::vector<std::string>;

// What a query on an SQLite file says; waits while somebody is committing.
std::vector<Line> ask_database(const std::filesystem::path& database, std::string_view sql);

class Stage : public sandbox::Scene {
 public:
  // `files` are put into the job's folder before the sandbox starts, e.g. members.csv and cards.csv. Mostly a
  // list with bad rows is to be sent to its end: without canary and breaker, until the sandbox starts again.
  enum Safety { off, as_given };
  explicit Stage(const sandbox::Settings& settings = sandbox::plain_settings(), const Files& files = {},
                 Safety safety = off);

  std::string job() const { return (dir / "sandbox.toml").string(); }
  std::filesystem::path database() const { return dir / "sandbox.db"; }
  void write(const std::string& name, std::string_view content) const;
  std::string read(const std::string& name) const;
  // The job file with `from` replaced by `to`, as another file; its path.
  std::string job_with(std::string_view from, std::string_view to,
                       const std::string& name = "other.toml") const;

  // `cardvoid COMMAND JOB FLAGS…`, with a short back-off so that tests need not wait.
  Ended run(const std::string& command, std::vector<std::string> flags = {}) const;
  std::unique_ptr<Program> start(const std::string& command, std::vector<std::string> flags = {}) const;
  std::vector<std::string> words(const std::string& command, std::vector<std::string> flags) const;

  std::vector<Line> ask_results(std::string_view sql) const { return ask_database(database(), sql); }
  std::int64_t count(std::string_view condition) const;  // rows of `results` of which that is true
  // Returns when `count(condition)` is at least this; the test fails after a minute.
  void wait_until(std::string_view condition, std::int64_t at_least) const;
  // Returns when `is_so` says true. Asks again whenever a file of the job's folder changes; the test fails
  // after a minute, and `what` says in vain for what it waited.
  void wait_until(const std::function<bool()>& is_so, const std::string& what) const;

  // Every row that is called invalidated is INVALID on the platform, at the same time to the byte, and the
  // other way round where `settled` (nothing is left to do).
  void check_against_truth(bool settled = true) const;
};

// A members file of `count` rows that all are known to the sandbox, codes "card0000", ….
std::string plain_members(int count);

// A stage with that many plain members.
Stage stage_of(int members, const sandbox::Settings& settings = sandbox::plain_settings());

}  // namespace cardvoid::support
