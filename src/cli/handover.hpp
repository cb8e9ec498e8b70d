#pragma once
// What a colleague needs who takes the job over: `status --handover`.

#include <boost/json/object.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/report/step.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "globals.hpp"

namespace cardvoid::cli {

// What a colleague finds.
enum class State {
  never_ran,
  ended,          // the last run, well or not
  window_closed,  // nothing runs, and nothing may be sent before the window opens
  under_way,      // a run, or another command that has the job
  throttled,      // under way, and standing still after a 429
  paused,
  suspended,  // by Ctrl-Z or SIGSTOP
  paused_and_suspended,
  elsewhere,  // under way on another machine
};
std::string_view to_text(State state);

// How the job stands.
struct Situation {
  ledger::Totals totals;
  std::optional<ledger::LockHolder> holder;  // who has the job now
  bool is_suspended = false;                 // the holder
  std::optional<ledger::Pulse> pulse;        // the last one of the run under way, however old
  std::optional<ledger::RunRecord> last;     // the last run; nullopt: none yet
  bool is_open = true;                       // the window, or there is none
  std::optional<WallTime> opens_at;          // while it is closed; nullopt: no one can tell
};
State state_of(const Situation& situation);

struct Handover {
  State state = State::never_ran;
  std::vector<report::Step> steps;  // what to do next, first things first
  std::string user, host;           // who should type it, and where
  struct Path {
    std::string key;  // of the job file; empty: the job file itself
    std::string path;
  };
  std::vector<Path> paths;
  std::string contacts;  // of the job file; empty: it has none
};

// The job's file is named by its whole path, so that the commands can be pasted anywhere on this machine.
Handover hand_over(const Globals& globals, const model::Job& job, const Situation& situation);

// Below the page of `status`.
std::string handover_text(const Handover& handover);
// The commands without the words, which are for people.
boost::json::object handover_json(const Handover& handover);

}  // namespace cardvoid::cli
