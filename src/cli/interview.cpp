#include "interview.hpp"

#include <fmt/format.h>

#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cstdio>
#include <iostream>

namespace cardvoid::cli {

namespace {

// Without blanks around it, and without the quotation marks that a terminal adds to a file dropped on it.
std::string tidy(std::string_view typed) {
  const auto first = typed.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  typed = typed.substr(first, typed.find_last_not_of(" \t\r") - first + 1);
  const bool is_quoted =
      typed.size() > 1 && typed.front() == typed.back() && (typed.front() == '\'' || typed.front() == '"');
  return std::string{is_quoted ? typed.substr(1, typed.size() - 2) : typed};
}

}  // namespace

Result<void> Interview::settle(std::string& answer, const Question& question) {
  if (!answer.empty()) {
    const auto judged = question.judge ? question.judge(answer) : Result<void>{};
    if (judged) return {};
    const auto flag = std::string{question.flag.substr(0, question.flag.find(' '))};
    return with_context(judged.error(), flag);
  }
  if (!asks_) {
    if (!question.may_stay_open) missing_.emplace_back(question.flag);
    return {};
  }
  ++asked_;
  for (;;) {
    const auto proposal = question.proposal.empty()
                              ? std::string{}
                              : fmt::format(" [{}]", escape_for_terminal(question.proposal));
    put(stderr, tr("{}. {}{}:", asked_, question.text, proposal) + " ");
    std::string typed;
    if (!std::getline(std::cin, typed)) return Error{Errc::usage, tr("no answer; nothing is written")};
    if (find_invalid_utf8(typed)) {
      put(stderr, tr("   that is not valid UTF-8\n"));
      continue;
    }
    typed = tidy(typed);
    if (typed.empty()) typed = question.proposal;
    if (typed.empty() && question.may_stay_open) return {};
    if (typed.empty()) {
      put(stderr, tr("   an answer is needed; Ctrl-C leaves, and nothing is written\n"));
      continue;
    }
    const auto judged = question.judge ? question.judge(typed) : Result<void>{};
    if (judged) {
      answer = typed;
      return {};
    }
    put(stderr, fmt::format("   {}\n", escape_for_terminal(judged.error().what)));
  }
}

Result<void> Interview::finish() const {
  if (missing_.empty()) return {};
  return Error{Errc::usage, tr("without a terminal init cannot ask: give {}; nothing is written; see "
                               "`cardvoid init --help`",
                               fmt::join(missing_, ", "))};
}

}  // namespace cardvoid::cli
