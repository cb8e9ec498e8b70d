#include "confirm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/progress.hpp>
#include <cctype>

namespace cardvoid::cli {

namespace {

// " (lines: 7 code ****0042, …)"
std::string examples(std::int64_t count, const std::vector<ledger::PlanChange::Row>& some) {
  std::string text;
  for (const auto& row : some) {
    const auto one = tr("line {} code {}", row.source_line, mask(row.code));
    text = text.empty() ? one : tr("{}, {}", text, one);
  }
  if (text.empty()) return {};
  return tr(": {}", count > static_cast<std::int64_t>(some.size()) ? tr("{}, {}", text, "…") : text);
}

std::string differences(const ledger::PlanChange& change) {
  if (!change.is_listed)
    return "\n  " + tr("what has changed cannot be told: which rows that plan had is not on record");
  std::string text;
  const auto say = [&](std::int64_t count, const std::string& what,
                       const std::vector<ledger::PlanChange::Row>& some = {}) {
    if (count > 0)
      text += "\n  " + tr("{} {}{}", tr_n(count, "{} row", "{} rows"), what, examples(count, some));
  };
  say(change.added, tr("more: added to the input since"), change.rows_added);
  say(change.retried, tr("put back by `cardvoid retry` since"), change.rows_retried);
  say(change.returned, tr("more: in the list again, or no longer in conflict or protected"),
      change.rows_returned);
  say(change.corrected, tr("changed: the input names another openid or reason since"), change.rows_corrected);
  say(change.left, tr("less: left the list, and held back"), change.rows_left);
  say(change.invalidated, tr("less: invalidated since"));
  say(change.rejected, tr("less: rejected since"));
  say(change.accepted, tr("less: settled since by a person's word, with `cardvoid accept`"));
  say(change.held, tr("less: held since, for contradictory or unknown answers"));
  say(change.is_protected, tr("less: safety.protect or `cardvoid protect` names them now"));
  say(change.conflicts, tr("less: the input names another openid or reason than was sent"),
      change.rows_in_conflict);
  // Why then is it not just carried on with?
  if (change.added + change.retried + change.returned + change.corrected + change.left == 0)
    text +=
        "\n  " +
        tr("no row is new; the rest of a plan needs no other word only where a run began with its "
           "--confirm, and since then neither `cardvoid retry` nor the list nor the end of a conflict or a "
           "protection changed what is to be sent");
  return text;
}

}  // namespace

Error another_plan(const std::string& digits, const Plan& plan, ledger::Ledger& ledger) {
  std::string wanted = digits;
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto change = ledger::change_since(ledger, wanted);
  if (!change) return change.error();
  const auto now = tr("the plan's fingerprint is {} ({} to send)", plan.fingerprint,
                      tr_n(plan.totals.to_send(), "{} row", "{} rows"));
  if (!*change)
    return {Errc::bad_input,
            tr("the plan is not the one that was confirmed: --confirm {} is none of the last plans made "
               "for this results database; {}; look at `cardvoid plan` again, then confirm the new plan. "
               "Nothing was sent",
               digits, now)};
  return {Errc::bad_input,
          tr("the plan is not the one that was confirmed: --confirm {} was the plan of {} ({} to send); "
             "now {}:{}\nlook at `cardvoid plan --diff`; the new plan has to be confirmed. Nothing was sent",
             digits, format_rfc3339((*change)->made_at), tr_n((*change)->to_send, "{} row", "{} rows"), now,
             differences(**change))};
}

}  // namespace cardvoid::cli
