#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/merge.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cardvoid/sqlite/database_file.hpp>

#include "commands.hpp"
#include "console.hpp"

namespace cardvoid::cli {

namespace {

struct Options {
  std::filesystem::path output;
  std::vector<std::filesystem::path> shards;
};

Words words(Options& options) {
  return {{{.name = "SHARD.db",
            .help = translatable("The results databases of all shards"),
            .kind = ValueKind::file,
            .set = [&options](const std::string& word) -> Result<void> {
              options.shards.emplace_back(word);
              return {};
            },
            .repeatable = true}},
          {{.name = "--output",
            .letter = 'o',
            .value = "FILE",
            .help = translatable("The results database to make, or to bring up to date (mode 0600)"),
            .kind = ValueKind::file,
            .required = true,
            .set = into(options.output)}}};
}

Result<void> check_words(Options& options, const Globals&) {
  if (options.output == "-")
    return Error{Errc::usage, tr("-o -: name a file; a results database is no stream")};
  std::error_code ignored;
  for (const auto& shard : options.shards)
    if (real_path(shard) == real_path(options.output) ||
        std::filesystem::equivalent(shard, options.output, ignored))
      return Error{Errc::usage,
                   tr("-o {}: that is one of the shards; name another file", options.output.string())};
  return {};
}

void remove_database(const std::filesystem::path& database) {
  std::error_code ignored;
  for (const auto* suffix : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(database.string() + suffix, ignored);
}

Result<ledger::Merged> merge_into(const std::filesystem::path& output, ledger::Shards& shards) {
  if (const auto possible = try_private_file(output); !possible) return with_context(possible.error(), "-o");
  auto lock = ledger::Lock::acquire(output, "merge");
  if (!lock) return lock.error();
  // With the lock no one else makes it. A log without its database may hold somebody's last results.
  const bool is_new = !sqlite::has_content(output) && !sqlite::has_content(output.string() + "-wal");
  std::error_code ignored;
  // Millions of keys are sorted beside the results, where there is room.
  sqlite::keep_temporary_files_in(std::filesystem::weakly_canonical(output, ignored).parent_path());
  auto merged = ledger::merge(shards, output, *lock);
  if (!merged && is_new) remove_database(output);  // it would look like results without rows
  return merged;
}

std::string as_json(const ledger::Merged& merged, const ledger::Shards& shards, const Options& options) {
  return to_json_line({{"job", shards.job()},
                       {"shards", shards.count()},
                       {"results", options.output.string()},
                       {"rows", merged.rows},
                       {"attempts", merged.attempts},
                       {"runs", merged.runs},
                       {"refused", merged.refused},
                       {"different_lists", shards.have_different_lists()}});
}

std::string as_text(const ledger::Merged& merged, const ledger::Shards& shards, const Options& options) {
  return tr("job {}: {} shards merged into {}", shards.job(), shards.count(), options.output.string()) +
         "\n" +
         tr("{} rows, {} requests, {} runs, {} refused lines", grouped(merged.rows), grouped(merged.attempts),
            grouped(merged.runs), grouped(merged.refused)) +
         "\n" + tr("see where the job stands: cardvoid status JOB --results {}", options.output.string()) +
         "\n";
}

int merge(Console& console, const Options& options) {
  auto shards = ledger::Shards::open(options.shards);
  if (!shards) return console.fail(shards.error());
  const auto merged = merge_into(options.output, *shards);
  if (!merged) return console.fail(merged.error());
  if (shards->have_different_lists())
    console.log(
        LogLevel::warning,
        "the shards have read different lists last: plan each of them with the newest list, and merge again");
  const auto& globals = console.globals();
  if (!globals.quiet || globals.json)
    (void)console.answer(globals.json ? as_json(*merged, *shards, options)
                                      : as_text(*merged, *shards, options));
  return 0;
}

}  // namespace

Command merge_command() {
  return {
      .name = "merge",
      .group = translatable("Results"),
      .purpose = translatable("Makes one results database of those of all shards of a job"),
      .about = translatable(
          "For a job that was sent in parts, by `cardvoid run --shard K/N`. The shards' files stay as "
          "they are. "
          "Merging again brings the merged results up to date, until another command writes to them: "
          "from then "
          "on the job goes on from there, and no shard may run again."),
      .examples = {{"cardvoid merge -o gold.db gold.1-of-2.db gold.2-of-2.db"}},
      .exits = {{0, translatable("the merged results have all rows")},
                {66, translatable("a results database is not there")},
                {73,
                 translatable(
                     "these are not all shards of one job, or one is damaged; or FILE has other results")},
                {74, translatable("FILE cannot be written")},
                {75, translatable("another cardvoid has one of the databases")}},
      .call = call_of(words, merge, check_words)};
}

}  // namespace cardvoid::cli
