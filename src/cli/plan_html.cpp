#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/report/page.hpp>

#include "plan_words.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_templates_in_page = 100, k_most_reasons_in_page = 1000;

// For the page, which takes null for nothing.
boost::json::value text_or_null(const std::string& text) {
  return text.empty() ? boost::json::value() : boost::json::value(text);
}

boost::json::array as_array(const std::vector<std::string>& texts) {
  return boost::json::array(texts.begin(), texts.end());
}

boost::json::array as_array(const std::vector<CountLine>& lines) {
  boost::json::array array;
  for (const auto& line : lines)
    array.push_back(
        boost::json::object{{"label", line.label}, {"count", grouped(line.count)}, {"remark", line.remark}});
  return array;
}

boost::json::array reasons_of(const Stake& stake) {
  boost::json::array array;
  for (const auto& [reason, cards] : stake.reasons)
    array.push_back(boost::json::object{{"reason", reason}, {"cards", cards}});
  return array;
}

boost::json::array causes_of(const Plan& plan) {
  boost::json::array array;
  for (const auto& cause : plan.causes)
    if (!cause.is_protected)
      array.push_back(boost::json::object{{"cause", report::refused_cause(cause.cause)},
                                          {"count", grouped(cause.count)},
                                          {"lines", words_for_lines(cause)}});
  return array;
}

boost::json::object templates_of(const ledger::Survey& survey) {
  const auto columns = number_columns(survey);
  boost::json::array heads, rows, more;
  for (const auto& column : columns) heads.push_back(boost::json::object{{"head", tr(column.page_head)}});
  for (const auto& one : survey.templates) {
    if (rows.size() == k_most_templates_in_page) break;
    boost::json::array cells;
    for (const auto& column : columns)
      cells.push_back(
          boost::json::object{{"head", tr(column.page_head)}, {"count", grouped(one.*column.number)}});
    rows.push_back(
        boost::json::object{{"brand", one.brand_id}, {"card_id", one.card_id}, {"cells", std::move(cells)}});
  }
  for (const auto& words : words_for_more_templates(survey, rows.size()))
    more.emplace_back(tr("and {}", words));
  return {{"heads", std::move(heads)}, {"rows", std::move(rows)}, {"more", std::move(more)}};
}

boost::json::array changes_of(const Differences& differences) {
  boost::json::array changes;
  for (const auto& of_kind : differences.kinds) {
    if (of_kind.count == 0) continue;
    boost::json::array rows;
    for (const auto& one : of_kind.shown)
      rows.push_back(boost::json::object{{"line", line_of(one)},
                                         {"code", mask(one.card.code)},
                                         {"card_id", one.card.card_id},
                                         {"brand", one.card.brand_id},
                                         {"what", words_for(one)}});
    const auto more = of_kind.count - static_cast<std::int64_t>(of_kind.shown.size());
    changes.push_back(boost::json::object{
        {"heading", tr("{} {}", grouped(of_kind.count), words_for(of_kind.kind))},
        {"rows", std::move(rows)},
        {"more", more > 0 ? boost::json::value(tr("and {} more", grouped(more))) : nullptr}});
  }
  return changes;
}

std::vector<CountLine> lines_and_rows(const Plan& plan) {
  auto lines = lines_read(plan);
  for (auto& line : lines_protected(plan)) lines.push_back(std::move(line));
  for (auto& line : rows_not_as_listed(plan)) lines.push_back(std::move(line));
  if (const auto left = plan.totals.left; left > 0)
    lines.push_back({tr("left"), left, tr("no longer in the list: held back; no request was made for them")});
  return lines;
}

std::vector<CountLine> states_of(const Plan& plan) {
  auto lines = rows_by_state(plan);
  lines.insert(lines.begin(), {tr("rows in the job"), plan.totals.rows(), {}});
  return lines;
}

}  // namespace

Result<std::string> plan_html(const Plan& plan, const model::Job& job, ledger::Ledger& ledger) {
  const auto differences = find_differences(ledger);
  if (!differences) return differences.error();
  const auto& t = plan.totals;
  const auto stake = stake_of(plan, job, k_most_reasons_in_page);
  return report::render_page(
      "plan", {{"lang", spoken_language() == Language::chinese ? "zh-CN" : "en"},
               {"title", tr("Cards to become invalid: {}", job.name)},
               {"rehearsal", nullptr},
               {"written", tr("Written by cardvoid on {}.", format_local(plan.imported.finished_at))},
               {"sends", t.to_send() > 0},
               {"cards", tr_n(t.to_send(), "{} membership card", "{} membership cards")},
               {"to_send", grouped(t.to_send())},
               {"protected", grouped(t.protected_pending)},
               {"refused", grouped(t.refused_lines())},
               {"invalidated", grouped(t.invalidated)},
               {"list", stake.list},
               {"sha256", text_or_null(stake.sha256)},
               {"merchant", stake.merchant},
               {"hosts", stake.hosts},
               {"brands", text_or_null(stake.brands)},
               {"acknowledge", job.safety.acknowledge},
               {"duration", words_for_pace(plan, job)},
               {"window", stake.window},
               {"planned", stake.planned},
               {"reasons", reasons_of(stake)},
               {"canary", stake.canary},
               {"breaker", stake.breaker},
               {"protections", stake.protections},
               {"most", text_or_null(stake.most)},
               {"has_templates", !plan.survey.templates.empty()},
               {"templates", templates_of(plan.survey)},
               {"has_frequent", !plan.survey.frequent_openids.empty()},
               {"frequent", as_array(words_for_openids(plan.survey))},
               {"source", plan.imported.source},
               {"remarks", as_array(remarks_of(plan, job))},
               {"read", as_array(lines_and_rows(plan))},
               {"has_samples", !plan.imported.samples.empty()},
               {"samples", as_array(plan.imported.samples)},
               {"has_causes", t.refused_lines() > 0},
               {"causes", causes_of(plan)},
               {"has_begun", t.rows() != t.pending_to_send()},
               {"states", as_array(states_of(plan))},
               {"changed_since", words_for_changes(*differences)},
               {"changes", changes_of(*differences)},
               {"fingerprint", plan.fingerprint},
               {"run_command", text_or_null(plan.run_command)}});
}

}  // namespace cardvoid::cli
