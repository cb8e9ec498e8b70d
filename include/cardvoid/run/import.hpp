#pragma once
// The input into the plan: reads every record of the job's input and brings it into the ledger.

#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/model/job.hpp>
#include <functional>
#include <string>
#include <vector>

namespace cardvoid::run {

struct Imported : ledger::ImportSummary {
  input::Dialect dialect;
  std::vector<std::string> remarks, samples;     // of the source; not kept
  std::optional<std::int64_t> protections = {};  // lines of safety.protect; nullopt: the job has no list
};

// Reads the whole input at constant memory. On an error nothing of it is kept; what was imported before
// stays, and importing again is harmless: rows are known by their content. `interrupted` is asked now and
// then; then the error is stopped (75).
Result<Imported> import_input(const model::Job& job, ledger::Ledger& ledger,
                              const std::function<bool()>& interrupted);

// The same from a source that is open already.
Result<Imported> import_from(input::Source& source, ledger::Ledger& ledger,
                             const std::function<bool()>& interrupted);

}  // namespace cardvoid::run
