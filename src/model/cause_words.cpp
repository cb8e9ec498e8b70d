#include <cardvoid/model/cause_words.hpp>
#include <utility>

namespace cardvoid::model {

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
    {"protected: never sent", "受保护：不发送"},
    {"the header again, as in files that were joined", "重复的表头，可能由文件合并造成"},
    {"a zero byte in the line", "行中含零字节"},
    {"a field over several lines that holds what looks like another row; is a quotation mark missing?",
     "字段跨多行且包含疑似另一行的内容；是否缺少引号？"},
    {"a zero byte inside, at which many programs end the text", "含零字节，许多程序会在此截断文字"},
    {"not the merchant's own, and the brand API reaches no other brand's cards",
     "不是本商户的品牌；品牌接口无法操作其他品牌的卡"},
};

constexpr Pattern k_cause_patterns[]{
    {"stored as ", ", not as TEXT, so leading", "存储类型为 {} 而非 TEXT，可能丢失前导零或数字"},
    {"stored as ", ", not as TEXT", "存储类型为 {} 而非 TEXT"},
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

std::optional<std::string> Pattern::translate(std::string_view english) const {
  if (!english.starts_with(begin)) return std::nullopt;
  english.remove_prefix(begin.size());
  const auto at = end.empty() ? english.size() : english.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  return fmt::format(fmt::runtime(chinese), english.substr(0, at));
}

std::optional<std::string> cause_in_chinese(std::string_view english) {
  if (const auto whole = translation_of(english); !whole.empty()) return std::string{whole};
  if (const auto colon = english.find(": "); colon != std::string_view::npos) {
    const auto column = english.substr(0, colon), rest = english.substr(colon + 2);
    if (const auto fault = translation_of(rest); !fault.empty()) return fmt::format("{}：{}", column, fault);
    for (const auto& pattern : k_cause_patterns)
      if (const auto fault = pattern.translate(rest)) return fmt::format("{}：{}", column, *fault);
  }
  return field_count_in_chinese(english);
}

}  // namespace cardvoid::model
