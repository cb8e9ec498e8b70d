#pragma once
// What the page to approve says, in words that the terminal and the HTML page share.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan.hpp"

namespace cardvoid::cli {

// What is at stake. Empty: there is nothing to say. From outside, and not escaped.
struct Stake {
  std::string list, sha256, merchant, hosts, brands;
  std::vector<std::pair<std::string, std::string>> reasons;  // what members will read, and how many
  std::string canary, breaker, protections, most, window, planned;
};
Stake stake_of(const Plan& plan, const model::Job& job, std::size_t most_reasons);

// "at 5 requests/s: 16h 40m, until 2026-11-30 02:02 +0800 if it began now".
std::string words_for_pace(const Plan& plan, const model::Job& job);

// A column with a number in the table of templates.
struct NumberColumn {
  const char *head, *page_head;  // in English
  int width;                     // on a terminal
  std::int64_t ledger::TemplateTotals::*number;
  bool may_be_left_out;  // when it would hold nothing but zeros
};
std::vector<NumberColumn> number_columns(const ledger::Survey& survey);
// "3 more templates", "12 rows of templates beyond the first 1,000", after so many that are shown.
std::vector<std::string> words_for_more_templates(const ledger::Survey& survey, std::size_t shown);
// "openid ****Down has at least 512 of the cards".
std::vector<std::string> words_for_openids(const ledger::Survey& survey);

// "lines 4, 7, 9, …".
std::string words_for_lines(const ledger::RefusedCause& cause);

// Behind a count: "added (+)".
std::string words_for(ledger::Difference::Kind kind);
// "line 12", or "once line 12", in an earlier list.
std::string line_of(const ledger::Difference& difference);
// "another reason than before"; empty: that it is of its kind says it all.
std::string words_for(const ledger::Difference& difference);
// With what is compared, and how many of each kind there are.
std::string words_for_changes(const Differences& differences);

// An empty label: more about the line before.
struct CountLine {
  std::string label;
  std::int64_t count = 0;
  std::string remark;
};
std::vector<CountLine> lines_read(const Plan& plan);
// Lines that are refused because their cards are protected: these are rows of the job as well.
std::vector<CountLine> lines_protected(const Plan& plan);
std::vector<CountLine> rows_not_as_listed(const Plan& plan);
std::vector<CountLine> rows_by_state(const Plan& plan);

// What a person must know of Plan::other_brand or former_signer. Empty: nothing.
std::string words_for_strangers(const Plan& plan, const model::Job& job);
// `before` signed so far ("mchid 1900000001"), and another one signs now.
std::string words_for_other_signer(std::string_view before, std::string_view now);
// Those of the input, and that one.
std::vector<std::string> remarks_of(const Plan& plan, const model::Job& job);

}  // namespace cardvoid::cli
