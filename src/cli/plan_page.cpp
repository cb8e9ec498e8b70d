#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/report/progress.hpp>
#include <optional>

#include "plan.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_templates_in_text = 20;

// If it began as soon as the window lets it; nullopt: not within a year.
std::optional<WallTime> end_of(const Plan& plan, const model::Job& job) {
  return run::outlook(job.limits, job.safety.window, plan.remaining, std::nullopt, plan.imported.finished_at)
      .done_at;
}

std::string words_for_end(const Plan& plan, const model::Job& job) {
  const auto end = end_of(plan, job);
  if (!job.safety.window) return fmt::format(", until {} if it began now", format_local(*end));
  return fmt::format(", {} in every window {} from now on",
                     end ? "until " + format_local(*end) : "more than a year",
                     dispatch::to_text(*job.safety.window));
}

std::string cause_line(const ledger::RefusedCause& cause) {
  auto text = fmt::format("  {:>16}  {} (line{}", grouped(cause.count), cause.cause,
                          cause.example_lines.size() == 1 ? " " : "s ");
  for (std::size_t i = 0; i < cause.example_lines.size(); ++i)
    text += fmt::format("{}{}", i ? ", " : "", cause.example_lines[i]);
  return text + (static_cast<std::size_t>(cause.count) > cause.example_lines.size() ? ", …)\n" : ")\n");
}

std::string template_table(const ledger::Survey& survey) {
  const auto& all = survey.templates;
  const auto shown = std::min(all.size(), k_most_templates_in_text);
  std::size_t brand_columns = 5, template_columns = 13;
  for (std::size_t i = 0; i < shown; ++i) {
    brand_columns = std::max(brand_columns, all[i].brand_id.size());
    template_columns = std::max(template_columns, all[i].card_id.size());
  }
  auto text =
      fmt::format("  {:<{}}  {:<{}}{:>13}{:>13}{:>13}{:>13}{:>10}\n", "brand", brand_columns, "card template",
                  template_columns, "rows", "to send", "in doubt", "invalidated", "rejected");
  for (std::size_t i = 0; i < shown; ++i)
    text += fmt::format("  {:<{}}  {:<{}}{:>13}{:>13}{:>13}{:>13}{:>10}\n", all[i].brand_id, brand_columns,
                        all[i].card_id, template_columns, grouped(all[i].rows), grouped(all[i].to_send),
                        grouped(all[i].in_doubt), grouped(all[i].invalidated), grouped(all[i].rejected));
  if (all.size() > shown)
    text +=
        fmt::format("  and {}\n", counted(static_cast<std::int64_t>(all.size() - shown), "more template"));
  if (survey.others.rows > 0)
    text += fmt::format("  and {} of templates beyond the first {}\n", counted(survey.others.rows, "row"),
                        grouped(static_cast<std::int64_t>(all.size())));
  return text;
}

boost::json::array as_array(const std::vector<std::string>& texts) {
  return boost::json::array(texts.begin(), texts.end());
}

boost::json::array as_array(const std::vector<ledger::RefusedCause>& causes) {
  boost::json::array array;
  for (const auto& cause : causes) {
    boost::json::array lines(cause.example_lines.begin(), cause.example_lines.end());
    array.push_back(
        boost::json::object{{"cause", cause.cause}, {"count", cause.count}, {"lines", std::move(lines)}});
  }
  return array;
}

boost::json::array as_array(const std::vector<std::pair<std::string, std::int64_t>>& openids) {
  boost::json::array array;
  for (const auto& [openid, cards] : openids)
    array.push_back(boost::json::object{{"openid", mask(openid)}, {"at_least", cards}});
  return array;
}

boost::json::array as_array(const std::vector<ledger::TemplateTotals>& templates) {
  boost::json::array array;
  for (const auto& one : templates)
    array.push_back(boost::json::object{{"brand_id", one.brand_id},
                                        {"card_id", one.card_id},
                                        {"rows", one.rows},
                                        {"to_send", one.to_send},
                                        {"in_doubt", one.in_doubt},
                                        {"invalidated", one.invalidated},
                                        {"rejected", one.rejected},
                                        {"conflicts", one.conflicts}});
  return array;
}

boost::json::value as_json(const std::optional<ledger::ProtectionMatch>& list) {
  if (!list) return nullptr;
  using boost::json::value;
  const auto text_or_null = [](const std::string& text) { return text.empty() ? value() : value(text); };
  const auto masked_or_null = [](const std::string& text) {
    return text.empty() ? value() : value(mask(text));
  };
  boost::json::array examples;
  for (const auto& p : list->unmatched)
    examples.push_back(boost::json::object{{"line", p.source_line},
                                           {"code", masked_or_null(p.code)},
                                           {"openid", masked_or_null(p.openid)},
                                           {"card_id", text_or_null(p.card_id)},
                                           {"brand_id", text_or_null(p.brand_id)}});
  return boost::json::object{{"lines", list->lines},
                             {"matched", list->matched},
                             {"unmatched", list->lines - list->matched},
                             {"unmatched_examples", std::move(examples)}};
}

}  // namespace

std::string protections_text(const ledger::ProtectionMatch& list) {
  const auto without = list.lines - list.matched;
  if (without == 0) return "of its lines: each names a row of this job";
  std::string examples;
  for (const auto& p : list.unmatched)
    examples += fmt::format("{}line {}{}{}{}{}", examples.empty() ? "" : ", ", p.source_line,
                            p.code.empty() ? "" : " code " + mask(p.code),
                            p.openid.empty() ? "" : " openid " + mask(p.openid),
                            p.card_id.empty() ? "" : " card_id " + p.card_id,
                            p.brand_id.empty() ? "" : " brand_id " + p.brand_id);
  return fmt::format("of its lines {} a row of this job, {} {} none ({}{})",
                     list.matched == 1 ? "names" : "name", grouped(without), without == 1 ? "names" : "name",
                     examples, without > static_cast<std::int64_t>(list.unmatched.size()) ? ", …" : "");
}

void warn_of_protect_list(const Plan& plan, Console& console) {
  const auto& list = plan.imported.protections;
  if (!list || list->matched > 0) return;
  console.warn_at_once(
      fmt::format("safety.protect protects no card of this job: {} {}. Are its codes and openids those "
                  "of the input, and written alike?",
                  list->matched, protections_text(*list)));
}

std::string plan_text(const Plan& plan, const model::Job& job) {
  const auto& t = plan.totals;
  std::string text = fmt::format("job {}\ninput {}\n", job.name, plan.imported.source);
  for (const auto& remark : plan.imported.remarks) text += fmt::format("  note: {}\n", remark);
  if (!plan.imported.samples.empty()) text += "  samples as decoded, please look whether they make sense:\n";
  for (const auto& sample : plan.imported.samples) text += fmt::format("    {}\n", sample);
  const auto line = [&](const char* label, std::int64_t count, std::string_view remark = {}) {
    text += report::count_line(label, 14, count, remark);
  };
  line("lines read", plan.imported.lines);
  line("new", plan.imported.added);
  line("known", plan.imported.known, "from an earlier import");
  line("duplicates", plan.imported.duplicates, "the same card again: collapsed");
  line("refused", t.refused);
  for (const auto& cause : plan.causes) text += cause_line(cause);
  if (plan.imported.corrected > 0)
    line("changed", plan.imported.corrected,
         "with another openid or reason than before; no request was made for them");
  if (t.conflicts > 0)
    line("conflicts", t.conflicts,
         "the input names another openid or reason than was sent, or contradicts itself: not sent");
  const auto& list = plan.imported.protections;
  if (list || t.protected_pending + t.protected_in_doubt + t.protected_invalidated > 0) {
    line("protected", t.protected_pending,
         list ? fmt::format("never sent; safety.protect has {}", counted(list->lines, "line"))
              : "by `cardvoid protect`: never sent");
    if (list) line("", list->matched, protections_text(*list));
    if (t.protected_in_doubt > 0)
      line("", t.protected_in_doubt, "more of them are in doubt: read back, and never sent again");
    if (t.protected_invalidated > 0)
      line("", t.protected_invalidated, "more of them are INVALID already: named too late");
  }
  if (plan.imported.vanished > 0)
    line("vanished", plan.imported.vanished,
         fmt::format("rows of an earlier import that the input no longer has; {} of them are still to send",
                     grouped(plan.imported.vanished_to_send)));
  if (t.left > 0) text += fmt::format("  {}; no request was made for them\n", words_for_left(t.left));
  text += counted(t.rows(), "row") + " in the job\n";
  line("invalidated", t.invalidated);
  line("rejected", t.rejected);
  if (t.accepted() > 0)
    line("accepted", t.accepted(), "rejected or unresolved, and settled by a person's word");
  line("in doubt", t.in_doubt(), t.in_doubt() > 0 ? "read back before anything is sent" : "");
  line("pending", t.pending);
  if (!plan.survey.templates.empty()) text += template_table(plan.survey);
  for (const auto& [openid, cards] : plan.survey.frequent_openids)
    text += fmt::format("  openid {} has at least {} of the cards\n", mask(openid), grouped(cards));
  if (t.to_send() == 0) return text + "nothing to send\n";
  text +=
      fmt::format("to send {} at {:g} requests/s: {}{}\n", grouped(t.to_send()),
                  job.limits.requests_per_second, humanize_duration(plan.needed), words_for_end(plan, job));
  if (const auto most = job.safety.max_rows; most && t.to_send() > *most)
    text += fmt::format("run will refuse: safety.max_rows allows {}\n", grouped(*most));
  return text + fmt::format("fingerprint {}\n", plan.fingerprint);
}

boost::json::object plan_json(const Plan& plan, const model::Job& job) {
  const auto& t = plan.totals;
  const auto end = end_of(plan, job);
  return boost::json::object{
      {"job", job.name},
      {"source", plan.imported.source},
      {"remarks", as_array(plan.imported.remarks)},
      {"samples", as_array(plan.imported.samples)},
      {"lines", plan.imported.lines},
      {"added", plan.imported.added},
      {"known", plan.imported.known},
      {"duplicates", plan.imported.duplicates},
      {"refused", t.refused},
      {"conflicts", t.conflicts},
      {"protected", t.protected_pending},
      {"protect_list", as_json(plan.imported.protections)},
      {"protected_in_doubt", t.protected_in_doubt},
      {"protected_invalidated", t.protected_invalidated},
      {"changed", plan.imported.changed},
      {"changed_in_place", plan.imported.corrected},
      {"left_list", t.left},
      {"vanished", plan.imported.vanished},
      {"newly_vanished", plan.imported.newly_vanished},
      {"returned", plan.imported.returned},
      {"vanished_to_send", plan.imported.vanished_to_send},
      {"rows", t.rows()},
      {"to_send", t.to_send()},
      {"pending", t.pending},
      {"in_doubt", t.in_doubt()},
      {"invalidated", t.invalidated},
      {"rejected", t.rejected},
      {"accepted", t.accepted()},
      {"refused_causes", as_array(plan.causes)},
      {"templates", as_array(plan.survey.templates)},
      {"rows_of_other_templates", plan.survey.others.rows},
      {"frequent_openids", as_array(plan.survey.frequent_openids)},
      {"requests_per_second", job.limits.requests_per_second},
      {"seconds_needed", plan.needed.count() / 1000},
      {"would_end_at", end ? boost::json::value(format_rfc3339(*end)) : nullptr},
      {"fingerprint",
       plan.fingerprint.empty() ? boost::json::value() : boost::json::value(plan.fingerprint)}};
}

std::string words_for_left(std::int64_t cards) {
  return fmt::format("{} {} left the list: held back", counted(cards, "card"), cards == 1 ? "has" : "have");
}

}  // namespace cardvoid::cli
