#include "check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/ledger/siblings.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/run/outlook.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "commands.hpp"
#include "consent.hpp"
#include "console.hpp"
#include "finish_hook.hpp"
#include "next_steps.hpp"
#include "results.hpp"
#include "space.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t k_cards_asked_for = 3;

// ---- the input ----

// A million rows take about a second, so most inputs are read to their end. A query that has to sort first
// may need longer for its first row.
constexpr auto k_reading_time = 2s, k_patience = 10s;
constexpr int k_records_between_looks = 256;
constexpr std::int64_t k_lines_measured = 1000;

struct InputFacts {
  std::optional<std::int64_t> rows;  // valid ones; estimated where it was not read to its end
  std::vector<model::Card> cards;    // the first valid ones
};

struct Reading {
  std::int64_t rows = 0, refused = 0;
  std::string first_cause;  // with its line
  std::int64_t measured_bytes = 0;
  bool is_whole = false;
  std::int64_t lines() const { return rows + refused; }
};

Result<Reading> read_for_a_while(input::Source& source, InputFacts& facts) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + k_reading_time;
  Reading reading;
  for (;;) {
    if (reading.lines() % k_records_between_looks == 0 && Clock::now() > until) return reading;
    const auto record = source.next();
    if (!record) return record.error();
    if (!*record) break;
    if (reading.lines() < k_lines_measured)
      reading.measured_bytes += static_cast<std::int64_t>(source.raw().size()) + 2;
    if (const auto* row = std::get_if<model::InputRow>(&**record)) {
      if (facts.cards.size() < k_cards_asked_for) facts.cards.push_back(row->card);
      ++reading.rows;
    } else {
      const auto& refused = std::get<input::Refused>(**record);
      if (reading.refused++ == 0)
        reading.first_cause = tr("line {}: {}", refused.source_line, report::refused_cause(refused.cause));
    }
  }
  reading.is_whole = true;
  return reading;
}

// From the size of the file and the length of its first lines.
std::int64_t estimate_rows(const model::Input& input, const Reading& reading) {
  std::error_code unknown;
  const auto bytes = std::filesystem::file_size(input.csv, unknown);
  const auto measured = std::min(reading.lines(), k_lines_measured);
  if (input.csv.empty() || unknown || measured == 0) return reading.rows;
  return std::max(reading.rows, static_cast<std::int64_t>(bytes) * measured / reading.measured_bytes);
}

InputFacts look_at_input(const model::Job& job, Findings& findings) {
  const std::string subject = "input";
  InputFacts facts;
  struct stat file {};
  const bool is_stream =
      job.input.csv == "-" || (!job.input.csv.empty() && ::stat(job.input.csv.c_str(), &file) == 0 &&
                               (S_ISFIFO(file.st_mode) || S_ISCHR(file.st_mode)));
  if (is_stream) {
    const auto name = job.input.csv == "-" ? tr("standard input") : job.input.csv;
    findings.push_back(skipped(subject, tr("{}: not looked at, since it can be read only once", name)));
    return facts;
  }
  if (const auto usable = check_openssl(); !usable) {  // reading a list computes its digest
    findings.push_back(skipped(subject, usable.error().what));
    return facts;
  }
  const auto until = std::chrono::steady_clock::now() + k_patience;
  const auto source =
      input::open(job.input, job.defaults, job.merchant.api, job.merchant.brand_id,
                  {.interrupted = [until] { return std::chrono::steady_clock::now() > until; }});
  const auto reading = source ? read_for_a_while(**source, facts) : Result<Reading>{source.error()};
  if (!reading) {
    findings.push_back(reading.error().code == Errc::stopped
                           ? skipped(subject, tr("the query has no answer within {}; plan waits longer",
                                                 humanize_duration(k_patience)))
                           : fault(subject, reading.error()));
    return facts;
  }
  facts.rows = reading->is_whole ? reading->rows : estimate_rows(job.input, *reading);
  const auto rows = tr_n(reading->rows, "{} row", "{} rows");
  const auto what = (*source)->description();
  const auto text = reading->is_whole ? tr("{}: {}", what, rows)
                                      : tr("{}: {} in the part that was read, all in all about {}", what,
                                           rows, grouped(*facts.rows));
  if (reading->refused > 0) {
    findings.push_back(
        warning(subject, tr("{}, {} refused ({}); `cardvoid plan --refused FILE` shows them", text,
                            tr_n(reading->refused, "{} line", "{} lines"), reading->first_cause)));
  } else if (reading->rows == 0) {
    findings.push_back(warning(subject, text));
  } else {
    findings.push_back(fine(subject, text));
  }
  if (reading->is_whole)
    for (const auto& remark : (*source)->remarks()) findings.push_back(warning(subject, remark));
  return facts;
}

// ---- consent, and the pace ----

void look_at_consent(model::Job& job, Findings& findings) {
  const std::string subject = "consent";
  if (const auto placeholder = find_placeholder(job.safety.acknowledge); !placeholder.empty())
    findings.push_back(warning(
        subject,
        tr("safety.acknowledge looks like a placeholder (\"{}\"): write who told the members beforehand and "
           "got their consent, and when; WeChat Pay demands both, and punishes complaints",
           escape_for_terminal(placeholder))));
  if (job.safety.acknowledge_file.empty()) return;
  const auto proven = add_proof_of_consent(job);
  findings.push_back(proven ? fine(subject, job.safety.acknowledge) : fault(subject, proven.error()));
}

void look_at_pace(const model::Job& job, Findings& findings) {
  const auto together = job.requests_per_second_of_all_shards();
  if (together <= model::k_documented_rate) return;
  findings.push_back(warning(
      "limits",
      tr("requests_per_second is {:g}, and the platform documents {:g} for one merchant, all its programs "
         "together: it answers 429 to what is above, and a run then slows down; set requests_per_second = "
         "{:g} unless WeChat Pay has granted you more",
         together, model::k_documented_rate, model::k_documented_rate)));
}

// ---- what must never be sent, and when nothing may be ----

Finding protect_line(const model::Job& job) {
  const std::string subject = "protect";
  auto list = input::ProtectList::open(job.safety.protect, job.input);
  if (!list) return fault(subject, list.error());
  for (std::int64_t lines = 0;; ++lines) {
    const auto line = list->next();
    if (!line) return fault(subject, line.error());
    if (*line) continue;
    return fine(subject, tr("{}: {}", job.safety.protect.string(), tr_n(lines, "{} line", "{} lines")));
  }
}

Finding window_line(const model::Job& job) {
  const std::string subject = "window";
  if (const auto zone = use_time_zone(job); !zone) return fault(subject, zone.error());
  const auto now = read_clocks().wall;
  return fine(subject, run::is_open(*job.safety.window, now)
                           ? tr("open now")
                           : tr("closed now; it is {} here", format_local(now)));
}

// ---- the results database ----

struct ResultsFacts {
  std::int64_t rows = 0, to_send = 0;
  std::vector<model::Card> cards;
  std::optional<WallTime> last_sent_at;
};

Result<std::string> read_results(ledger::Ledger& ledger, ResultsFacts& facts) {
  if (const auto sound = ledger.verify(); !sound) return sound.error();
  const auto totals = ledger::totals(ledger);
  if (!totals) return totals.error();
  auto cards = ledger::some_cards(ledger, static_cast<int>(k_cards_asked_for));
  if (!cards) return cards.error();
  const auto last_sent_at = ledger::last_sent_at(ledger, read_clocks().wall);
  if (!last_sent_at) return last_sent_at.error();
  facts = {totals->rows(), totals->to_send(), std::move(*cards), *last_sent_at};
  const auto rows = tr_n(totals->rows(), "{} row", "{} rows"), to_send = grouped(totals->to_send());
  if (totals->in_doubt() == 0) return tr("{}, {} to send", rows, to_send);
  if (totals->in_doubt() == totals->in_doubt_to_send())
    return tr("{}, {} to send, {} of them in doubt", rows, to_send, grouped(totals->in_doubt()));
  return tr("{}, {} to send, {} of them in doubt; {} more in doubt are not sent", rows, to_send,
            grouped(totals->in_doubt_to_send()), grouped(totals->in_doubt() - totals->in_doubt_to_send()));
}

// Creates nothing: a wrong path must not become a database.
ResultsFacts look_at_results(Console& console, const model::Job& job, Findings& findings) {
  const std::string subject = "results";
  const auto& database = job.results.database;
  ResultsFacts facts;
  const auto find = [&]() -> Finding {
    if (const auto fit = ledger::check_file_system(database); !fit) return fault(subject, fit.error());
    std::error_code ignored;
    auto ledger = open_results(console, job, ledger::Access::read_only);
    if (!ledger && ledger.error().code != Errc::no_input) return fault(subject, ledger.error());
    if (const auto fit = ledger::check_rights(database); !fit) return fault(subject, fit.error());
    if (std::filesystem::exists(database, ignored) && ::access(database.c_str(), W_OK) != 0)
      return fault(subject,
                   {Errc::cannot_create, fmt::format("{}: {}", database.string(), system_words(errno))});
    if (ledger) {
      const auto text = read_results(*ledger, facts);
      if (!text) return fault(subject, text.error());
      if (!ledger::is_read_only_place(database))
        return fine(subject, fmt::format("{}: {}", database.string(), *text));
      return fault(subject,
                   {Errc::cannot_create, tr("{}: its folder cannot be written, and a run needs its log there",
                                            database.string())});
    }
    const auto folder = ledger::nearest_folder(std::filesystem::absolute(database, ignored).parent_path());
    if (!std::filesystem::is_directory(folder, ignored) || ::access(folder.c_str(), W_OK | X_OK) != 0)
      return fault(subject,
                   {Errc::cannot_create, tr("{}: cannot be made in {}", database.string(), folder.string())});
    return fine(subject, tr("{}: no results yet; plan or run makes it", database.string()));
  };
  findings.push_back(find());
  if (findings.back().level != Finding::fault)
    if (const auto alone = ledger::check_siblings(database, job); !alone)
      findings.push_back(fault(subject, alone.error()));
  if (const auto holder = ledger::Lock::holder(database))
    findings.push_back(fine(subject, tr("under way: {}", ledger::to_text(*holder))));
  return facts;
}

// What plan would take in: rows that the database has already are taken for those of the input.
std::int64_t rows_to_import(const InputFacts& input, const ResultsFacts& results) {
  return std::max<std::int64_t>(input.rows.value_or(0) - results.rows, 0);
}

Finding cap_line(const model::Job& job, const InputFacts& input, const ResultsFacts& results) {
  const std::string subject = "max_rows";
  const auto most = *job.safety.max_rows, sure = results.to_send,
             likely = sure + rows_to_import(input, results);
  const auto text =
      tr("{} to send, safety.max_rows allows {}", tr_n(likely, "{} row", "{} rows"), grouped(most));
  if (sure > most) return fault(subject, {Errc::bad_input, tr("{}; run would refuse to start", text)});
  // Lines that name the same card are one row, and plan alone knows.
  return likely > most ? warning(subject, tr("{}; plan tells how many they are", text)) : fine(subject, text);
}

std::string in_mebibytes(std::int64_t bytes) { return grouped((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

Finding space_line(const model::Job& job, const InputFacts& input, const ResultsFacts& results) {
  const std::string subject = "disk space";
  if (!input.rows && results.to_send == 0) return skipped(subject, tr("the number of rows is not known yet"));
  const auto to_import = rows_to_import(input, results);
  const auto to_send = results.to_send + to_import;
  const auto space = look_at_space(job.results.database, {results.rows, to_import, to_send});
  if (!space) return skipped(subject, tr("the file system does not say what is free"));
  const auto text = tr("{} free; the results database grows by {} to {} for {} to send",
                       in_mebibytes(space->available_bytes), in_mebibytes(space->least_bytes),
                       in_mebibytes(space->prudent_bytes), tr_n(to_send, "{} row", "{} rows"));
  if (to_send > 0 && space->available_bytes < space->least_bytes)
    return fault(subject,
                 {Errc::io, tr("{}; free some there, or name another disk in results.database", text)});
  return space->available_bytes < space->prudent_bytes ? warning(subject, text) : fine(subject, text);
}

// ---- who is told ----

Finding hook_line(const model::Job& job) {
  const std::string subject = "on_finish";
  const auto& program = job.results.on_finish;
  if (const auto ready = check_hook(program); !ready) return fault(subject, ready.error());
  return fine(subject, program.string());
}

// Of a file that is replaced while a run is under way.
Finding rewritten_line(const std::string& subject, const std::filesystem::path& file) {
  const auto folder = std::filesystem::absolute(file).parent_path();
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return fine(subject, file.string());
  return warning(subject, tr("{} cannot be written: {}", file.string(), system_words(errno)));
}

// ---- the answer ----

struct LevelWords {
  const char *on_page, *in_json;
};

LevelWords words_for(Finding::Level level) {
  switch (level) {
    case Finding::fine: return {translatable("ok"), "ok"};
    case Finding::warning: return {translatable("WARN"), "warning"};
    case Finding::fault: return {translatable("FAIL"), "fault"};
    case Finding::skipped: return {translatable("skip"), "skipped"};
  }
  return {"?", "?"};
}

constexpr std::size_t k_level_width = 6;
constexpr std::size_t k_subject_width = 15;  // "primary clock" and two spaces

// As the JSON names them, in words.
std::string subject_words(const std::string& subject) {
  [[maybe_unused]] static constexpr const char* k_subjects[] = {
      translatable("job"),          translatable("consent"),       translatable("limits"),
      translatable("merchant key"), translatable("permissions"),   translatable("certificate"),
      translatable("platform key"), translatable("platform cert"), translatable("input"),
      translatable("protect"),      translatable("window"),        translatable("results"),
      translatable("max_rows"),     translatable("disk space"),    translatable("metrics_file"),
      translatable("report_file"),  translatable("on_finish"),     translatable("endpoints"),
      translatable("primary name"), translatable("primary"),       translatable("primary clock"),
      translatable("backup name"),  translatable("backup"),        translatable("backup clock"),
      translatable("read-back")};
  return tr(subject);
}

std::string fit(std::string text, std::size_t width) {
  const auto has = display_width(text);
  return text.append(has < width ? width - has : 1, ' ');
}

std::string page_line(const Finding& finding) {
  return fit(tr(words_for(finding.level).on_page), k_level_width) +
         fit(subject_words(finding.subject), k_subject_width) + escape_for_terminal(finding.text) + "\n";
}

std::string json_line(const Findings& findings, int exit_code) {
  using boost::json::value;
  boost::json::array checks;
  for (const auto& finding : findings) {
    const bool is_fault = finding.level == Finding::fault;
    checks.push_back(boost::json::object{{"check", finding.subject},
                                         {"ok", !is_fault},
                                         {"level", words_for(finding.level).in_json},
                                         {"text", finding.text},
                                         {"exit_code", is_fault ? static_cast<int>(finding.code) : 0}});
  }
  return to_json_line({{"checks", std::move(checks)}, {"exit_code", exit_code}});
}

struct Options {
  std::filesystem::path job_file;
};

Words words(Options& options) { return of_one_shard({{job_file(options.job_file)}, {}}); }

// One line for each check, also after one that fails; the exit code is that of the first fault.
int check(Console& console, const Options& options) {
  const auto& globals = console.globals();
  auto job = load_job(globals, options.job_file);
  if (!job) {
    const int code = fail(console, options.job_file, Stage::job, job.error());
    if (globals.json) (void)console.answer(json_line({fault("job", job.error())}, code));
    return code;
  }
  Findings findings{fine("job", job->file.string())};
  std::size_t shown = 0;
  // At once: an endpoint that does not answer takes its time.
  const auto show = [&] {
    for (; shown < findings.size(); ++shown) {
      const auto& finding = findings[shown];
      const bool is_news = finding.level == Finding::warning || finding.level == Finding::fault;
      if (!globals.json && (is_news || !globals.quiet)) (void)console.answer(page_line(finding));
    }
  };
  look_at_consent(*job, findings);
  look_at_pace(*job, findings);
  const auto keys = look_at_keys(*job, findings);
  show();
  const auto input = look_at_input(*job, findings);
  if (!job->safety.protect.empty()) findings.push_back(protect_line(*job));
  if (job->safety.window) findings.push_back(window_line(*job));
  const auto results = look_at_results(console, *job, findings);
  if (job->safety.max_rows) findings.push_back(cap_line(*job, input, results));
  findings.push_back(space_line(*job, input, results));
  if (!job->results.metrics_file.empty())
    findings.push_back(rewritten_line("metrics_file", job->results.metrics_file));
  if (!job->results.report_file.empty())
    findings.push_back(rewritten_line("report_file", job->results.report_file));
  if (!job->results.on_finish.empty()) findings.push_back(hook_line(*job));
  show();
  look_at_platform(*job,
                   {keys ? &*keys : nullptr, results.cards.empty() ? input.cards : results.cards,
                    results.cards.empty() || results.to_send > 0, results.last_sent_at},
                   findings);
  show();

  int exit_code = 0;
  for (const auto& finding : findings)
    if (finding.level == Finding::fault && exit_code == 0) exit_code = static_cast<int>(finding.code);
  if (globals.json) (void)console.answer(json_line(findings, exit_code));
  return exit_code;
}

}  // namespace

Command check_command() {
  return {.name = "check",
          .group = translatable("Before a run"),
          .purpose = translatable(
              "Checks job, keys, input, results database, disk, clock and both endpoints; invalidates "
              "nothing"),
          .about = translatable(
              "Prints a line for each check: ok, WARN, FAIL or skip. Reads one card back to prove keys and "
              "rights."),
          .examples = {{"cardvoid check gold.toml"}},
          .exits = {{0, translatable("no check fails; else the code of the first FAIL")}},
          .call = call_of(words, check)};
}

}  // namespace cardvoid::cli
