#pragma once
// What to type after a run that stopped itself.

#include <string>

#include <cardvoid/ledger/queries.hpp>

#include "globals.hpp"

namespace cardvoid::cli {

// Whom a run has to send: what the command line says of it.
struct Consent {
  std::string confirm;  // digits of a fingerprint
  bool yes = false, accept_damage = false;
};

// Lines to put behind the reason, each begun by a line break: commands that can be pasted into a shell, with
// the job and the flags that this run was given.
std::string next_steps(const Globals& globals, const std::filesystem::path& job_file, const Consent& consent,
                       const ledger::Totals& totals);

}  // namespace cardvoid::cli
