#pragma once
// The report on a job: one HTML page with what was asked and by whom, what came of it, and how it went. It
// needs no network and no script. Codes are masked, openids left out. Its size does not grow with the job.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/language.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/report/export.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::report {

// In the first 512 bytes of the page of a rehearsal, and of no other page.
inline constexpr std::string_view k_mark_of_rehearsal = "content=\"cardvoid rehearse\"";

struct ReportOrder {
  Language language = Language::english;
  WallTime now{};
  std::string_view version;  // of cardvoid
  // A command on this job that can be pasted into a shell: ("export", "-o results.csv").
  std::function<std::string(std::string_view name, std::string_view flags)> command = {};
  std::string rehearsal = {};  // its scenario: the page says that no card was touched; empty: it is real
  std::int64_t rehearsed = 0, of_cards = 0;       // the first ones of all to send; 0: no part was chosen
  std::optional<ledger::LockHolder> holder = {};  // it has the job, and may change it
};

// `digest` is asked for the digest of the export when all else has been read, so that it can be computed
// meanwhile; nullopt while a run is under way. The requests are read once, and so are the rows (1 s for a
// million of each). Errors: the ledger's, and that of `digest`.
using AskDigest = std::function<Result<std::optional<ExportDigest>>()>;
Result<std::string> job_report(const model::Job& job, ledger::Ledger& ledger, const ReportOrder& order,
                               const AskDigest& digest);

// Why a line of the list was refused, which is on record in English, in the language that is spoken.
std::string refused_cause(const std::string& english);

}  // namespace cardvoid::report
