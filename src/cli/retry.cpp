#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/input/code_list.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/report/progress.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "results.hpp"
#include "take_lock.hpp"

namespace cardvoid::cli {

namespace {

constexpr int k_codes_between_questions = 256;

// The codes of the list, until a signal comes.
std::function<Result<std::optional<ledger::Choice::Listed>>()> reader_of(input::CodeList& list) {
  return [&list, read = 0]() mutable -> Result<std::optional<ledger::Choice::Listed>> {
    if (read++ % k_codes_between_questions == 0 && Interrupt::has_come())
      return Error{Errc::stopped, "interrupted while reading the codes; nothing was put back"};
    const auto code = list.next();
    if (!code) return code.error();
    if (!*code) return std::nullopt;
    return ledger::Choice::Listed{(*code)->text, (*code)->line};
  };
}

std::string column_for_codes(const model::Input& input) {
  const auto named = input.columns.find("code");
  return named == input.columns.end() ? "code" : named->second;
}

// " (line 3 code ****0003 pending, line 9 …, …)".
std::string examples(const std::vector<ledger::PutBack::Row>& shown, std::int64_t count) {
  std::string text;
  for (const auto& row : shown)
    text += fmt::format("{}line {} code {} {}", text.empty() ? " (" : ", ", row.source_line, mask(row.code),
                        row.status);
  return text + (static_cast<std::size_t>(count) > shown.size() ? ", …)" : ")");
}

std::string examples(const std::vector<ledger::PutBack::Code>& shown, std::int64_t count) {
  std::string text;
  for (const auto& code : shown)
    text += fmt::format("{}{}{}", text.empty() ? " (" : ", ", mask(code.code),
                        code.line > 0 ? fmt::format(" in line {}", code.line) : "");
  return text + (static_cast<std::size_t>(count) > shown.size() ? ", …)" : ")");
}

struct Options {
  std::filesystem::path job_file;
  std::string status;
  std::vector<std::string> codes;
  std::filesystem::path code_file;
  milliseconds wait_lock{0};
};

Words words(Options& options) {
  return {{job_file(options.job_file)},
          {choice<std::string>("--status", "STATUS", "Only rows of this status", options.status,
                               {{"rejected", "rejected"}, {"unresolved", "unresolved"}}),
           {.name = "--code",
            .value = "CODE",
            .help = "Rows with this card code, of any template; repeatable",
            .repeatable = true,
            .set = into(options.codes)},
           {.name = "--where-code-in",
            .value = "FILE",
            .help = "Rows whose card code is in FILE (- for standard input): one code a line, or a CSV file "
                    "with a column code, as export writes it",
            .kind = ValueKind::file,
            .set = into(options.code_file)},
           wait_lock(options.wait_lock)}};
}

Result<void> check_words(Options& options, const Globals&) {
  if (!options.status.empty() || !options.codes.empty() || !options.code_file.empty()) return {};
  return Error{Errc::usage,
               "retry: say which rows, with --status, --code or --where-code-in; rows that the platform "
               "refused are sent again only when you choose them"};
}

void warn_about(const ledger::PutBack& result, const Options& options, Console& console) {
  if (result.not_found > 0)
    console.log(LogLevel::warning, fmt::format("{} {} no row{}", grouped(result.not_found),
                                               result.not_found == 1 ? "code matches" : "codes match",
                                               examples(result.codes_not_found, result.not_found)));
  if (result.not_eligible > 0)
    console.log(LogLevel::warning,
                fmt::format("left as they are, since not {}: {}{}",
                            options.status.empty() ? "rejected or unresolved" : options.status,
                            counted(result.not_eligible, "row"),
                            examples(result.rows_not_eligible, result.not_eligible)));
}

std::string answer_text(const ledger::PutBack& result, const model::Job& job) {
  std::string text = fmt::format("job {}\n", job.name);
  const auto line = [&](const char* label, std::int64_t count, std::string_view remark = {}) {
    text += report::count_line(label, 14, count, remark);
  };
  line("retried", result.retried,
       result.retried > 0 ? "pending again: the next run sends them; `cardvoid plan` shows the fingerprint"
                          : "");
  if (result.is_protected > 0)
    line("protected", result.is_protected, "of them: named by safety.protect, and so not sent");
  line("in doubt", result.in_doubt,
       result.in_doubt > 0 ? "left as they are: `cardvoid reconcile` first" : "");
  line("not eligible", result.not_eligible);
  line("not found", result.not_found, result.not_found > 0 ? "codes without a row" : "");
  return text;
}

std::string as_json(const ledger::PutBack& result, const model::Job& job) {
  return to_json_line({{"job", job.name},
                       {"retried", result.retried},
                       {"protected", result.is_protected},
                       {"in_doubt", result.in_doubt},
                       {"not_eligible", result.not_eligible},
                       {"not_found", result.not_found}});
}

// Puts chosen rows back into the plan; sends nothing and needs no keys.
int retry(Console& console, const Options& options) {
  const Interrupt interrupt;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());

  ledger::Choice choice;
  if (!options.status.empty()) choice.status = model::status_from_text(options.status);
  choice.codes = options.codes;
  std::optional<input::CodeList> list;
  if (!options.code_file.empty()) {
    auto opened = input::CodeList::open(options.code_file, column_for_codes(job->input));
    if (!opened) return console.fail(with_context(opened.error(), "--where-code-in"));
    list = std::move(*opened);
    choice.list = reader_of(*list);
  }

  if (const auto there = require_results(*job); !there)
    return fail(console, options.job_file, Stage::results, there.error());
  const auto lock = take_lock(console, *job, "retry", options.wait_lock);
  if (!lock) return fail(console, options.job_file, Stage::lock, lock.error());
  auto ledger = open_locked(console, *job, *lock, ledger::Access::read_write);
  if (!ledger) return fail(console, options.job_file, Stage::results, ledger.error());
  choice.at = read_clocks().wall;
  const auto result = ledger::put_back(*ledger, choice);
  if (!result) return console.fail(result.error());
  (void)ledger->checkpoint();
  warn_of_log(console, *job);

  warn_about(*result, options, console);
  if (!console.answer(console.globals().json ? as_json(*result, *job) : answer_text(*result, *job)))
    return static_cast<int>(Errc::io);
  if (result->in_doubt > 0)
    return console.fail(
        {Errc::stopped,
         fmt::format(
             "left as they are, since in doubt: {}{}; run `cardvoid reconcile {}` first, which reads the "
             "cards back",
             counted(result->in_doubt, "row"), examples(result->rows_in_doubt, result->in_doubt),
             options.job_file.string())});
  if (result->retried == 0) return console.fail({Errc::bad_input, "no row matches; nothing was put back"});
  return 0;
}

}  // namespace

Command retry_command() {
  return {
      .name = "retry",
      .group = "Results",
      .purpose = "Puts chosen rejected or unresolved rows back to pending; sends nothing",
      .about =
          "Filters combine: a row must pass all that are given, and at least one must be given.\n"
          "Rows in doubt stay as they are until `cardvoid reconcile` has read them back. In doubt are rows "
          "in flight, and unresolved rows unless their last request is a read-back that found the card "
          "not INVALID.\n"
          "An earlier --confirm does not cover rows that were put back. Their attempts stay on record.",
      .examples = {{"cardvoid retry gold.toml --status rejected --where-code-in corrected.txt"}},
      .exits = {{0, "every row that matched was put back"},
                {65, "no row matches"},
                {75, "rows in doubt stayed as they are, or a run is under way"}},
      .call = call_of(words, retry, check_words)};
}

}  // namespace cardvoid::cli
