#pragma once
// Reads every record of the job's input and imports it into the ledger.

#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/model/job.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::run {

struct Imported : ledger::ImportSummary {
  input::Dialect dialect;
  bool is_unchanged = false;  // not read again: it would have changed nothing; `remarks` are English then
  // Of the source; not kept. `remarks` are for people, in their language, and the others English.
  std::vector<std::string> remarks, remarks_of_log, samples;
  std::optional<ledger::ProtectionMatch> protections = {};  // safety.protect; nullopt: the job has no list
};

// Whether an input that was imported last is imported again. `if_changed`: only where that may change
// something; then `dialect` and `samples` are not known.
enum class Again { always, if_changed };

// Reads the whole input at constant memory. On an error nothing of it is kept; earlier imports
// stay. Importing again is harmless: rows are known by their content. `interrupted` is asked now and then; if
// true, the error is stopped (75).
Result<Imported> import_input(const model::Job& job, ledger::Ledger& ledger,
                              const std::function<bool()>& interrupted, Again again = Again::always);

// What an import came from, as ledger::Recipe has it. Empty: not known.
std::string recipe_of(std::string_view settings, const std::string& sha256_of_input);

// The same from an open source. Of a `shard` only its rows; a line that is refused, and so has no key, is of
// shard 1, so that all shards together have each line once. `settings`: what decides, apart from the bytes of
// the source, what an import makes of them. Empty: not known, so that the next one is not taken for the same.
Result<Imported> import_from(input::Source& source, ledger::Ledger& ledger,
                             const std::function<bool()>& interrupted,
                             model::Vanished vanished = model::Vanished::hold, std::string_view settings = {},
                             const std::optional<model::Shard>& shard = {});

}  // namespace cardvoid::run
