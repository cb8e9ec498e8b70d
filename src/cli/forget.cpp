#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/forget.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/report/progress.hpp>
#include <iostream>
#include <optional>

#include "commands.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "results.hpp"
#include "take_lock.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

struct Options {
  std::filesystem::path job_file;
  std::optional<milliseconds> older_than;
  bool yes = false, dry_run = false;
  milliseconds wait_lock{0};
};

Words words(Options& options) {
  return of_one_shard({{job_file(options.job_file)},
                       {{.name = "--older-than",
                         .value = "DURATION",
                         .help = translatable("Rows that were settled longer ago than this, such as 180d"),
                         .required = true,
                         .set = [&options](const std::string& word) -> Result<void> {
                           const auto read = parse_duration(word);
                           if (!read) return read.error();
                           options.older_than = *read;
                           return {};
                         }},
                        {.name = "--dry-run",
                         .help = translatable("Only count what would be forgotten"),
                         .excludes = "--yes",
                         .is_on = &options.dry_run},
                        {.name = "--yes", .help = translatable("Do not ask"), .is_on = &options.yes},
                        wait_lock(options.wait_lock)}});
}

Result<void> check_words(Options& options, const Globals&) {
  if (options.yes || options.dry_run || ::isatty(STDIN_FILENO)) return {};
  return Error{
      Errc::usage,
      tr("forget: standard input is not a terminal, so no one can be asked: give --yes, or --dry-run to "
         "see what it would do")};
}

// ---- the answer ----

std::string answer_text(const ledger::Forgotten& counts, const model::Job& job, WallTime settled_before,
                        bool is_done) {
  std::string text = tr("job {}: personal data of rows that were settled before {}", job.name,
                        format_local(settled_before)) +
                     "\n";
  const auto line = [&](const std::string& label, std::int64_t count, const std::string& remark = {}) {
    text += report::count_line(label, 16, count, count > 0 ? remark : "");
  };
  line(is_done ? tr("forgotten") : tr("to forget"), counts.rows(),
       is_done ? tr("code, openid and reason are removed; states, times and Request-IDs stay")
               : tr("code, openid and reason go; states, times and Request-IDs stay"));
  if (counts.accepted > 0) line(tr("accepted"), counts.accepted, tr("of them: settled by a person's word"));
  line(tr("forgotten before"), counts.before);
  line(tr("younger"), counts.younger, tr("settled since then: left as they are"));
  line(tr("open"), counts.open, tr("not settled: left as they are"));
  line(tr("protected"), counts.is_protected, tr("left as they are, so that they stay protected"));
  return text;
}

std::string as_json(const ledger::Forgotten& counts, const model::Job& job, WallTime settled_before,
                    bool is_done) {
  return to_json_line({{"job", job.name},
                       {"settled_before", format_rfc3339(settled_before)},
                       {"done", is_done},
                       {"forgotten", counts.rows()},
                       {"invalidated", counts.invalidated},
                       {"rejected", counts.rejected},
                       {"accepted", counts.accepted},
                       {"forgotten_before", counts.before},
                       {"younger", counts.younger},
                       {"open", counts.open},
                       {"protected", counts.is_protected},
                       {"refused_lines", counts.refused_lines}});
}

// ---- the work ----

Result<void> confirm(const ledger::Forgotten& counts, const std::string& page) {
  put(stderr, page + "\n" +
                  tr("Forgetting cannot be undone. Type the number of rows ({}) to go on: ", counts.rows()));
  std::string typed;
  if (Interrupt::input_comes_first()) std::getline(std::cin, typed);
  if (Interrupt::has_come()) return Error{Errc::stopped, tr("interrupted; nothing was forgotten")};
  std::erase_if(typed, [](char c) { return c == ',' || c == ' ' || c == '\r'; });
  if (typed == std::to_string(counts.rows())) return {};
  return Error{Errc::usage, tr("not confirmed; nothing was forgotten")};
}

int only_count(Console& console, const model::Job& job, WallTime settled_before) {
  auto ledger = open_results(console, job, ledger::Access::read_only);
  if (!ledger) return console.fail(ledger.error());
  const auto counts = ledger::count_forgettable(*ledger, settled_before);
  if (!counts) return console.fail(counts.error());
  (void)(console.globals().json ? console.answer(as_json(*counts, job, settled_before, false))
                                : console.answer_words(answer_text(*counts, job, settled_before, false)));
  return 0;
}

int forget(Console& console, const Options& options) {
  const Interrupt interrupt;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  if (job->shard)  // each would have a key of its own for the hashes, and the merged results have room for
                   // one
    return console.fail(
        {Errc::usage, tr("forget --shard {}: merge the results of all shards first, then forget "
                         "rows of the merged results, and remove those of the shards",
                         model::to_text(*job->shard))});
  if (const auto zone = use_time_zone(*job); !zone) return console.fail(zone.error());
  if (const auto there = require_results(*job); !there)
    return fail(console, options.job_file, Stage::results, there.error());
  const auto now = read_clocks().wall;
  const auto settled_before = now - std::min(*options.older_than, now.time_since_epoch());
  if (options.dry_run) return only_count(console, *job, settled_before);

  const auto lock = take_lock(console, *job, "forget", options.wait_lock);
  if (!lock) return fail(console, options.job_file, Stage::lock, lock.error());
  auto ledger = open_locked(console, *job, *lock, ledger::Access::read_write);
  if (!ledger) return fail(console, options.job_file, Stage::results, ledger.error());
  auto counts = ledger::count_forgettable(*ledger, settled_before);
  if (!counts) return console.fail(counts.error());
  if (!options.yes && counts->rows() > 0)
    if (const auto agreed = confirm(*counts, answer_text(*counts, *job, settled_before, false)); !agreed)
      return console.fail(agreed.error());
  if (counts->rows() > 0) counts = ledger::forget(*ledger, settled_before, now);
  if (!counts) return console.fail(counts.error());
  // Also when there is nothing new: the one before may have found no room, or a reader.
  if (counts->rows() + counts->before > 0)
    if (const auto wiped = ledger::wipe_remains(*ledger); !wiped) return console.fail(wiped.error());

  (void)(console.globals().json ? console.answer(as_json(*counts, *job, settled_before, true))
                                : console.answer_words(answer_text(*counts, *job, settled_before, true)));
  if (counts->rows() > 0)
    console.log(LogLevel::info,
                tr("Backups, exports and lists of this job still have what was forgotten here."));
  return 0;
}

}  // namespace

Command forget_command() {
  return {
      .name = "forget",
      .group = translatable("Results"),
      .purpose = translatable("Removes personal data of rows that were settled long ago; sends nothing"),
      .about = translatable(
          "Of rows that are invalidated, rejected or accepted for longer than --older-than, it removes code, "
          "openid and reason for good, and keeps their status, times and Request-IDs. Open and protected "
          "rows "
          "are left as they are.\n"
          "A keyed hash of the code stays: a list that names the card again does not send it, and `cardvoid "
          "show --code` still answers for a code that somebody brings. `cardvoid retry` cannot put such a "
          "row "
          "back.\n"
          "The text of refused lines goes too, and the file is written again, so that nothing is left in its "
          "free pages: that takes as much disk again for a moment. Backups, exports and lists are other "
          "files."),
      .examples = {{"cardvoid forget gold.toml --older-than 180d --dry-run"},
                   {"cardvoid forget gold.toml --older-than 180d --yes"}},
      .exits = {{0, translatable("what was old enough is forgotten, or nothing was")},
                {66, translatable("there is no results database yet")},
                {74,
                 translatable(
                     "no room to write the file again: what was forgotten may be left in it; run it again")},
                {75,
                 translatable(
                     "a run is under way, or a program reads the results: run it again when it has ended")}},
      .call = call_of(words, forget, check_words)};
}

}  // namespace cardvoid::cli
