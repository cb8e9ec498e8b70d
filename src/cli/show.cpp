#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/story.hpp>
#include <cardvoid/report/story.hpp>
#include <cstdio>
#include <map>

#include "commands.hpp"
#include "interrupt.hpp"
#include "next_steps.hpp"
#include "results.hpp"
#include "time_zone.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_cards = 5, k_most_others = 20;
constexpr std::size_t k_narrowest = 50, k_widest = 100;  // columns; longer lines are hard to read

struct Options {
  std::filesystem::path job_file;
  ledger::Question question;
};

Words words(Options& options) {
  auto& question = options.question;
  return of_one_shard({{job_file(options.job_file)},
                       {{.name = "--code",
                         .value = "CODE",
                         .help = translatable("The card code, of any template"),
                         .set = into(question.code)},
                        {.name = "--openid",
                         .value = "OPENID",
                         .help = translatable("The member: all cards of this openid"),
                         .set = into(question.openid)},
                        {.name = "--line",
                         .value = "N",
                         .help = translatable("The card that was read from this line of the list"),
                         .set = [&question](const std::string& text) -> Result<void> {
                           question.line = to_whole_number<std::int64_t>(text);
                           if (question.line && *question.line >= 1) return {};
                           return Error{Errc::usage, tr("expected a whole number, 1 or more")};
                         }}}});
}

Result<void> check_words(Options& options, const Globals&) {
  const auto& question = options.question;
  if (int{!question.code.empty()} + int{!question.openid.empty()} + int{question.line.has_value()} == 1)
    return {};
  return Error{Errc::usage,
               tr("show: say which card, with one of --code CODE, --openid OPENID and --line N")};
}

std::string merchant_of(const model::Job& job) {
  return job.merchant.mchid.empty() ? tr("brand_id {}", job.merchant.brand_id)
                                    : tr("mchid {}", job.merchant.mchid);
}

bool names(const model::Protection& line, const model::Card& card) {
  const auto fits = [](const std::string& of_line, const std::string& of_card) {
    return of_line.empty() || of_line == of_card;
  };
  if (!fits(line.card_id, card.card_id) || !fits(line.brand_id, card.brand_id)) return false;
  // With both: the card and the member, as an import has it.
  if (!line.code.empty() && !line.openid.empty()) return line.code == card.code || line.openid == card.openid;
  return fits(line.code, card.code) && fits(line.openid, card.openid);
}

// What the list safety.protect says now of rows that are marked; nullopt: it cannot be read.
std::optional<std::map<model::RowId, std::int64_t>> read_protect_list(const model::Job& job,
                                                                      const ledger::Stories& stories) {
  std::map<model::RowId, std::int64_t> lines;
  const auto is_marked = [](const ledger::Story& story) { return story.is_protected; };
  if (job.safety.protect.empty() || std::none_of(stories.cards.begin(), stories.cards.end(), is_marked))
    return lines;
  auto list = input::ProtectList::open(job.safety.protect, job.input);
  if (!list) return std::nullopt;
  for (;;) {
    const auto line = list->next();
    if (!line) return std::nullopt;
    if (!*line) return lines;
    for (const auto& story : stories.cards)
      if (names(**line, story.card)) lines.emplace(story.id, (*line)->source_line);
  }
}

// Of the list as it is now; empty: there is no card in this line, or the list cannot be read again.
std::string code_in_line(const model::Job& job, std::int64_t line) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(job.input.csv, ignored)) return {};
  const auto source = input::open(job.input, job.defaults, job.merchant.api, job.merchant.brand_id);
  while (source) {
    const auto record = (*source)->next();
    if (!record || !*record || Interrupt::has_come()) break;
    const auto* const row = std::get_if<model::InputRow>(&**record);
    if (row && row->source_line == line) return row->card.code;
  }
  return {};
}

// A card has the line that first named it. Where the list names it again, that line is looked up there.
Result<ledger::Stories> find_stories(Console& console, const model::Job& job, ledger::Ledger& ledger,
                                     ledger::Question& question) {
  auto found = ledger::stories(ledger, question, k_most_cards, k_most_others);
  if (!found || !question.line || found->matches > 0 || !found->refused.empty()) return found;
  ledger::Question again;
  again.code = code_in_line(job, *question.line);
  if (again.code.empty()) return found;
  auto of_code = ledger::stories(ledger, again, k_most_cards, k_most_others);
  if (!of_code || of_code->matches == 0) return found;
  console.log(LogLevel::info, tr("line {} of the list, as it is now, names a card again that has line {} "
                                 "in this job",
                                 *question.line, of_code->cards.front().line));
  question = std::move(again);
  return of_code;
}

int show(Console& console, const Options& options) {
  const Interrupt interrupt;
  const auto job = load_job(console.globals(), options.job_file);
  if (!job) return console.fail(job.error());
  if (const auto zone = use_time_zone(*job); !zone) return console.fail(zone.error());
  auto ledger = open_results(console, *job, ledger::Access::read_only);
  if (!ledger) return fail(console, options.job_file, Stage::results, ledger.error());
  report::Telling telling;
  telling.job = job->name;
  telling.merchant = merchant_of(*job);
  // Before the results are read: what a run does meanwhile is then rather under way than dead.
  if (const auto holder = ledger::Lock::holder(job->results.database)) {
    telling.is_sending = holder->command.starts_with("run");
    const bool is_unknown = holder->command.empty();  // its lock file was deleted
    if (telling.is_sending || is_unknown || holder->command == "reconcile")
      telling.run_under_way = holder->pid;
  }
  telling.columns = std::clamp(terminal_columns(stdout) - 1, k_narrowest, k_widest);
  telling.command = [&](std::string_view name, std::string_view flags) {
    return command_line(console.globals(), options.job_file, name, flags);
  };
  auto question = options.question;
  const auto stories = find_stories(console, *job, *ledger, question);
  if (!stories) return console.fail(stories.error());
  telling.protect_list = job->safety.protect.string();
  telling.on_protect_list = read_protect_list(*job, *stories);
  if (console.globals().json) {
    if (!console.answer(to_json_line(report::story_json(*stories, question, telling))))
      return static_cast<int>(Errc::io);
  } else if (stories->matches > 0 && !console.answer_words(report::story_text(*stories, telling))) {
    return static_cast<int>(Errc::io);
  }
  if (stories->matches > 0) return 0;
  return console.fail({Errc::bad_input, report::words_for_no_card(*stories, question)});
}

}  // namespace

Command show_command() {
  return {
      .name = "show",
      .group = translatable("Results"),
      .purpose =
          translatable("Tells the story of one card, to answer a customer: state, who, when, every request"),
      .about = translatable(
          "For a person who does not know HTTP: how the card stands, since when and by whom, what to tell "
          "the customer, what to do next, every request with its Request-ID, and who authorised it. It "
          "sends nothing and works while a run is under way.\n"
          "Several cards may match. The one that a request was made for last comes first; five are "
          "told in full. Codes are masked, and openids are never shown.\n"
          "--line is the line of the list that first named the card, as other commands show it; a line that "
          "names "
          "a card again is looked up in the list as it is now."),
      .examples = {{"cardvoid show gold.toml --code 478515832665"}},
      .exits = {{0, translatable("the card is in this job, and its story was told")},
                {65,
                 translatable("no card of this job matches; if a line of the list was refused, it says why")},
                {66, translatable("there is no results database yet, or the job file cannot be opened")},
                {73, translatable("the results database is damaged, or is not this job's")},
                {74, translatable("standard output cannot be written, or the database cannot be read")}},
      .call = call_of(words, show, check_words)};
}

}  // namespace cardvoid::cli
