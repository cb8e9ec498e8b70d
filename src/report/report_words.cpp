#include "report_words.hpp"

#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/cause_words.hpp>
#include <cardvoid/report/job_report.hpp>

namespace cardvoid::report {

namespace {

using Translation = std::pair<std::string_view, std::string_view>;

// Why a run ended (run/execute.cpp), without what it leaves.
using model::Pattern;

constexpr Pattern k_endings[]{
    {"the window ", " is closed", "发送时段 {} 已结束"},
    {"stopped by ", " with cardvoid stop", "由 {} 用 cardvoid stop 停止"},
    {"--max-duration ", " is over", "已达到 --max-duration {}"},
    {"the limit of ", " row", "已达到本次运行的行数上限 {}"},
    {"ended with rows in doubt", "", "结束时仍有未决的卡"},
    {"SIG", " received", "收到信号 SIG{}"},
    {"interrupted", "", "被中断"},
};

// Why a run stopped itself, by the name of model::TripCause.
constexpr Translation k_trips[]{
    {"canary", "首批逐张试发未通过"},
    {"failure_rate", "被拒绝或未决的比例过高"},
    {"unknown_answer", "多张卡得到相同的异常应答"},
    {"wrong_card", "多个应答的是另一张卡，或无法解析"},
    {"contradiction", "应答为已作废，查询结果却不符"},
    {"already", "多张卡在首次请求之前已作废"},
};

}  // namespace

std::string Tongue::ending(std::string_view english, std::string_view tripped_by) const {
  if (english.empty() || english == "done") return {};
  if (!is_chinese()) return std::string{english};
  for (const auto& [cause, chinese] : k_trips)
    if (cause == tripped_by) return fmt::format("{}；详情见 `cardvoid status`", chinese);
  for (const auto& pattern : k_endings)
    if (const auto chinese = pattern.translate(english)) return *chinese;
  return "详情见 `cardvoid status`";
}

Tongue::Record Tongue::cause(std::string_view english) const {
  if (is_chinese())
    if (const auto chinese = model::cause_in_chinese(english)) return {*chinese, false};
  return {std::string{english}};
}

std::string refused_cause(const std::string& english) {
  return Tongue{spoken_language()}.cause(english).text;
}

Tongue::Record Tongue::wait(std::string_view english) const {
  constexpr std::string_view k_paused = "paused by ", k_rate = "rate set to ", k_by = "/s by ";
  if (!is_chinese()) return {std::string{english}};
  if (english.starts_with(k_paused))
    return {fmt::format("由 {} 暂停", english.substr(k_paused.size())), false};
  const auto by = english.find(k_by);
  if (!english.starts_with(k_rate) || by == std::string_view::npos) return {std::string{english}};
  return {fmt::format("由 {} 调整为 {} 次/秒", english.substr(by + k_by.size()),
                      english.substr(k_rate.size(), by - k_rate.size())),
          false};
}

std::optional<Key> advice_on_refusal(std::string_view code) {
  if (code.find("NOT_EXIST") != std::string_view::npos || code.find("NOT_FOUND") != std::string_view::npos)
    return Key{"do_not_exists"};
  if (code == "PARAM_ERROR" || code == "INVALID_REQUEST") return Key{"do_param"};
  if (code == "APPID_MCHID_NOT_MATCH" || code == "RULE_LIMIT") return Key{"do_rights"};
  return std::nullopt;
}

std::string Tongue::of(std::string_view prefix, std::string_view name, std::string otherwise) const {
  const auto whole = fmt::format("{}_{}", prefix, name);
  for (const auto& word : k_report_words)
    if (word.name == whole) return std::string{text(word)};
  return otherwise;
}

boost::json::object Tongue::all() const {
  boost::json::object words;
  for (const auto& word : k_report_words) words[word.name] = text(word);
  return words;
}

std::string Tongue::duration(milliseconds duration) const {
  auto text = humanize_duration(duration);
  if (!is_chinese()) return text;
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> k_units{
      {{"ms", " 毫秒"}, {"d", " 天"}, {"h", " 小时"}, {"m", " 分"}, {"s", " 秒"}}};
  std::string chinese;
  for (std::size_t at = 0; at < text.size();) {
    if (const char c = text[at]; (c >= '0' && c <= '9') || c == ' ' || c == '.') {
      chinese += c, ++at;
      continue;
    }
    bool known = false;
    for (const auto& [unit, word] : k_units)
      if (!known && text.compare(at, unit.size(), unit) == 0)
        chinese += word, at += unit.size(), known = true;
    if (!known) chinese += text[at++];
  }
  return chinese;
}

std::string Tongue::percent(std::int64_t part, std::int64_t whole) const {
  if (whole <= 0) return "–";
  if (part == 0 || part == whole) return part == 0 ? "0%" : "100%";
  const auto share = 100 * static_cast<double>(part) / static_cast<double>(whole);
  if (share < 0.01) return "<0.01%";
  return share > 99.99 ? ">99.99%" : fmt::format("{:.2f}%", share);
}

}  // namespace cardvoid::report
