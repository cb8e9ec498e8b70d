#include "report_words.hpp"

#include <array>
#include <boost/json.hpp>

namespace cardvoid::report {

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
