#include <algorithm>
#include <array>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/input/columns.hpp>
#include <set>
#include <utility>

#include "damage.hpp"

namespace cardvoid::input {

namespace {

// Without what people write now this way and now that: case, blanks, "-", "_" and the ideographic blank.
std::string plain(std::string_view name) {
  constexpr std::string_view k_wide_blank{"\xE3\x80\x80"};
  std::string text;
  while (!name.empty()) {
    if (name.starts_with(k_wide_blank)) {
      name.remove_prefix(k_wide_blank.size());
      continue;
    }
    const char c = name.front();
    if (c != ' ' && c != '\t' && c != '-' && c != '_')
      text += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    name.remove_prefix(1);
  }
  return text;
}

struct Names {
  std::string_view ours;
  std::set<std::string_view> theirs;  // plain
};

const std::array<Names, 5>& names_of_people() {
  static const std::array<Names, 5> names{{
      {"code",
       {"code", "cardcode", "cardno", "cardnumber", "usercardcode", "membercardcode", "membercardno",
        "会员卡号", "会员卡号码", "会员卡code", "会员卡编号", "会员卡卡号", "卡号", "卡code"}},
      {"openid",
       {"openid", "useropenid", "wxopenid", "wechatopenid", "微信openid", "用户openid", "会员openid",
        "用户标识"}},
      {"card_id",
       {"cardid", "templateid", "cardtemplateid", "会员卡模板id", "会员卡模版id", "卡模板id", "卡模版id",
        "模板id", "模版id"}},
      {"brand_id", {"brandid", "品牌id", "品牌编号"}},
      {"reason", {"reason", "invalidreason", "作废原因", "原因"}},
  }};
  return names;
}

}  // namespace

Columns guess_columns(const std::vector<std::string>& names) {
  Columns columns;
  for (const auto& [ours, theirs] : names_of_people()) {
    if (std::find(names.begin(), names.end(), ours) != names.end()) {
      columns.emplace(ours, ours);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& name : names)
      if (theirs.contains(plain(name))) found.push_back(name);
    if (found.size() == 1) columns.emplace(ours, found.front());
  }
  return columns;
}

std::string columns_line(const Columns& columns) {
  std::string pairs;
  for (const auto ours : k_column_names) {
    const auto found = columns.find(std::string{ours});
    if (found == columns.end() || found->second == ours) continue;
    pairs += (pairs.empty() ? "" : ", ") + std::string{ours} + " = " + toml_quoted(found->second);
  }
  return pairs.empty() ? "" : "columns = { " + pairs + " }";
}

}  // namespace cardvoid::input
