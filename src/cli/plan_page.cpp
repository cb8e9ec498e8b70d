#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/report/progress.hpp>
#include <optional>
#include <utility>

#include "plan_words.hpp"

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_templates_in_text = 20, k_most_reasons_in_text = 5, k_columns = 80;

// If it began as soon as the window lets it; nullopt: not within a year.
std::optional<WallTime> end_of(const Plan& plan, const model::Job& job) {
  return run::outlook(job.limits, job.safety.window, plan.remaining, std::nullopt, plan.imported.finished_at)
      .done_at;
}

std::string cause_line(const ledger::RefusedCause& cause) {
  const auto words = tr("{} ({})", report::refused_cause(cause.cause), words_for_lines(cause));
  return fmt::format("  {:>16}  {}\n", grouped(cause.count), wrapped(words, 20, k_columns));
}

std::string template_table(const ledger::Survey& survey) {
  const auto& all = survey.templates;
  const auto shown = std::min(all.size(), k_most_templates_in_text);
  const auto brand = tr("brand"), card_template = tr("card template");
  auto brand_columns = display_width(brand), template_columns = display_width(card_template);
  for (std::size_t i = 0; i < shown; ++i) {
    brand_columns = std::max(brand_columns, all[i].brand_id.size());
    template_columns = std::max(template_columns, all[i].card_id.size());
  }
  const auto columns = number_columns(survey);
  auto text = fmt::format("  {:<{}}  {:<{}}", brand, brand_columns, card_template, template_columns);
  for (const auto& column : columns) text += fmt::format("{:>{}}", tr(column.head), column.width);
  text += "\n";
  for (std::size_t i = 0; i < shown; ++i) {
    text += fmt::format("  {:<{}}  {:<{}}", all[i].brand_id, brand_columns, all[i].card_id, template_columns);
    for (const auto& column : columns)
      text += fmt::format("{:>{}}", grouped(all[i].*column.number), column.width);
    text += "\n";
  }
  for (const auto& words : words_for_more_templates(survey, shown)) text += "  " + tr("and {}", words) + "\n";
  return text;
}

// What is at stake.
std::string head_of(const Plan& plan, const model::Job& job) {
  const auto cards = plan.totals.to_send();
  auto text = cards > 0 ? tr_n(cards, "job {1}: {0} card to become invalid, which cannot be undone",
                               "job {1}: {0} cards to become invalid, which cannot be undone", job.title())
                        : tr("job {}", job.title());
  text = wrapped(text, 0, k_columns) + "\n";
  const auto say = [&](std::string_view label, const std::string& words) {
    if (!words.empty())
      text += fmt::format("  {:<13}{}\n", label, wrapped(escape_for_terminal(words), 15, k_columns));
  };
  const auto stake = stake_of(plan, job, k_most_reasons_in_text);
  say(tr("list"), stake.list);
  say("SHA-256", stake.sha256);
  say(tr("merchant"), stake.merchant);
  say(tr("host"), stake.hosts);
  say(tr("brand"), stake.brands);
  auto label = tr("members read");
  for (const auto& [words, count] : stake.reasons)
    say(std::exchange(label, std::string{}), tr("{} ({})", words, count));
  say(tr("acknowledged"), job.safety.acknowledge);
  say(tr("canary"), stake.canary);
  say(tr("breaker"), stake.breaker);
  say(tr("protected"), stake.protections);
  say(tr("at most"), stake.most);
  say(tr("window"), stake.window);
  say(tr("planned"), stake.planned);
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

boost::json::object list_json(const model::ListFile& file) {
  return {{"file", file.name},
          {"file_time", file.changed_at ? boost::json::value(format_rfc3339(*file.changed_at)) : nullptr},
          {"sha256", file.sha256.empty() ? boost::json::value() : boost::json::value(file.sha256)}};
}

boost::json::object stake_json(const Plan& plan, const model::Job& job) {
  const auto& safety = job.safety;
  boost::json::array reasons;
  for (const auto& [reason, cards] : plan.survey.reasons.most)
    reasons.push_back(boost::json::object{
        {"reason", reason.empty() ? boost::json::value() : boost::json::value(reason)}, {"cards", cards}});
  return {{"list", list_json(plan.imported.file)},
          {"api", job.merchant.api == model::Api::brand ? "brand" : "partner"},
          {"signer_id", job.merchant.signer_id()},
          {"primary", job.endpoints.primary.text()},
          {"backup", job.endpoints.backup.text()},
          {"reasons", std::move(reasons)},
          {"different_reasons", plan.survey.reasons.different},
          {"reasons_are_exact", plan.survey.reasons.is_exact},
          {"acknowledge", safety.acknowledge},
          {"canary", safety.canary},
          {"max_failure_rate", safety.max_failure_rate},
          {"max_rows", safety.max_rows ? boost::json::value(*safety.max_rows) : nullptr},
          {"protected_by_list", plan.protected_rows.by_list},
          {"protected_by_command", plan.protected_rows.by_command},
          {"window", safety.window ? boost::json::value(dispatch::to_text(*safety.window)) : nullptr},
          {"planned_by", plan.imported.read_by},
          {"planned_at", format_rfc3339(plan.imported.finished_at)}};
}

}  // namespace

std::string words_for_pace(const Plan& plan, const model::Job& job) {
  const auto end = end_of(plan, job);
  const auto rate = job.limits.requests_per_second;
  const auto needed = spoken_duration(plan.needed);
  if (!job.safety.window)
    return tr("at {:g} requests/s: {}, until {} if it began now", rate, needed, format_local(*end));
  const auto window = dispatch::to_text(*job.safety.window);
  return end ? tr("at {:g} requests/s: {}, until {} in every window {} from now on", rate, needed,
                  format_local(*end), window)
             : tr("at {:g} requests/s: {}, more than a year in every window {} from now on", rate, needed,
                  window);
}

bool is_too_large(const Plan& plan, const model::Job& job) {
  return job.safety.max_rows && plan.totals.to_send() > *job.safety.max_rows;
}

std::string protections_text(const ledger::ProtectionMatch& list) {
  const auto without = list.lines - list.matched;
  if (without == 0) return tr("of its lines: each names a row of this job");
  std::string examples;
  for (const auto& p : list.unmatched)
    examples += fmt::format("{}{}{}{}{}{}", examples.empty() ? "" : ", ", tr("line {}", p.source_line),
                            p.code.empty() ? "" : " code " + mask(p.code),
                            p.openid.empty() ? "" : " openid " + mask(p.openid),
                            p.card_id.empty() ? "" : " card_id " + p.card_id,
                            p.brand_id.empty() ? "" : " brand_id " + p.brand_id);
  if (without > static_cast<std::int64_t>(list.unmatched.size())) examples += ", …";
  return list.matched == 1 ? tr_n(without, "of its lines names a row of this job, {} names none ({})",
                                  "of its lines names a row of this job, {} name none ({})", examples)
                           : tr_n(without, "of its lines name a row of this job, {} names none ({})",
                                  "of its lines name a row of this job, {} name none ({})", examples);
}

void warn_of_protect_list(const Plan& plan, Console& console) {
  const auto& list = plan.imported.protections;
  if (!list || list->matched > 0) return;
  const auto words = [&] {
    return tr(
        "safety.protect protects no card of this job: {} {}. Are its codes and openids those of the "
        "input, and written alike?",
        list->matched, protections_text(*list));
  };
  console.tell(LogLevel::warning, words, Console::Hold::never);
}

void warn_of_strangers(const Plan& plan, const model::Job& job, Console& console) {
  if (!words_for_strangers(plan, job).empty())
    console.tell(LogLevel::warning, [&] { return words_for_strangers(plan, job); });
}

std::vector<CountLine> lines_read(const Plan& plan) {
  std::vector<CountLine> lines{
      {tr("lines read"), plan.imported.lines, {}},
      {tr("new"), plan.imported.added, {}},
      {tr("known"), plan.imported.known, tr("from an earlier import")},
      {tr("duplicates"), plan.imported.duplicates, tr("the same card again: collapsed")},
      {tr("refused"), plan.totals.refused_lines(), {}}};
  if (plan.imported.elsewhere > 0)
    lines.push_back({tr("elsewhere"), plan.imported.elsewhere, tr("more lines, which are of other shards")});
  return lines;
}

std::vector<CountLine> lines_protected(const Plan& plan) {
  std::vector<CountLine> lines;
  for (const auto& cause : plan.causes)
    if (cause.is_protected)
      lines.push_back(
          {"", cause.count, tr("{} ({})", report::refused_cause(cause.cause), words_for_lines(cause))});
  if (lines.size() == 1) lines.front().label = tr("kept out");
  if (lines.size() > 1)
    lines.insert(lines.begin(), {tr("kept out"), plan.totals.refused_protected,
                                 tr("lines whose cards are protected: rows of the job, but never sent")});
  return lines;
}

std::vector<CountLine> rows_not_as_listed(const Plan& plan) {
  const auto& t = plan.totals;
  std::vector<CountLine> lines;
  const auto changed = plan.imported.changed, corrected = plan.imported.corrected;
  if (changed > corrected) {
    lines.push_back({tr("changed"), changed, tr("with another openid or reason than before; of these:")});
    lines.push_back({"", corrected, tr("no request was made for them, so they are as the list says now")});
  } else if (corrected > 0) {
    lines.push_back({tr("changed"), corrected,
                     tr("with another openid or reason than before; no request was made for them")});
  }
  if (t.conflicts > 0)
    lines.push_back(
        {tr("conflicts"), t.conflicts,
         tr("the input names another openid or reason than was sent, or contradicts itself: not sent")});
  const auto& list = plan.imported.protections;
  if (list || t.protected_pending + t.protected_in_doubt + t.protected_invalidated > 0) {
    lines.push_back({tr("protected"), t.protected_pending,
                     list ? tr_n(list->lines, "never sent; safety.protect has {} line",
                                 "never sent; safety.protect has {} lines")
                          : tr("by `cardvoid protect`: never sent")});
    if (list) {
      if (list->matched < list->lines) lines.push_back({"", list->matched, protections_text(*list)});
      if (const auto cards = plan.protected_rows.by_command; cards > 0)
        lines.push_back({"", cards,
                         cards == 1 ? tr("card is named by `cardvoid protect`")
                                    : tr("cards are named by `cardvoid protect`")});
    }
    if (t.protected_in_doubt > 0)
      lines.push_back(
          {"", t.protected_in_doubt, tr("more of them are in doubt: read back, and never sent again")});
    if (t.protected_invalidated > 0)
      lines.push_back({"", t.protected_invalidated, tr("more of them are INVALID already: named too late")});
  }
  if (const auto& read = plan.imported; read.vanished > 0) {
    lines.push_back(
        {tr("vanished"), read.vanished,
         tr("rows of an earlier import that the input no longer has; {} of them are still to send",
            grouped(read.vanished_to_send))});
    if (read.newly_vanished < read.vanished)
      lines.push_back({"", read.newly_vanished, tr("of them were in the list before this one")});
  }
  if (plan.imported.returned > 0)
    lines.push_back({tr("returned"), plan.imported.returned, tr("rows that the list has again")});
  return lines;
}

std::vector<CountLine> rows_by_state(const Plan& plan) {
  const auto& t = plan.totals;
  std::vector<CountLine> lines{{tr("invalidated"), t.invalidated, {}}, {tr("rejected"), t.rejected, {}}};
  if (t.accepted() > 0)
    lines.push_back(
        {tr("accepted"), t.accepted(), tr("rejected or unresolved, and settled by a person's word")});
  lines.push_back(
      {tr("in doubt"), t.in_doubt(), t.in_doubt() > 0 ? tr("read back before anything is sent") : ""});
  lines.push_back({tr("pending"), t.pending, {}});
  if (t.pending == t.pending_to_send()) return lines;
  lines.push_back({"", t.pending_to_send(), tr("ready to send")});
  if (t.protected_pending > 0) lines.push_back({"", t.protected_pending, tr("protected: never sent")});
  if (t.conflicts > 0) lines.push_back({"", t.conflicts, tr("in conflict with the input: not sent")});
  if (t.left > 0) lines.push_back({"", t.left, tr("no longer in the list: held back")});
  return lines;
}

std::string plan_text(const Plan& plan, const model::Job& job, std::string_view differences) {
  const auto& t = plan.totals;
  auto text = head_of(plan, job) + tr("input {}", wrapped(plan.imported.source, 6, k_columns)) + "\n";
  for (const auto& remark : remarks_of(plan, job))
    text += "  " + tr("note: {}", wrapped(remark, 8, k_columns)) + "\n";
  if (!plan.imported.samples.empty())
    text += "  " + tr("samples as decoded, please look whether they make sense:") + "\n";
  for (const auto& sample : plan.imported.samples) text += fmt::format("    {}\n", sample);
  const auto say = [&](const std::vector<CountLine>& lines) {
    for (const auto& line : lines)
      text += report::count_line(line.label, 14, line.count, wrapped(line.remark, 32, k_columns));
  };
  say(lines_read(plan));
  for (const auto& cause : plan.causes)
    if (!cause.is_protected) text += cause_line(cause);
  say(lines_protected(plan));
  say(rows_not_as_listed(plan));
  if (t.left > 0) text += "  " + tr("{}; no request was made for them", words_for_left(t.left)) + "\n";
  text += tr_n(t.rows(), "{} row in the job", "{} rows in the job") + "\n";
  say(rows_by_state(plan));
  if (!plan.survey.templates.empty()) text += template_table(plan.survey);
  for (const auto& words : words_for_openids(plan.survey)) text += fmt::format("  {}\n", words);
  if (!differences.empty()) text.append("\n").append(differences).append("\n");
  if (t.to_send() == 0) return text + tr("nothing to send") + "\n";
  const auto pace = words_for_pace(plan, job);
  const auto to_send = t.in_doubt_to_send() > 0
                           ? tr("to send {}, of them in doubt {}; {}", grouped(t.to_send()),
                                grouped(t.in_doubt_to_send()), pace)
                           : tr("to send {} {}", grouped(t.to_send()), pace);
  text += wrapped(to_send, 2, k_columns) + "\n";
  if (is_too_large(plan, job))
    text += tr("run will refuse: safety.max_rows allows {}", grouped(*job.safety.max_rows)) + "\n";
  text += tr("fingerprint {}", plan.fingerprint) + "\n";
  if (!plan.run_command.empty())
    text += "\n" + tr("What is sent cannot be undone. Once this plan is approved, this sends it:") + "\n  " +
            plan.run_command + "\n";
  return text;
}

boost::json::object plan_json(const Plan& plan, const model::Job& job) {
  const auto& t = plan.totals;
  const auto end = end_of(plan, job);
  return boost::json::object{
      {"job", job.name},
      {"shard", job.shard ? boost::json::value(model::to_text(*job.shard)) : nullptr},
      {"at_stake", stake_json(plan, job)},
      {"source", plan.imported.source},
      {"remarks", as_array(remarks_of(plan, job))},
      {"samples", as_array(plan.imported.samples)},
      {"lines", plan.imported.lines},
      {"lines_of_other_shards", plan.imported.elsewhere},
      {"added", plan.imported.added},
      {"known", plan.imported.known},
      {"duplicates", plan.imported.duplicates},
      {"refused", t.refused},
      {"refused_protected", t.refused_protected},
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
      {"fingerprint", plan.fingerprint.empty() ? boost::json::value() : boost::json::value(plan.fingerprint)},
      {"run_command",
       plan.run_command.empty() ? boost::json::value() : boost::json::value(plan.run_command)}};
}

std::string words_for_left(std::int64_t cards) {
  return tr_n(cards, "{} card has left the list: held back", "{} cards have left the list: held back");
}

}  // namespace cardvoid::cli
