#pragma once
// The job file: TOML → model::Job, with errors that name file, line, key and what was expected.
// schema/job.schema.json describes the same keys for editors.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::job {

// What the command line changes: `--set section.key=value` (value as TOML, or bare text), `--results FILE`.
struct Overrides {
  std::vector<std::string> set;
  std::filesystem::path results_database;  // empty: the job's own; relative to the working directory
  std::optional<model::Shard> shard = {};  // --shard: its part of the limit, and files of its own
  bool accept_damage =
      false;  // --accept-damage: no key of the job file, so that it holds for one command only
  // HTTPS_PROXY and NO_PROXY of the environment, for a job without endpoints.proxy.
  std::string https_proxy = {}, no_proxy = {};
  // For a rehearsal: what the file says of keys, accounts, endpoints and results is not read, right, wrong or
  // missing. The job then has none of them: `results_database` is its only file of results, no proxy is used,
  // and both endpoints are a place on loopback where nothing listens. The brand of the brand API counts.
  bool is_rehearsal = false;
  std::size_t set_by_environment = 0;  // so many of `set`, the first ones, come from CARDVOID_SET
};

// Reads and validates. Errors: bad_job (78) for what the file says, no_input (66) when it cannot be opened,
// usage (64) for a malformed --set. All faults of a file are named, one per line.
Result<model::Job> load(const std::filesystem::path& file, const Overrides& overrides);

// The same from text, for tests and fuzzing; `file` is for messages and relative paths. Looks at the
// disk only to see whether two of the job's files are one.
Result<model::Job> parse(std::string_view toml, const std::filesystem::path& file,
                         const Overrides& overrides);

// What is wrong with a value for a key that takes text, a path or a name: "expected …, found …". Empty:
// nothing.
std::string fault_of_value(std::string_view key, const std::string& value);

}  // namespace cardvoid::job
