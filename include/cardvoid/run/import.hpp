#pragma once
// Reads every record of the job's input and imports it into the ledger.

#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/model/job.hpp>
#include <functional>
#include <string>
#include <vector>

namespace cardvoid::run {

struct Imported : ledger::ImportSummary {
  input::Dialect dialect;
  // Of the source; not kept. `remarks` are for people, in their language, and the others English.
  std::vector<std::string> remarks, remarks_of_log, samples;
  std::optional<ledger::ProtectionMatch> protections = {};  // safety.protect; nullopt: the job has no list
};

// Reads the whole input at constant memory. On an error nothing of it is kept; earlier imports
// stay. Importing again is harmless: rows are known by their content. `interrupted` is asked now and then; if
// true, the error is stopped (75).
Result<Imported> import_input(const model::Job& job, ledger::Ledger& ledger,
                              const std::function<bool()>& interrupted);

// The same from an open source.
Result<Imported> import_from(input::Source& source, ledger::Ledger& ledger,
                             const std::function<bool()>& interrupted,
                             model::Vanished vanished = model::Vanished::hold);

}  // namespace cardvoid::run
