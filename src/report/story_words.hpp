#pragma once
// What is on record about a card, in plain words. One place for the page and for programs.

#include <cardvoid/report/step.hpp>
#include <cardvoid/report/story.hpp>
#include <string>
#include <vector>

namespace cardvoid::report {

// How a card stands, and what follows from that.
struct Verdict {
  std::string headline;     // "INVALID since …: this job invalidated it."
  std::string how_known;    // what that rests on
  std::string to_customer;  // what may be said
  std::vector<Step> next;   // what to do
};
Verdict verdict_on(const ledger::Story& story, const Telling& telling);

// What came back, of a request of that card: "done: the card is INVALID; signed by WeChat Pay".
std::string words_for_answer(const ledger::Story& story, const ledger::RequestRecord& request,
                             const Telling& telling);
// What WeChat Pay's support needs to find the request that decided: merchant, time, Request-ID; a line each.
// Empty: there is none.
std::string words_for_support(const ledger::Story& story, const Telling& telling);
// What was asked: "asked WeChat Pay to make the card INVALID".
std::string words_for_request(const ledger::RequestRecord& request);
// Why it is protected, held back or no longer on the list; empty: it is not.
std::string words_for_protection(const ledger::Story& story, const Telling& telling);
std::string words_for_list(const ledger::Story& story);
// The list by its file, without the folder; "the list" where that is not on record.
std::string name_of_list(const ledger::ListRecord& list);

// True if the run asked to make the card INVALID.
bool has_sent(const ledger::Story& story, const ledger::RunOfCard& run);
// How the plan of a run was agreed to.
std::string words_for_consent(const ledger::RunOfCard& run);

// Texts from outside, without personal data and safe for a terminal.
std::string safe_words(std::string_view text, const model::Card& card);

}  // namespace cardvoid::report
