#pragma once
// What to type after a command that did not reach its end: the one place that knows it, for every exit code.

#include <cardvoid/base/error.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/trip.hpp>
#include <cardvoid/report/step.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "console.hpp"

namespace cardvoid::cli {

// Where it ended: what tells apart endings of the same exit code.
enum class Stage {
  job,    // its job file and what it names for all of it: time zone, hook
  proxy,  // of the environment
  keys,
  lock,     // another command holds the job
  results,  // their database
  input,    // the list, or the list of protected cards
  consent,  // the plan is not the confirmed one, or too large, or may not be sent now
  sending,
};

struct Ended {
  int exit_code = 0;
  Stage stage = Stage::sending;
  std::optional<model::TripCause> trip = {};
  ledger::Totals totals = {};  // as far as known
  bool read_back_only = false;
  std::string_view why = {};  // what the error says
};

// Such as "carry on" with `cardvoid run gold.toml --yes`: commands that can be pasted into a shell, with
// the job's path and flags as this command was given them. None for exit code 0.
std::vector<report::Step> next_steps(const Globals& globals, const std::filesystem::path& job_file,
                                     const Ended& ended);

// Another command on the same job and the same results, to be pasted into a shell.
std::string command_line(const Globals& globals, const std::filesystem::path& job_file, std::string_view name,
                         std::string_view flags = {});

// Prints the error and what to type next; returns the exit code.
int fail(Console& console, const std::filesystem::path& job_file, Stage stage, const Error& error);

}  // namespace cardvoid::cli
