#pragma once
// What a colleague needs who takes the job over: `status --handover`.

#include <boost/json/object.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/job.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "globals.hpp"

namespace cardvoid::cli {

struct Handover {
  std::vector<std::string> carry_on;  // "carry on: cardvoid run /jobs/gold.toml": what to do next
  std::string user, host;             // who should type it, and where
  struct Path {
    std::string key;  // of the job file; empty: the job file itself
    std::string path;
  };
  std::vector<Path> paths;
  std::string contacts;  // of the job file; empty: it has none
};

// `holder`: who has the job now. `last`: the last run; nullopt: none yet. The job's file is named by its
// whole path, so that the commands can be pasted anywhere on this machine.
Handover hand_over(const Globals& globals, const model::Job& job, const ledger::Totals& totals,
                   const std::optional<ledger::LockHolder>& holder,
                   const std::optional<ledger::RunRecord>& last);

// Below the page of `status`.
std::string handover_text(const Handover& handover);
// The commands without the words, which are for people.
boost::json::object handover_json(const Handover& handover);

}  // namespace cardvoid::cli
