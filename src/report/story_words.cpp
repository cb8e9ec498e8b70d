#include "story_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/run/spoken.hpp>
#include <filesystem>

#include "report_words.hpp"

namespace cardvoid::report {

namespace {

using ledger::Story;
using model::OutcomeKind;
using model::SettledBy;
using model::Status;

bool is_in_doubt(const Story& story) {
  return story.status == Status::in_flight || story.status == Status::unresolved;
}

bool is_open(const Story& story, const ledger::RequestRecord& request, const Telling& telling) {
  return !request.finished_at && telling.run_under_way &&
         std::any_of(story.runs.begin(), story.runs.end(), [&](const auto& run) {
           return run.id == request.run && !run.ended_at && run.pid == *telling.run_under_way;
         });
}

// When it became INVALID: by the platform's clock, else when we were told.
std::optional<WallTime> invalid_time(const Story& story) {
  const auto time = parse_rfc3339(story.invalid_time);
  return time || !story.invalid_time.empty() ? time : story.finished_at;
}

std::string invalid_since(const Story& story) {
  if (const auto time = invalid_time(story)) return format_local_full(*time);
  return story.invalid_time.empty() ? tr("a time that is not on record")
                                    : escape_for_terminal(story.invalid_time);
}

// "2026-11-27 at 01:00 +0800", as one says it.
std::string as_one_says(const Story& story) {
  const auto time = invalid_time(story);
  if (!time) return invalid_since(story);
  const auto text = format_local(*time);
  return tr("{} at {}", text.substr(0, 10), text.substr(11));
}

// The platform's words, or ours.
std::string words_for_error(const Story& story) {
  if (story.error_code == "LOST") return tr("no answer came in time, or the connection broke");
  auto text = escape_for_terminal(story.error_code);
  if (!story.error_message.empty())
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ",
                        run::spoken(safe_words(story.error_message, story.card)));
  return text.empty() ? tr("without a word why") : text;
}

Step ask_support() {
  return {tr("If the customer disputes that: give WeChat Pay's support what stands under \"For the "
             "support\"."),
          {}};
}

// ---- protected ----

// The last protection by the command that was taken back, if it has none left.
const ledger::ProtectionRecord* taken_back(const Story& story) {
  const ledger::ProtectionRecord* last = nullptr;
  for (const auto& entry : story.protections) {
    if (!entry.removed) return nullptr;
    if (!last || entry.removed->at > last->removed->at) last = &entry;
  }
  return last;
}

std::optional<std::int64_t> line_of_protect_list(const Story& story, const Telling& telling) {
  if (!telling.on_protect_list) return std::nullopt;
  const auto line = telling.on_protect_list->find(story.id);
  if (line == telling.on_protect_list->end()) return std::nullopt;
  return line->second;
}

// True if a row still has the mark of a protection, and nothing protects it any more: the next import takes
// the mark away.
bool is_protected_no_more(const Story& story, const Telling& telling) {
  if (!story.is_protected || line_of_protect_list(story, telling)) return false;
  if (taken_back(story)) return true;
  return story.protections.empty() && telling.on_protect_list;
}

std::string words_for_taking_back(const Story& story) {
  const auto* entry = taken_back(story);
  if (!entry) return tr("the list safety.protect no longer names it");
  return tr("taken back by {} on {}", escape_for_terminal(entry->removed->by),
            format_local(entry->removed->at));
}

// What the next plan or run does with such a row, as far as one can say.
std::string words_for_next(const Telling& telling) {
  return telling.on_protect_list || telling.protect_list.empty()
             ? tr("the next plan or run may send it")
             : tr("the next plan or run may send it, unless the list safety.protect names it");
}

std::string name_of_protect_list(const Telling& telling) {
  return escape_for_terminal(std::filesystem::path{telling.protect_list}.filename().string());
}

std::vector<Step> ways_to_take_back(const Story& story, const Telling& telling) {
  std::vector<Step> steps{{tr("Nothing. If it is to end after all:"), {}}};
  const auto is_by = [&](bool by_member) {
    return std::any_of(story.protections.begin(), story.protections.end(),
                       [&](const auto& entry) { return !entry.removed && entry.by_member == by_member; });
  };
  const auto command = [&](std::string_view flags) { return telling.command("protect", flags); };
  if (is_by(false)) steps.push_back({tr("Take the protection back."), command("--code CODE --remove")});
  if (is_by(true))
    steps.push_back(
        {tr("Take the protection of all cards of the member back."), command("--openid OPENID --remove")});
  if (const auto line = line_of_protect_list(story, telling))
    steps.push_back(
        {tr("Take line {} out of {}, the job's list safety.protect.", *line, name_of_protect_list(telling)),
         {}});
  else if (steps.size() == 1)
    steps.push_back({tr("Take it out of the job's list safety.protect."), {}});
  return steps;
}

// ---- settled ----

std::string ended_words(const Story& story) {
  const auto when = as_one_says(story);
  return story.card.reason.empty()
             ? tr("The card ended on {}. It cannot be made valid again.", when)
             : tr("The card ended on {}. The reason that was given: {}. It cannot be made valid again.", when,
                  escape_for_terminal(story.card.reason));
}

Verdict on_invalidated(const Story& story) {
  const auto since = invalid_since(story);
  const Step nothing{tr("Nothing is left to do."), {}};
  switch (story.settled_by.value_or(SettledBy::answer)) {
    case SettledBy::answer: break;
    case SettledBy::read_back:
      return {tr("INVALID since {}: most likely this job invalidated it.", since),
              tr("The answer to our request was lost or unclear. So we asked WeChat Pay how the card stands, "
                 "and its signed message says INVALID. Someone else may have done it in between."),
              ended_words(story),
              {nothing, ask_support()}};
    case SettledBy::already:
      return {
          tr("INVALID since {}: before this job, which changed nothing.", since),
          tr("WeChat Pay's signed message says that the card was INVALID before our first request."),
          tr("The card had ended before, on {}. We have not changed it now.", as_one_says(story)),
          {{tr("Who ended it is not on record here: look into other jobs and the merchant platform."), {}},
           ask_support()}};
  }
  return {tr("INVALID since {}: this job invalidated it.", since),
          tr("WeChat Pay answered our request with a signed message that says INVALID."),
          ended_words(story),
          {nothing, ask_support()}};
}

Step send_again(const Telling& telling, std::string words) {
  return {std::move(words), telling.command("retry", "--code CODE")};
}

Step leave_it(const Telling& telling) {
  return {tr("Or, to leave it as it is, on record:"), telling.command("accept", "--code CODE --note WHY")};
}

Verdict on_rejected(const Story& story, const Telling& telling) {
  Verdict verdict;
  verdict.headline = story.finished_at ? tr("NOT INVALIDATED: WeChat Pay refused on {}.",
                                            format_local_full(*story.finished_at))
                                       : tr("NOT INVALIDATED: WeChat Pay refused.");
  const auto why = words_for_error(story);
  verdict.how_known =
      story.answer_signed == false
          ? tr("WeChat Pay refused: {} (in an answer without a signature). Asked after that how the card "
               "stands, it did not say INVALID.",
               why)
          : tr("WeChat Pay refused: {}. Asked after that how the card stands, it did not say INVALID.", why);
  verdict.to_customer = tr("We have not ended the card.");
  if (story.accepted)
    verdict.next = {
        send_again(telling, tr("Nothing: a person has decided that it stays so. To have it sent all the "
                               "same:"))};
  else {
    if (const auto advice = advice_on_refusal(story.error_code)) verdict.next.push_back({say(*advice), {}});
    verdict.next.push_back(
        send_again(telling, tr("Once the cause is gone, to have it sent again by the next run:")));
    verdict.next.push_back(leave_it(telling));
    verdict.next.push_back(ask_support());
  }
  return verdict;
}

// ---- in doubt ----

Verdict on_doubt(const Story& story, const Telling& telling) {
  if (!story.requests.empty() && is_open(story, story.requests.back(), telling))
    return {tr("BEING DECIDED at this moment: a request for it is under way."),
            tr("The request has left or is about to, and its answer is awaited."),
            tr("Please wait a minute."),
            {{tr("Look again in a minute."), {}}}};
  Verdict verdict;
  verdict.headline = story.held
                         ? tr("NOT KNOWN: WeChat Pay's answers about this card are unclear. It is held.")
                         : tr("NOT KNOWN YET: the card may be INVALID or not.");
  verdict.how_known = story.error_code.empty() && story.error_message.empty()
                          ? tr("A request may have reached WeChat Pay, and no answer is on record.")
                          : tr("A request may have been carried out, and the answers do not say so: {}.",
                               words_for_error(story));
  if (story.accepted) {
    verdict.headline =
        tr("NOT KNOWN: the card may be INVALID or not, and a person has decided that it stays so.");
    verdict.to_customer = tr("We cannot say whether the card has ended.");
    verdict.next = {
        send_again(telling, tr("Nothing finds out any more. To take that decision back, and have it sent "
                               "again:"))};
    return verdict;
  }
  verdict.to_customer =
      tr("We cannot say yet whether the card has ended; we ask WeChat Pay and come back to you.");
  if (telling.run_under_way)
    verdict.next = {
        {tr("A run is under way, which asks WeChat Pay how the card stands: look again later."), {}}};
  else
    verdict.next = {
        {tr("Promise nothing yet. This asks WeChat Pay how the card stands, and changes nothing; then look "
            "again:"),
         telling.command("reconcile", "")}};
  if (story.held) {
    verdict.next.push_back(
        {tr("If it is held still: ask WeChat Pay's support, with what stands under \"For the "
            "support\"."),
         {}});
    verdict.next.push_back(send_again(telling, tr("With their answer, to have it sent again:")));
    verdict.next.push_back(leave_it(telling));
  }
  return verdict;
}

// ---- not sent ----

bool was_tried(const Story& story) {
  return std::any_of(story.requests.begin(), story.requests.end(), [](const auto& request) {
    return request.sent && request.kind == model::AttemptKind::invalidate;
  });
}

Step protect_at_once(const Telling& telling) {
  return {tr("To keep it from being sent, at once:"), telling.command("protect", "--code CODE --note WHY")};
}

Verdict on_pending(const Story& story, const Telling& telling) {
  Verdict verdict;
  verdict.how_known = was_tried(story)
                          ? tr("The requests that were made for it have not changed it: see below.")
                          : tr("No request to make it INVALID has left.");
  verdict.headline = tr("NOT SENT: this job has not changed the card.");
  verdict.to_customer = tr("We have not ended the card.");
  const auto is_to_end = tr("We have not ended the card. It is on the list of cards that are to end.");
  const auto& reason = story.held_back;
  if (reason == "protected" && is_protected_no_more(story, telling)) {
    verdict.headline = tr("NOT SENT. The protection has ended: {}; {}.", words_for_taking_back(story),
                          words_for_next(telling));
    if (!story.has_left_list) verdict.to_customer = is_to_end;
    verdict.next = {protect_at_once(telling)};
  } else if (reason == "protected") {
    verdict.headline = tr("NOT SENT, and protected: this job does not change the card.");
    verdict.to_customer = tr("We have not ended the card. It is protected, and we will not.");
    verdict.next = ways_to_take_back(story, telling);
  } else if (reason == "conflict") {
    verdict.next = {
        {tr("It is not sent until the list and what was sent agree again: correct the list."), {}}};
  } else if (reason == "left_list") {
    verdict.next = {{tr("It is not sent until a list names it again."), {}}};
  } else {
    verdict.headline = telling.is_sending
                           ? tr("NOT SENT: this job has not changed the card. The run under way may send it.")
                           : tr("NOT SENT: this job has not changed the card. The next run sends it.");
    verdict.to_customer = is_to_end;
    verdict.next = {protect_at_once(telling)};
  }
  return verdict;
}

// ---- answers ----

// "NOT_SENT" and "not_sent".
bool is_same_word(std::string_view code, std::string_view outcome) {
  return std::equal(code.begin(), code.end(), outcome.begin(), outcome.end(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}

std::string words_for(OutcomeKind kind, bool is_read_back) {
  switch (kind) {
    case OutcomeKind::confirmed:
      return is_read_back ? tr("the card is INVALID; signed by WeChat Pay")
                          : tr("done: the card is INVALID; signed by WeChat Pay");
    case OutcomeKind::not_invalid:
      return is_read_back ? tr("the card is not INVALID; signed by WeChat Pay")
                          : tr("a signed answer that does not say INVALID");
    case OutcomeKind::wrong_card: return tr("an answer about another card: it does not count");
    case OutcomeKind::unverified: return tr("an answer without a valid signature: it does not count");
    case OutcomeKind::probe_signature:
      return tr("an answer with a wrong signature, by which WeChat Pay tests us: it does not count");
    case OutcomeKind::unreadable: return tr("a signed answer that cannot be read: it does not count");
    case OutcomeKind::accepted: return tr("not done yet: WeChat Pay asks to be called again");
    case OutcomeKind::system_error:
      return is_read_back ? tr("WeChat Pay had an error of its own")
                          : tr("WeChat Pay had an error of its own, and may have done it");
    case OutcomeKind::gateway_error:
      return is_read_back ? tr("WeChat Pay was in trouble")
                          : tr("WeChat Pay was in trouble, and may have done it");
    case OutcomeKind::throttled: return tr("not done: too many requests at that moment");
    case OutcomeKind::clock_refused:
      return tr("refused, since the clocks did not agree: not about this card");
    case OutcomeKind::credentials_refused: return tr("refused: our key or our rights");
    case OutcomeKind::setup_refused: return tr("refused: the way we call, not this card");
    case OutcomeKind::refused:
      return is_read_back ? tr("refused by WeChat Pay, so it is not INVALID") : tr("refused by WeChat Pay");
    case OutcomeKind::distrusted: return tr("an error with a wrong signature: it does not count");
    case OutcomeKind::unknown_answer: return tr("an answer that cardvoid does not know");
    case OutcomeKind::lost:
      return is_read_back ? tr("no answer came") : tr("no answer came; it may have been done");
    case OutcomeKind::stale_connection:
      return is_read_back ? tr("the connection broke") : tr("the connection broke; it may have been done");
    case OutcomeKind::connection_closed: return tr("not sent: the connection was closed");
    case OutcomeKind::not_sent: return tr("not sent: no connection");
    case OutcomeKind::bad_certificate:
      return tr("not sent: the other side could not prove that it is WeChat Pay");
  }
  return "";
}

}  // namespace

std::string safe_words(std::string_view text, const model::Card& card) {
  return escape_for_terminal(mask_in(mask_in(text, card.openid), card.code));
}

Verdict verdict_on(const Story& story, const Telling& telling) {
  switch (story.status) {
    case Status::invalidated: return on_invalidated(story);
    case Status::rejected: return on_rejected(story, telling);
    case Status::in_flight:
    case Status::unresolved: return on_doubt(story, telling);
    case Status::pending: break;
  }
  return on_pending(story, telling);
}

std::string words_for_request(const ledger::RequestRecord& request) {
  auto text = request.kind == model::AttemptKind::invalidate
                  ? request.sent ? tr("asked WeChat Pay to make the card INVALID")
                                 : tr("tried to ask WeChat Pay to make the card INVALID")
              : request.sent ? tr("asked WeChat Pay how the card stands")
                             : tr("tried to ask WeChat Pay how the card stands");
  return request.endpoint == model::Endpoint::backup ? tr("{}, over the backup domain", text) : text;
}

std::string words_for_answer(const Story& story, const ledger::RequestRecord& request,
                             const Telling& telling) {
  if (request.outcome.empty())
    return is_open(story, request, telling) ? tr("no answer yet")
                                            : tr("the program died before an answer was on record");
  const auto kind = model::outcome_from_text(request.outcome);
  if (kind == OutcomeKind::confirmed && story.settled_by == SettledBy::already)
    return tr("the card is INVALID, and was so before; signed by WeChat Pay");
  auto text = kind ? words_for(*kind, request.kind == model::AttemptKind::read_back)
              : request.outcome == "withdrawn" ? tr("taken back before it was sent")
                                               : escape_for_terminal(request.outcome);
  // Our own codes say the same as the words.
  if (!request.error_code.empty() && !is_same_word(request.error_code, request.outcome))
    text += tr(" ({})", escape_for_terminal(request.error_code));
  return text;
}

std::string words_for_support(const Story& story, const Telling& telling) {
  // The one that decided; while none did, the last one that was answered.
  const ledger::RequestRecord* meant = nullptr;
  for (const auto& request : story.requests)
    if (!request.request_id.empty() && (story.request_id.empty() || request.request_id == story.request_id))
      meant = &request;
  if (!meant) return {};
  return tr("{}\nsent on {}\nRequest-ID {}", telling.merchant, format_local_full(meant->started_at),
            escape_for_terminal(meant->request_id));
}

std::string words_for_protection(const Story& story, const Telling& telling) {
  if (is_protected_no_more(story, telling))
    return is_in_doubt(story) || story.status == Status::pending
               ? tr("no longer: {}; {}", words_for_taking_back(story), words_for_next(telling))
               : tr("no longer: {}", words_for_taking_back(story));
  std::string text;
  const auto add = [&](const std::string& words) {
    text = text.empty() ? words : tr("{}; and {}", text, words);
  };
  for (const auto& entry : story.protections) {
    if (entry.removed) continue;
    const auto by = escape_for_terminal(entry.added.by), since = format_local(entry.added.at),
               note = safe_words(entry.added.note, story.card);
    add(entry.by_member ? tr("yes, by {} since {} (all cards of the member): {}", by, since, note)
                        : tr("yes, by {} since {} (this code): {}", by, since, note));
  }
  if (const auto line = line_of_protect_list(story, telling); line && story.is_protected)
    add(tr("yes, by line {} of {}, the job's list safety.protect", *line, name_of_protect_list(telling)));
  if (text.empty() && story.is_protected) text = tr("yes, by the job's list safety.protect");
  if (!text.empty() && story.status == Status::invalidated) text = tr("{}; it came too late", text);
  if (!text.empty() && is_in_doubt(story)) text = tr("{}; it is only asked about, and never sent", text);
  return text;
}

std::string name_of_list(const ledger::ListRecord& list) {
  if (list.file.name.empty()) return tr("the list");
  return escape_for_terminal(std::filesystem::path{list.file.name}.filename().string());
}

std::string words_for_list(const Story& story) {
  if (!story.list) return tr("line {}", story.line);
  const auto& list = *story.list;
  const auto name = name_of_list(list), read_at = format_local(list.read_at);
  auto text = list.read_by.empty() ? tr("line {} of {}, read on {}", story.line, name, read_at)
                                   : tr("line {} of {}, read on {} by {}", story.line, name, read_at,
                                        escape_for_terminal(list.read_by));
  if (!story.is_list_certain) text = tr("{}, or of a later list that has changed it", text);
  if (story.has_left_list) text = tr("{}; the latest list no longer names it", text);
  if (story.in_conflict)
    text =
        tr("{}; the latest list names another member or reason than was sent, or contradicts itself about it",
           text);
  return text;
}

bool has_sent(const Story& story, const ledger::RunOfCard& run) {
  return std::any_of(story.requests.begin(), story.requests.end(), [&](const auto& request) {
    return request.run == run.id && request.sent && request.kind == model::AttemptKind::invalidate;
  });
}

std::string words_for_consent(const ledger::RunOfCard& run) {
  const bool is_named = run.consent.empty() ? run.by_confirm : run.consent == "confirm";
  if (is_named && run.plan && !run.plan->confirmed_at)
    return tr("the rest of a plan that was agreed to by its fingerprint");
  const auto when = run.plan && run.plan->confirmed_at ? tr("on {}", format_local(*run.plan->confirmed_at))
                                                       : tr("when the run began");
  const auto& by = run.plan && !run.plan->confirmed_by.empty() ? run.plan->confirmed_by : run.user;
  const auto who = by.empty() ? tr("a user that is not on record") : escape_for_terminal(by);
  if (is_named) return tr("agreed to {} by {}, by its fingerprint", when, who);
  if (run.consent == "yes") return tr("agreed to {} by {}, with --yes", when, who);
  if (run.consent == "typed") return tr("agreed to {} by {}, by typing the number of cards", when, who);
  return tr("agreed to {} by {}", when, who);
}

}  // namespace cardvoid::report
