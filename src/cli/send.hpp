#pragma once
// What `run` and `reconcile` have in common: keys, lock, results database, progress, and the last words.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/run/execute.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "console.hpp"
#include "next_steps.hpp"

namespace cardvoid::cli {

struct Assignment {
  run::Order order;
  std::int64_t to_send = 0;  // rows that the progress counts down from
};

struct Sending {
  std::filesystem::path job_file;
  bool accept_damage = false;
  bool invalidates = false;    // so no other part of the job may have sent the same cards
  bool needs_results = false;  // it makes no results database where there is none
  milliseconds wait_lock{0};
  // What to do, and whether it may be done. Called with the job's lock held. Its `version` need not be set.
  // `stage` follows what is being done, for the words about an error.
  std::function<Result<Assignment>(const model::Job&, ledger::Ledger&, Stage& stage)> prepare;
};

// How to show progress. No one watches if no stream is a terminal, under cron or a service manager: then
// there is only a heartbeat unless progress was asked for.
report::Manner manner_of(const Console& console);

// Returns the exit code.
int send(Console& console, const Sending& sending);

}  // namespace cardvoid::cli
