#include "report_words.hpp"

#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/job_report.hpp>

namespace cardvoid::report {

namespace {

using Translation = std::pair<std::string_view, std::string_view>;

// What model/card_rules.cpp, the input and the import say of a line; what they say of a column without its
// name.
constexpr Translation k_causes[]{
    {"empty", "为空"},
    {"leading or trailing space", "首尾有空格"},
    {"space inside", "中间有空格"},
    {"nothing but spaces", "只有空格"},
    {"control character, such as a tab or a line break", "含控制字符，如制表符或换行"},
    {"not valid UTF-8", "不是有效的 UTF-8"},
    {"characters other than half-width letters, digits and punctuation", "含半角字母、数字和标点以外的字符"},
    {"invisible character (no-break or zero-width space)", "含不可见字符（不间断空格或零宽空格）"},
    {"full-width characters; half-width ones are needed", "含全角字符，须改为半角"},
    {"wrapped as =\"…\" for a spreadsheet; input.unwrap = true undoes that",
     "为电子表格写成 =\"…\"；设置 input.unwrap = true 可还原"},
    {"an apostrophe or backtick before digits, for a spreadsheet; input.unwrap = true undoes that",
     "数字前有为电子表格加的撇号；设置 input.unwrap = true 可还原"},
    {"trailing tab, for a spreadsheet; input.unwrap = true undoes that",
     "末尾有为电子表格加的制表符；设置 input.unwrap = true 可还原"},
    {"masked with **, so not whole; `cardvoid export` has codes in full",
     "已用 ** 脱敏，不完整；`cardvoid export` 导出完整卡号"},
    {"a word that programs write for no value, such as NULL or #N/A", "程序表示空值的词，如 NULL 或 #N/A"},
    {"digits with .0 at the end: a program took them for a number", "数字末尾带 .0：被程序当作数值"},
    {"digits in groups of three: a program took them for a number", "数字带千位分隔符：被程序当作数值"},
    {"longer than 32 characters", "超过 32 个字符"},
    {"longer than 128 characters", "超过 128 个字符"},
    {"\".\" and \"..\" cannot be sent in a URL", "“.”和“..”无法放入 URL"},
    {"emoji or another character of four bytes", "含表情符号或其他四字节字符"},
    {"a replacement character (U+FFFD): an earlier conversion has lost the text",
     "含替换字符（U+FFFD）：此前的转换已丢失文字"},
    {"the same card is named with two different openids; neither line is sent",
     "同一张卡对应两个不同的 openid；两行均不发送"},
    {"the same card again with another reason; the line that came first counts",
     "同一张卡重复出现且原因不同；以先出现的行为准"},
    {"requests were made for this card with another openid or reason; not sent until the two agree again, or "
     "with another results database",
     "此卡已用另一个 openid 或原因发送过请求；两者一致之前，或换用另一个结果数据库之前，不会发送"},
    {"requests were already sent for this card with another openid; to send this line, name another results "
     "database",
     "此卡已用另一个 openid 发送过请求；如需发送此行，请指定另一个结果数据库"},
    {"the header again, as in files that were joined", "重复的表头，可能由文件合并造成"},
    {"a zero byte in the line", "行中含零字节"},
    {"a field over several lines that holds what looks like another row; is a quotation mark missing?",
     "字段跨多行且包含疑似另一行的内容；是否缺少引号？"},
    {"a zero byte inside, at which many programs end the text", "含零字节，许多程序会在此截断文字"},
    {"not the merchant's own, and the brand API reaches no other brand's cards",
     "不是本商户的品牌；品牌接口无法操作其他品牌的卡"},
};

// The same with a part that differs; what follows the last part is left out.
struct Pattern {
  std::string_view begin, end, chinese;
  std::optional<std::string> translate(std::string_view english) const {
    if (!english.starts_with(begin)) return std::nullopt;
    english.remove_prefix(begin.size());
    const auto at = end.empty() ? english.size() : english.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    return fmt::format(fmt::runtime(chinese), english.substr(0, at));
  }
};

constexpr Pattern k_cause_patterns[]{
    {"stored as ", ", not as TEXT, so leading", "存储类型为 {} 而非 TEXT，可能丢失前导零或数字"},
    {"stored as ", ", not as TEXT", "存储类型为 {} 而非 TEXT"},
};

// Why a run ended (run/execute.cpp), without what it leaves.
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

std::string_view translation_of(std::string_view cause) {
  for (const auto& [english, chinese] : k_causes)
    if (english == cause) return chinese;
  return {};
}

// "3 fields, the header has 4", as input/row_maker.cpp says it.
std::optional<std::string> field_count_in_chinese(std::string_view english) {
  constexpr std::string_view k_header = ", the header has ", k_comma = "; a full-width comma";
  const auto at = english.find(k_header);
  if (at == std::string_view::npos || english.find(" field") > at) return std::nullopt;
  const auto rest = english.substr(at + k_header.size());
  return fmt::format("有 {} 个字段，表头有 {} 个{}", english.substr(0, english.find(" field")),
                     rest.substr(0, rest.find(';')),
                     rest.find(k_comma) == std::string_view::npos ? "" : "；全角逗号不分隔字段");
}

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
  if (!is_chinese()) return {std::string{english}};
  if (const auto whole = translation_of(english); !whole.empty()) return {std::string{whole}, false};
  if (const auto colon = english.find(": "); colon != std::string_view::npos) {
    const auto column = english.substr(0, colon), rest = english.substr(colon + 2);
    if (const auto fault = translation_of(rest); !fault.empty())
      return {fmt::format("{}：{}", column, fault), false};
    for (const auto& pattern : k_cause_patterns)
      if (const auto fault = pattern.translate(rest)) return {fmt::format("{}：{}", column, *fault), false};
  }
  if (const auto fields = field_count_in_chinese(english)) return {*fields, false};
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
