#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/report/story.hpp>

#include "story_words.hpp"

namespace cardvoid::report {

namespace {

using ledger::Story;

constexpr std::size_t k_label = 19, k_clock = 12;
// Of very many requests, the first and the last ones.
constexpr std::size_t k_most_requests = 40, k_first_requests = 10;
constexpr std::size_t k_fingerprint_digits = 16;

// ---- the page ----

// "Label              text", in as many lines as it takes.
std::string field(const Telling& telling, std::string_view label, std::string_view text) {
  if (text.empty()) return {};
  return fmt::format("{:<{}}{}\n", label, k_label, wrapped(text, k_label, telling.columns));
}

std::string facts_of(const Story& story, const Telling& telling) {
  const auto verdict = verdict_on(story, telling);
  auto text = wrapped(verdict.headline, 0, telling.columns) + "\n\n";
  text += field(telling, tr("Tell the customer"), verdict.to_customer);
  for (const auto& [words, command] : verdict.next) {
    text += field(telling, &words == &verdict.next.front().words ? tr("What to do") : std::string{}, words);
    // In one line, so that it can be pasted.
    if (!command.empty()) text += std::string(k_label + 2, ' ').append(command) + "\n";
  }
  text += field(telling, tr("How we know"), verdict.how_known);
  if (story.accepted)
    text += field(telling, tr("Settled by a word"),
                  tr("of {} on {}: {}", escape_for_terminal(story.accepted->by),
                     format_local(story.accepted->at), safe_words(story.accepted->note, story.card)));
  if (!story.card_state.empty())
    text += field(telling, tr("WeChat Pay says"),
                  story.invalid_time.empty() ? escape_for_terminal(story.card_state)
                                             : tr("{}, since {}", escape_for_terminal(story.card_state),
                                                  escape_for_terminal(story.invalid_time)));
  if (story.forgotten_at)
    text += field(
        telling, tr("Forgotten"),
        tr("openid, reason and code were removed on {} (`cardvoid forget`); the code is known by a hash",
           format_local(*story.forgotten_at)));
  else
    text += field(telling, tr("Reason"),
                  story.card.reason.empty() ? tr("none is given to the member")
                                            : escape_for_terminal(story.card.reason));
  text += field(telling, tr("On the list"), words_for_list(story));
  const auto protection = words_for_protection(story, telling);
  text += field(telling, tr("Protected"), protection.empty() ? tr("no") : protection);
  text += field(telling, tr("For the support"), words_for_support(story, telling));
  return text;
}

struct Event {
  WallTime at{};
  std::vector<std::string> lines;
};

std::string user_of(const ledger::RunOfCard& run) {
  return run.user.empty() ? tr("a user that is not on record") : escape_for_terminal(run.user);
}

void add_requests(const Story& story, const Telling& telling, std::vector<Event>& events) {
  const auto count = story.requests.size();
  const auto left_out = count > k_most_requests ? count - k_most_requests : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& request = story.requests[i];
    if (left_out > 0 && i == k_first_requests) {
      events.push_back({request.started_at,
                        {tr_n(static_cast<std::int64_t>(left_out),
                              "… and {} more request from here on: cardvoid show --json has all of them",
                              "… and {} more requests from here on: cardvoid show --json has all of them")}});
      i += left_out - 1;
      continue;
    }
    Event event{request.started_at, {words_for_request(request)}};
    auto answer = words_for_answer(story, request, telling);
    if (request.latency && *request.latency > std::chrono::microseconds{0})
      answer =
          tr("after {}: {}", spoken_duration(std::chrono::round<milliseconds>(*request.latency)), answer);
    event.lines.push_back(std::move(answer));
    if (!request.request_id.empty())
      event.lines.push_back("Request-ID " + escape_for_terminal(request.request_id));
    events.push_back(std::move(event));
  }
}

std::string words_for_change(const ledger::CorrectionRecord& correction) {
  const auto reason = [](const std::string& text) {
    return text.empty() ? tr("none") : fmt::format("\"{}\"", escape_for_terminal(text));
  };
  const auto after = reason(correction.reason_after), before = reason(correction.reason_before);
  if (correction.reason_before == correction.reason_after)
    return correction.other_member ? tr("a new list names another member") : tr("a new list");
  return correction.other_member
             ? tr("a new list names another member and gives the reason {} instead of {}", after, before)
             : tr("a new list gives the reason {} instead of {}", after, before);
}

void add_people(const Story& story, std::vector<Event>& events) {
  const auto note = [&](const ledger::Word& word) {
    return word.note.empty() ? std::string{} : tr(": {}", safe_words(word.note, story.card));
  };
  for (const auto& entry : story.protections) {
    events.push_back(
        {entry.added.at, {tr("protected by {}{}", escape_for_terminal(entry.added.by), note(entry.added))}});
    if (entry.removed)
      events.push_back(
          {entry.removed->at,
           {tr("no longer protected: taken back by {}", escape_for_terminal(entry.removed->by))}});
  }
  if (story.retried_at)
    events.push_back(
        {*story.retried_at,
         {tr("put back by {}, to be sent again",
             story.retried_by.empty() ? "`cardvoid retry`" : escape_for_terminal(story.retried_by))}});
  const auto& word = story.accepted ? story.accepted : story.withdrawn_acceptance;
  if (word)
    events.push_back(
        {word->at,
         {story.accepted ? tr("settled by the word of {}{}", escape_for_terminal(word->by), note(*word))
                         : tr("settled by the word of {}{}; withdrawn since", escape_for_terminal(word->by),
                              note(*word))}});
}

// All that happened, in the order of time.
std::vector<Event> events_of(const Story& story, const Telling& telling) {
  std::vector<Event> events;
  if (story.list && story.is_list_certain && story.corrections.empty())
    events.push_back(
        {story.list->read_at,
         {story.list->read_by.empty() ? tr("read from {}, line {}", name_of_list(*story.list), story.line)
                                      : tr("read from {}, line {}, by {}", name_of_list(*story.list),
                                           story.line, escape_for_terminal(story.list->read_by))}});
  for (const auto& correction : story.corrections)
    events.push_back({correction.at, {words_for_change(correction)}});
  for (const auto& run : story.runs)
    events.push_back({run.started_at,
                      {tr("run {} begins: `cardvoid {}`, by {} on {}", run.id,
                          escape_for_terminal(run.command), user_of(run), escape_for_terminal(run.host))}});
  add_requests(story, telling, events);
  add_people(story, events);
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return events;
}

std::string history_of(const Story& story, const Telling& telling) {
  std::string text = "\n" + tr("What happened") + "\n", day;
  for (const auto& event : events_of(story, telling)) {
    if (const auto today = spoken_day(format_local_day(event.at)); today != day) text += (day = today) + "\n";
    for (std::size_t i = 0; i < event.lines.size(); ++i)
      text += fmt::format("  {:<{}}{}\n", i == 0 ? format_local_clock(event.at) : "", k_clock - 2,
                          wrapped(event.lines[i], k_clock, telling.columns));
  }
  return text;
}

// Runs that asked to make it INVALID.
std::string authority_for(const Story& story, const Telling& telling) {
  std::string text;
  for (const auto& run : story.runs) {
    if (!has_sent(story, run)) continue;
    text += field(
        telling, tr("Run {}", run.id),
        tr("{}, on {}, on {}", user_of(run), escape_for_terminal(run.host), format_local(run.started_at)));
    text += field(telling, tr("Acknowledged"), escape_for_terminal(run.acknowledge));
    auto plan = run.fingerprint.substr(0, k_fingerprint_digits);
    if (run.plan)
      plan = tr_n(run.plan->to_send, "{1}, {0} card, made on {2} by {3}",
                  "{1}, {0} cards, made on {2} by {3}", plan, format_local(run.plan->made_at),
                  run.plan->made_by.empty() ? tr("a user that is not on record")
                                            : escape_for_terminal(run.plan->made_by));
    text += field(telling, tr("Plan"), tr("{}; {}", plan, words_for_consent(run)));
  }
  return text.empty() ? text : "\n" + tr("Who authorised it") + "\n" + text;
}

std::string name_of(const Story& story) {
  return tr("{}, template {}, brand {}", mask(story.card.code), escape_for_terminal(story.card.card_id),
            escape_for_terminal(story.card.brand_id));
}

std::string words_for_others(const ledger::Stories& stories, const Telling& telling) {
  const auto shown = static_cast<std::int64_t>(stories.cards.size());
  if (stories.matches == shown) return {};
  auto text = "\n" +
              tr_n(stories.matches - shown, "{} more card that matches; by its --line",
                   "{} more cards that match; one by one with --line") +
              "\n";
  for (const auto& other : stories.others)
    text += "  " +
            tr("line {:<10} {:<10} {}", other.line, mask(other.code),
               tr(std::string{model::to_text(other.status)})) +
            "\n";
  if (stories.matches > shown + static_cast<std::int64_t>(stories.others.size()))
    text += "  " + tr("… all of them: {}", telling.command("export", "")) + "\n";
  return text;
}

std::string words_for_refused(const std::vector<ledger::RefusedRecord>& lines) {
  std::string text;
  for (const auto& line : lines)
    text += tr("line {} of the latest list was refused: {}", line.line,
               escape_for_terminal(refused_cause(line.cause))) +
            "\n";
  return text;
}

}  // namespace

std::string story_text(const ledger::Stories& stories, const Telling& telling) {
  std::string text;
  for (std::size_t i = 0; i < stories.cards.size(); ++i) {
    const auto& story = stories.cards[i];
    if (i > 0) text += "\n" + std::string(telling.columns, '-') + "\n";
    const auto title = stories.matches == 1
                           ? tr("Card {}", name_of(story))
                           : tr("Card {} of {}: {}", i + 1, grouped(stories.matches), name_of(story));
    text += wrapped(title, 0, telling.columns) + "\n\n";
    text += facts_of(story, telling) + history_of(story, telling) + authority_for(story, telling);
  }
  text += words_for_others(stories, telling);
  if (!stories.refused.empty()) text += "\n" + words_for_refused(stories.refused);
  return text;
}

std::string words_for_no_card(const ledger::Stories& stories, const ledger::Question& question) {
  std::string text = question.line           ? tr("no card of this job was read from line {}", *question.line)
                     : question.code.empty() ? tr("no card of this job has this openid")
                                             : tr("no card of this job has this code");
  text += "\n" + words_for_refused(stories.refused);
  for (const auto& entry : stories.protections)
    if (!entry.removed)
      text += tr("it is protected by {} since {}: a list that names it changes nothing",
                 escape_for_terminal(entry.added.by), format_local(entry.added.at)) +
              "\n";
  text += question.line ? tr("a card keeps the line that first named it; a later line or a later list that "
                             "repeats the card is "
                             "not noted: ask by its code")
                        : tr("each job has results of its own, and knows only what was on its lists; leading "
                             "zeros count");
  return text;
}

}  // namespace cardvoid::report
