#pragma once
// Rows that a person chooses: the flags that `retry` and `accept` share, and what both say about rows and
// codes that they leave as they are.

#include <cardvoid/input/code_list.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/model/job.hpp>

#include "command.hpp"
#include "console.hpp"

namespace cardvoid::cli {

struct ChosenRows {
  std::string status;
  std::vector<std::string> codes;
  std::filesystem::path code_file;
  bool is_any() const { return !status.empty() || !codes.empty() || !code_file.empty(); }
};

// --status, --code, --where-code-in.
std::vector<Flag> flags_of(ChosenRows& rows);

// The choice for the ledger. Reads from `list`, which must outlive it. Errors: no_input (66), bad_input (65).
Result<ledger::Choice> choice_of(const ChosenRows& rows, const model::Input& input,
                                 std::optional<input::CodeList>& list);

// " (line 3 code ****0003 pending, line 9 …, …)".
std::string examples(const std::vector<ledger::Selection::Row>& shown, std::int64_t count);

// Codes without a row, and rows of another status.
void warn_about(const ledger::Selection& selection, const ChosenRows& rows, Console& console);

}  // namespace cardvoid::cli
