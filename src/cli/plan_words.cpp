#include "plan_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/dispatch/window.hpp>
#include <map>

namespace cardvoid::cli {

namespace {

constexpr std::size_t k_most_brands = 5;

std::string words_for_list(const model::ListFile& file, const model::Job& job) {
  auto text = std::filesystem::path{file.name}.filename().string();
  if (!job.input.sqlite.empty()) text = tr("{}, by a query", text);
  if (file.changed_at) text = tr("{}, changed {}", text, format_local(*file.changed_at));
  return text;
}

std::string words_for_host(const model::EndpointAddress& address) {
  if (!address.proxy) return address.text();
  return tr("{} (through {}:{})", address.text(), address.proxy->host, address.proxy->port);
}

// Of the rows to send, as far as templates are told apart.
std::string words_for_brands(const ledger::Survey& survey) {
  std::map<std::string, std::int64_t> cards;
  for (const auto& one : survey.templates)
    if (one.to_send > 0) cards[one.brand_id] += one.to_send;
  std::string text;
  std::size_t said = 0;
  for (const auto& [brand, count] : cards) {
    if (++said > k_most_brands) continue;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", brand);
    if (cards.size() > 1) text += " (" + tr_n(count, "{} card", "{} cards") + ")";
  }
  if (said > k_most_brands) text = tr("{}, and {} more", text, said - k_most_brands);
  return text;
}

std::vector<std::pair<std::string, std::string>> words_for_reasons(const ledger::Survey::Reasons& reasons,
                                                                   std::size_t most) {
  std::vector<std::pair<std::string, std::string>> words;
  for (const auto& [reason, count] : reasons.most) {
    if (words.size() == most) break;
    words.emplace_back(reason.empty() ? tr("nothing: the list gives no reason") : reason,
                       reasons.is_exact ? tr_n(count, "{} card", "{} cards")
                                        : tr_n(count, "at least {} card", "at least {} cards"));
  }
  if (const auto more = reasons.different - static_cast<std::int64_t>(words.size()); more > 0)
    words.emplace_back(reasons.is_exact
                           ? tr_n(more, "and {} other reason", "and {} other reasons")
                           : tr_n(more, "and at least {} other reason", "and at least {} other reasons"),
                       tr("fewer cards each; `plan --page` names them"));
  else if (!reasons.is_exact)
    words.emplace_back(tr("and further reasons"), tr("fewer cards each; they stand in the list"));
  return words;
}

std::string words_for_protections(const Plan& plan, const model::Job& job) {
  const auto& [by_list, by_command] = plan.protected_rows;
  std::string text;
  if (!job.safety.protect.empty())
    text = tr_n(by_list, "{} card by safety.protect ({})", "{} cards by safety.protect ({})",
                job.safety.protect.filename().string());
  if (by_command == 0) return text.empty() ? tr("no card") : text;
  const auto commanded = tr_n(by_command, "{} card by `cardvoid protect`", "{} cards by `cardvoid protect`");
  return text.empty() ? commanded : tr("{}, {}", text, commanded);
}

}  // namespace

std::string words_for_lines(const ledger::RefusedCause& cause) {
  std::string text;
  for (const auto line : cause.example_lines) text += fmt::format("{}{}", text.empty() ? "" : ", ", line);
  const bool has_more = static_cast<std::size_t>(cause.count) > cause.example_lines.size();
  if (has_more) text += ", …";
  return cause.example_lines.size() == 1 ? tr("line {}", text) : tr("lines {}", text);
}

std::vector<NumberColumn> number_columns(const ledger::Survey& survey) {
  using ledger::TemplateTotals;
  constexpr NumberColumn k_all[] = {
      {translatable("rows"), translatable("Cards in the job"), 12, &TemplateTotals::rows, false},
      {translatable("to send"), translatable("To become invalid"), 12, &TemplateTotals::to_send, false},
      {translatable("in doubt"), translatable("In doubt"), 11, &TemplateTotals::in_doubt, true},
      {translatable("invalidated"), translatable("Invalid already"), 13, &TemplateTotals::invalidated, true},
      {translatable("rejected"), translatable("Rejected"), 11, &TemplateTotals::rejected, true},
      {translatable("in conflict"), translatable("In conflict"), 13, &TemplateTotals::conflicts, true}};
  std::vector<NumberColumn> columns;
  for (const auto& column : k_all)
    if (!column.may_be_left_out || std::any_of(survey.templates.begin(), survey.templates.end(),
                                               [&](const auto& one) { return one.*column.number > 0; }))
      columns.push_back(column);
  return columns;
}

std::vector<std::string> words_for_more_templates(const ledger::Survey& survey, std::size_t shown) {
  std::vector<std::string> words;
  const auto all = static_cast<std::int64_t>(survey.templates.size());
  if (const auto more = all - static_cast<std::int64_t>(shown); more > 0)
    words.push_back(tr_n(more, "{} more template", "{} more templates"));
  if (survey.others.rows > 0)
    words.push_back(tr_n(survey.others.rows, "{} row of templates beyond the first {}",
                         "{} rows of templates beyond the first {}", grouped(all)));
  return words;
}

std::vector<std::string> words_for_openids(const ledger::Survey& survey) {
  std::vector<std::string> words;
  for (const auto& [openid, cards] : survey.frequent_openids)
    words.push_back(tr("openid {} has at least {} of the cards", mask(openid), grouped(cards)));
  return words;
}

Stake stake_of(const Plan& plan, const model::Job& job, std::size_t most_reasons) {
  const auto& safety = job.safety;
  const auto& imported = plan.imported;
  const bool is_brand_api = job.merchant.api == model::Api::brand;
  Stake stake;
  stake.list = words_for_list(imported.file, job);
  stake.sha256 = imported.file.sha256;
  stake.merchant = is_brand_api ? tr("brand {} signs (brand API)", job.merchant.signer_id())
                                : tr("mchid {} signs (partner API)", job.merchant.signer_id());
  stake.hosts =
      tr("{}, else {}", words_for_host(job.endpoints.primary), words_for_host(job.endpoints.backup));
  stake.brands = words_for_brands(plan.survey);
  stake.reasons = words_for_reasons(plan.survey.reasons, most_reasons);
  stake.canary = safety.canary > 0 ? tr_n(safety.canary, "the first {} card alone, and read back",
                                          "the first {} cards one by one, each read back")
                                   : tr("off");
  stake.breaker = safety.max_failure_rate < 1 ? tr("stops when more than {:g}% of the last 50 cards fail",
                                                   safety.max_failure_rate * 100)
                                              : tr("off");
  stake.protections = words_for_protections(plan, job);
  if (safety.max_rows)
    stake.most = tr_n(*safety.max_rows, "{} card (safety.max_rows)", "{} cards (safety.max_rows)");
  if (safety.window) {
    const auto hours = dispatch::to_text(*safety.window);
    stake.window =
        safety.timezone.empty() ? tr("every day {}", hours) : tr("every day {}, {}", hours, safety.timezone);
  } else {
    stake.window = tr("at any hour");
  }
  stake.planned = tr("by {}, {}", imported.read_by, format_local(imported.finished_at));
  return stake;
}

namespace {

std::string words_for_other_brand(const ledger::OtherBrand& brands) {
  const auto& [before, now] = brands;
  std::string states;
  const auto say = [&states](std::int64_t count, const std::string& words) {
    if (count > 0) states = states.empty() ? words : tr("{}, {}", states, words);
  };
  say(before.in_doubt, tr("{} in doubt", grouped(before.in_doubt)));
  say(before.invalidated, tr("{} invalidated", grouped(before.invalidated)));
  say(before.rejected, tr("{} rejected", grouped(before.rejected)));
  say(before.held_back, tr("{} held back", grouped(before.held_back)));
  say(before.to_send, tr("{} still to be sent or settled", grouped(before.to_send)));
  return tr(
      "another brand than before: {} cards of brand {} would be sent, and the list no longer has any of the "
      "job's {} cards of brand {} ({}). If brand_id is mistyped, correct it and plan again; if it is another "
      "brand's list, give it a job file of its own, with another results.database",
      grouped(now.to_send), now.brand_id, grouped(before.rows), before.brand_id, states);
}

}  // namespace

std::string words_for_other_signer(std::string_view before, std::string_view now) {
  return tr(
      "another merchant than before: {} signs now, and {} signed when this results database was last used. "
      "If "
      "that is a mistake in [merchant], correct it and plan again; another merchant's list needs a job file "
      "of "
      "its own, with another results.database",
      now, before);
}

std::string words_for_strangers(const Plan& plan, const model::Job& job) {
  if (plan.other_brand) return words_for_other_brand(*plan.other_brand);
  return plan.former_signer.empty() ? std::string{}
                                    : words_for_other_signer(plan.former_signer, job.merchant.signer());
}

std::vector<std::string> remarks_of(const Plan& plan, const model::Job& job) {
  auto remarks = plan.imported.remarks;
  if (auto words = words_for_strangers(plan, job); !words.empty()) remarks.push_back(std::move(words));
  return remarks;
}

}  // namespace cardvoid::cli
