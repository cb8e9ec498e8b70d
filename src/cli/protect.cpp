#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/model/card_rules.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/run/spoken.hpp>
#include <cardvoid/run/steering.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "note.hpp"
#include "results.hpp"
#include "take_lock.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;
using run::Protected;
using run::Steering;
using Removed = ledger::RemovedProtection;

// A run that begins or ends has the job's lock and does not listen; that takes a moment.
constexpr milliseconds k_least_patience = 2s, k_patience_with_run = 60s;

struct Options {
  std::filesystem::path job_file;
  ledger::Protectee who;
  std::string note;
  bool remove = false;
  milliseconds wait_lock{0};
};

Words words(Options& options) {
  return of_one_shard(
      {{job_file(options.job_file)},
       {{.name = "--code",
         .value = "CODE",
         .help = translatable("The card code, of any template"),
         .excludes = "--openid",
         .set = into(options.who.code)},
        {.name = "--openid",
         .value = "OPENID",
         .help = translatable("The member: all cards of this openid"),
         .set = into(options.who.openid)},
        note_flag(translatable("Why, for the record; one line, required unless --remove is given"),
                  options.note),
        {.name = "--remove",
         .help = translatable("Take back what this command has protected"),
         .is_on = &options.remove},
        wait_lock(options.wait_lock)}});
}

Result<void> check_words(Options& options, const Globals&) {
  const auto& who = options.who;
  if (who.code.empty() == who.openid.empty())
    return Error{Errc::usage, tr("protect: say which card or member, with --code CODE or --openid OPENID")};
  // The rules for rows of the input: what breaks them names no row of any list.
  auto fault = model::find_fault(
      {"x", "x", who.code.empty() ? "x" : who.code, who.openid.empty() ? "x" : who.openid, {}});
  if (model::is_scientific(who.code)) fault = tr("code: a spreadsheet has made a number of it");
  if (!fault.empty())
    return Error{Errc::usage, tr("protect: would protect nothing; --{}", report::refused_cause(fault))};
  if (options.remove && options.note.empty()) return {};
  return check_note("protect", options.note);
}

// What was done, with or without a run under way.
struct Done {
  std::optional<Protected> added;
  std::optional<Removed> removed;
};

// No run is under way: in the results database, under the job's lock.
Result<Done> change_record(Console& console, const model::Job& job, const ledger::Lock& lock,
                           const Options& options) {
  auto ledger = open_locked(console, job, lock, ledger::Access::read_write);
  if (!ledger) return ledger.error();
  if (const auto begun = ledger::begin_changes(*ledger); !begun) return begun.error();
  const ledger::Word word{user_name(), read_clocks().wall, options.note};
  Done done;
  if (options.remove) {
    const auto removed = ledger::remove_protection(*ledger, options.who, word);
    if (!removed) return removed.error();
    done.removed = *removed;
  } else {
    Protected found;
    const auto entry = ledger::add_protection(*ledger, options.who, word, std::nullopt,
                                              [&](const ledger::NamedRow& row) { found.note(row); });
    if (!entry) return entry.error();
    found.entry = *entry;
    done.added = std::move(found);
  }
  if (const auto committed = ledger::commit_changes(*ledger); !committed) return committed.error();
  (void)ledger->checkpoint();
  warn_of_log(console, job);
  return done;
}

Result<Done> ask_run(const model::Job& job, const Options& options) {
  Steering steering{options.remove ? Steering::unprotect : Steering::protect};
  steering.who = options.who, steering.note = options.note;
  auto answer = run::steer(job.results.database, steering, k_patience_with_run);
  if (!answer) return answer.error();
  if (answer->code != 0) return Error{static_cast<Errc>(answer->code), run::spoken(answer->message)};
  return Done{std::move(answer->protection), answer->unprotected};
}

// The holder of the job's lock does it: this command, or the run under way. To do it twice is harmless.
Result<Done> carry_out(Console& console, const model::Job& job, const Options& options) {
  const auto begun = read_clocks().steady;
  const auto patience = std::max(options.wait_lock, k_least_patience);
  for (;;) {
    if (const auto lock = ledger::Lock::acquire(job.results.database, "protect"); lock)
      return change_record(console, job, *lock, options);
    else if (lock.error().code != Errc::stopped)
      return lock.error();
    auto done = ask_run(job, options);
    if (done || done.error().code != Errc::stopped) return done;
    if (Interrupt::has_come() || read_clocks().steady - begun >= patience) return done;
    wait_between_looks();
  }
}

// ---- for people ----

std::string words_for_now(model::Status status) {
  switch (status) {
    case model::Status::invalidated: return tr("it is invalidated now");
    case model::Status::rejected: return tr("it is rejected now: not INVALID when it was read back");
    case model::Status::pending:
    case model::Status::in_flight:
    case model::Status::unresolved: break;
  }
  return tr("it is in doubt now: read back, and never sent again");
}

std::string line_for(const Protected::Row& row) {
  const auto name = tr("line {} code {}", row.source_line, row.masked_code);
  if (!row.is_too_late) return tr("held: {}", name) + "\n";
  const auto sent = row.sent_at ? tr("sent {}", format_local_full(*row.sent_at)) : tr("INVALID before us");
  return tr("too late: {}; {} ({})", sent, words_for_now(row.status), name) + "\n";
}

std::string answer_text(const Protected& answer, const model::Job& job) {
  std::string text;
  for (const auto& row : answer.rows)
    if (row.is_too_late) text += line_for(row);
  for (const auto& row : answer.rows)
    if (!row.is_too_late) text += line_for(row);
  const auto rows = answer.held + answer.too_late;
  if (rows > static_cast<std::int64_t>(answer.rows.size()))
    text += tr_n(rows, "of {} row: {} held, {} too late", "of {} rows: {} held, {} too late",
                 grouped(answer.held), grouped(answer.too_late)) +
            "\n";
  if (rows == 0)
    text += (job.shard ? tr("no row of this shard matches")
                       : tr("no row matches; cards of later imports are held")) +
            "\n";
  const auto& [was_there, word] = answer.entry;
  if (was_there)
    text += tr("on record already, by {} since {}", word.by, format_local(word.at));
  else
    text += tr("on record, by {}", word.by);
  return text + "\n";
}

// What the file itself names is not this command's to take back.
Result<std::string> words_for_file(const model::Job& job, const ledger::Protectee& who) {
  if (job.safety.protect.empty()) return std::string{};
  auto list = input::ProtectList::open(job.safety.protect, job.input);
  if (!list) return with_context(list.error(), "safety.protect");
  for (;;) {
    const auto next = list->next();
    if (!next) return with_context(next.error(), "safety.protect");
    if (!*next) return std::string{};
    const auto& line = **next;
    if (who.code.empty() ? line.openid == who.openid : line.code == who.code)
      return tr("{}:{} of safety.protect names it too: take the line out there", job.safety.protect.string(),
                line.source_line);
  }
}

std::string answer_text(const Removed& removed) {
  if (removed.rows == 0) return tr("taken back; no row that could be sent matches") + "\n";
  return tr_n(removed.rows,
              "taken back; {} row may be sent again from the next `cardvoid plan` or `run` on, unless "
              "another protection names it",
              "taken back; {} rows may be sent again from the next `cardvoid plan` or `run` on, unless "
              "another protection names them") +
         "\n";
}

// ---- as JSON ----

boost::json::object as_json(const Protected& answer, const model::Job& job) {
  auto object = run::as_json(answer);
  object["job"] = job.name;
  object["answer"] = answer.too_late > 0 ? "too late" : answer.held > 0 ? "held" : "no row";
  return object;
}

boost::json::object as_json(const Removed& removed, const model::Job& job) {
  return {{"job", job.name}, {"answer", "taken back"}, {"rows", removed.rows}};
}

int say_added(Console& console, const Protected& answer, const Options& options, const model::Job& job) {
  if (job.shard)
    console.warn_at_once(tr("only shard {} knows of it; give the same command for every other shard",
                            model::to_text(*job.shard)));
  else if (answer.held + answer.too_late == 0)
    console.warn_at_once(
        tr("no row of the job matches; is the {} written as in the list? On record for later imports",
           options.who.code.empty() ? "openid" : "code"));
  (void)(console.globals().json ? console.answer(to_json_line(as_json(answer, job)))
                                : console.answer_words(answer_text(answer, job)));
  return answer.too_late > 0 ? 1 : 0;
}

int say_removed(Console& console, const Removed& removed, const model::Job& job,
                const ledger::Protectee& who) {
  const auto file = words_for_file(job, who);
  if (!file) console.log(LogLevel::warning, file.error().what);
  const auto named = file ? *file : std::string{};
  const auto unknown = who.code.empty() ? tr("`cardvoid protect` has not protected this member")
                                        : tr("`cardvoid protect` has not protected this card");
  if (removed.entries == 0)
    return console.fail({Errc::bad_input, named.empty() ? unknown : tr("{}; {}", unknown, named)});
  if (!named.empty()) console.log(LogLevel::warning, named);
  (void)(console.globals().json ? console.answer(to_json_line(as_json(removed, job)))
                                : console.answer_words(answer_text(removed)));
  return 0;
}

int protect(Console& console, const Options& options) {
  const Interrupt interrupt;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  if (const auto zone = use_time_zone(*job); !zone) return console.fail(zone.error());
  if (const auto there = require_results(*job); !there)
    return fail(console, options.job_file, Stage::results, there.error());
  const auto done = carry_out(console, *job, options);
  if (!done) return fail(console, options.job_file, Stage::lock, done.error());
  if (done->added) return say_added(console, *done->added, options, *job);
  if (done->removed) return say_removed(console, *done->removed, *job, options.who);
  return console.fail(
      {Errc::stopped, tr("the run's answer cannot be read; is it another version of cardvoid?")});
}

}  // namespace

Command protect_command() {
  return {
      .name = "protect",
      .group = translatable("Results"),
      .purpose =
          translatable("Protects a card or a member at once, also while a run is under way; sends nothing"),
      .about = translatable(
          "The answer for each row that it names:\n"
          "  held       nothing that could have changed the card has left, and nothing will\n"
          "  too late   an invalidation has left, with its local time; in doubt, it is only read back\n"
          "What is protected stays so for later imports too, beside the lines of safety.protect. Who, when "
          "and why are on record in the table `protection` of the results database.\n"
          "--remove takes back what this command has protected, for the next `cardvoid plan` or `run`."),
      .examples = {{"cardvoid protect gold.toml --code 478515832665 --note \"owner has objected\""}},
      .exits = {{0, translatable("every row that matches is held, or none matches: on record")},
                {1, translatable("on record, and too late for at least one row")},
                {65, translatable("--remove: this command has not protected it")},
                {66, translatable("there is no results database yet: `cardvoid plan` creates it")},
                {75, translatable(
                         "the job is another command's, or its run does not answer; nothing is promised")}},
      .call = call_of(words, protect, check_words)};
}

}  // namespace cardvoid::cli
